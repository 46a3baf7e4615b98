"""Backups of machines: a folder that holds images, manifests and an index of them; taken, checked, brought back.

A folder belongs to one machine. Each backup in it has a folder of its own, and counts once the index names it.
"""

from kvmctl.backup.folder import Folder
from kvmctl.backup.index import Backup, Index, Saved
from kvmctl.backup.restore import Restored, Restoring, restore
from kvmctl.backup.take import Order, take

__all__ = ["Backup", "Folder", "Index", "Order", "Restored", "Restoring", "Saved", "restore", "take"]
