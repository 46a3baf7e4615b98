"""Snapshots of machines: taken, removed, reverted to."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

from kvmctl import xmlio

if TYPE_CHECKING:
    from kvmctl.actions import Action
    from kvmctl.apply.context import Context


def take(action: Action, context: Context) -> None:
    """Take the snapshot as the plan says: each disk and the memory with its place."""
    details = action.details
    root = ET.Element("domainsnapshot")
    xmlio.write(root, details["snapshot"], fresh=True)
    context.hypervisor.create_snapshot(
        action.address.name,
        xmlio.serialize(root),
        disks_only=details["disks_only"],
        live=details["live"],
        quiesce=details["quiesce"],
    )


def remove(action: Action, context: Context) -> None:
    """Remove the snapshot; the user allowed it, and the machine goes on as it is."""
    context.hypervisor.delete_snapshot(action.address.name, action.details["snapshot"])


def revert(action: Action, context: Context) -> None:
    """Bring the machine back to the snapshot, and away with memory that was saved since.

    libvirt leaves such a managed save where it is (libvirt 9.0): the next start would go on with its memory on disks
    that have another content by then.
    """
    hypervisor, name = context.hypervisor, action.address.name
    hypervisor.remove_managed_save(name)
    hypervisor.revert_to_snapshot(name, action.details["snapshot"])
