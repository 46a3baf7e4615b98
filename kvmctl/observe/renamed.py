"""Machines that a manifest knows under another name than the host: the same UUID, or the former name told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from kvmctl.fields import known
from kvmctl.inventory import Address

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvmctl.hypervisor import DomainEntry
    from kvmctl.inventory import Inventory
    from kvmctl.models.vm import VirtualMachine

FORMER: Final = "kvmctl/renamed-from"
"""The annotation that tells a machine's former name, where its manifest doesn't state its UUID."""


def new_names(wanted: Inventory, entries: Sequence[DomainEntry]) -> dict[str, Address]:
    """Return by their present names the machines that manifests want under another one.

    A machine whose present name is wanted too stays what it is.
    """
    names = {entry.name for entry in entries}
    missing = [each for address, each in wanted.items() if address.kind == "vm" and address.name not in names]
    if not missing:
        return {}
    by_uuid = {known(cast("VirtualMachine", each.spec).uuid): each.address for each in missing}
    by_name = {each.annotations.get(FORMER): each.address for each in missing}
    found = {}
    for entry in entries:
        address = by_uuid.get(entry.uuid) or by_name.get(entry.name)
        if address is not None and Address("vm", entry.name) not in wanted:
            found[entry.name] = address
    return found
