"""What an observation comes to: the resources that exist, those that can't be seen, and facts about the host."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kvmctl.inventory import Address, Inventory, Resource


class HostFacts(NamedTuple):
    """What the host is. `arch` and `types` are empty unless they were asked for."""

    uri: str
    libvirt: str
    hypervisor: str
    arch: str = ""
    types: Mapping[str, tuple[str, ...]] = MappingProxyType({})

    def domain_types(self, arch: str) -> tuple[str, ...]:
        """Return the domain types (kvm, qemu, …) that the host offers for guests of an architecture."""
        return self.types.get(arch, ())


class Observation(NamedTuple):
    """What was seen; `hidden` are the wanted disks that can't be seen, because their pool is stopped.

    `elsewhere` are the wanted disks that aren't in their pool, but whose images are found: in another pool, where a
    machine uses them, or under a reserved name, where a killed apply left them.
    """

    inventory: Inventory
    hidden: frozenset[Address]
    host: HostFacts
    elsewhere: Mapping[Address, Resource] = MappingProxyType({})
