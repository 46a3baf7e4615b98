"""What an observation comes to: the resources that exist, those that can't be seen, and facts about the host."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kvmctl.inventory import Address, Inventory


@dataclass(frozen=True, slots=True)
class HostFacts:
    """What the host is. `arch` and `types` are empty unless they were asked for."""

    uri: str
    libvirt: str
    hypervisor: str
    arch: str = ""
    types: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def domain_types(self, arch: str) -> tuple[str, ...]:
        """Return the domain types (kvm, qemu, …) that the host offers for guests of an architecture."""
        return self.types.get(arch, ())


@dataclass(frozen=True, slots=True)
class Observation:
    """What was seen; `hidden` are the wanted disks that can't be seen, because their pool is stopped."""

    inventory: Inventory
    hidden: frozenset[Address]
    host: HostFacts
