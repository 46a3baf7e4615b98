"""Memory that comes and goes with devices: the machine's own numbers include them, and libvirt moves these along."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from kvmctl.fields import rows
from kvmctl.models.memory_device import MemoryDevice

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from kvmctl.diff import Change
    from kvmctl.models.memory import Memory
    from kvmctl.models.vm import VirtualMachine
    from kvmctl.plan.guest import Guest

DEVICES: Final = "memoryDevices"


def followers(guest: Guest, changes: Sequence[Change]) -> list[Change]:
    """Return the changes of the machine's memory that follow from memory devices alone."""
    devices = [change for change in changes if change.path[0] == DEVICES]
    memory, wanted = cast("Memory", guest.running.memory), cast("Memory", guest.spec.memory)
    if not devices or memory.max is None or memory.current is None:
        return []
    grown = _grown(devices)
    follows: dict[tuple[str, ...], bool] = {
        ("memory", "max"): wanted.max == memory.max + grown,
        ("memory", "current"): wanted.current == memory.current + held_back(guest.running) + grown,
    }
    follows["memory",] = all(follows.values())
    return [change for change in changes if follows.get(change.path)]


def held_back(machine: VirtualMachine) -> int:
    """Return how many bytes of virtio-mem a running machine may not use; its current memory lacks them.

    The persistent definition counts such a device's whole size as current memory (libvirt 9.0).
    """
    devices = machine.memory_devices or ()
    return sum((each.size or 0) - (each.requested or 0) for each in devices if each.model == "virtio-mem")


def _grown(devices: Iterable[Change]) -> int:
    """Return by how many bytes the devices grow that come and go."""
    return sum(_size(change.after) - _size(change.before) for change in devices if change.is_item)


def _size(item: Any) -> int:
    return cast("int", rows(MemoryDevice)["size"].codec.parse(item["size"])) if item else 0
