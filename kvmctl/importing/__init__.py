"""Live objects made into manifests: as a person would have written them, and faithful to the last attribute."""

from kvmctl.importing.documents import Imported, manifest_of
from kvmctl.importing.selection import chosen

__all__ = ["Imported", "chosen", "manifest_of"]
