"""What a running guest lacks to take a change at once, for the plan to say where it waits for want of that alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmctl.codec import format_size
from kvmctl.fields import known

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from kvmctl.diff import Change
    from kvmctl.models.vm import VirtualMachine


def hints(running: VirtualMachine, spec: VirtualMachine, left: Iterable[Change]) -> Iterator[str]:
    """Yield what there is too little of, and how to have it the next time, for the changes that wait."""
    fields = {change.field for change in left}
    if fields & {("vcpus",), ("vcpus", "current")}:
        yield from _vcpus(running, spec)
    if fields & {("memory",), ("memory", "current")}:
        yield from _memory(running, spec)
    if ("memoryDevices",) in fields and known(running.max_memory) is None:
        yield (
            "the running guest has no slots for memory devices; "
            "maxMemory: {size: SIZE, slots: NUMBER} makes some from its next start on"
        )


def _vcpus(running: VirtualMachine, spec: VirtualMachine) -> Iterator[str]:
    wanted, most = _count(spec.vcpus, "current"), _count(running.vcpus, "max")
    if wanted > most > 0:
        room = max(_count(spec.vcpus, "max"), 2 * wanted)
        yield (
            f"vcpus.max is {most} in the running guest, which can't have more before its next start; "
            f"with vcpus: {{current: {wanted}, max: {room}}} the next CPUs come while it runs"
        )


def _memory(running: VirtualMachine, spec: VirtualMachine) -> Iterator[str]:
    wanted, most = _count(spec.memory, "current"), _count(running.memory, "max")
    if wanted > most > 0:
        room = max(_count(spec.memory, "max"), 2 * wanted)
        yield (
            f"memory.max is {format_size(most)} in the running guest, which can't have more before its next start; "
            f"with memory: {{current: {format_size(wanted)}, max: {format_size(room)}}} more comes while it runs"
        )


def _count(group: object, name: str) -> int:
    """Return a number of a group; 0 where it isn't stated."""
    return int(known(getattr(known(group), name, None)) or 0)
