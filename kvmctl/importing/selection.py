"""Which live objects are imported: those named and what they stand on, or all that there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmctl.inventory import meant
from kvmctl.models import KINDS
from kvmctl.usage import disks_of, stands_on

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kvmctl.inventory import Address, Inventory, Resource

_ORDER = {kind.short: place for place, kind in enumerate(KINDS)}


def chosen(have: Inventory, addresses: Iterable[Address]) -> tuple[list[Resource], list[Address]]:
    """Return the resources to import, what is needed first, and those that no manifest can name.

    A volume whose name another pool has too can't have a manifest of its own, since names are unique within a kind;
    machines then tell its path.
    """
    disks = disks_of(have)
    wanted: set[Address] = set()
    queue = list(addresses)
    while queue:
        address = queue.pop()
        if address in have and address not in wanted:
            wanted.add(address)
            queue += (meant(target, have) for target in stands_on(have[address], disks))
    nameless = sorted(address for address in wanted if "/" in address.name)
    named = sorted(wanted - set(nameless), key=lambda address: (_ORDER[address.kind], address.name))
    return [have[address] for address in named], nameless
