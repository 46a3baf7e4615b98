"""Rules of a machine's snapshots (libvirt: docs/formatsnapshot)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kvmctl.fields import known
from kvmctl.rules.finding import Finding, Path, about, items, repeated

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvmctl.models.snapshot import Snapshot
    from kvmctl.models.vm import VirtualMachine

_RESERVED: Final = "kvmctl-guard"  # what `apply --guard` calls its own


@about("snapshots")
def snapshots(spec: VirtualMachine) -> Iterator[Finding]:
    """Refuse names that are taken, files without a use, and what libvirt can't mix."""
    listed = items(spec.snapshots)
    for index, first, name in repeated((index, each.name) for index, each in enumerate(listed)):
        message = f"{name} is the name of snapshots[{first}] already"
        yield Finding(("spec", "snapshots", index, "name"), message, "write another name")
    for index, each in enumerate(listed):
        path: Path = ("spec", "snapshots", index)
        if each.name == _RESERVED:
            yield Finding((*path, "name"), f"{_RESERVED} is what apply --guard calls its own", "write another name")
        yield from _memory(each, path)
        yield from _disks(each, path)


def _memory(snapshot: Snapshot, path: Path) -> Iterator[Finding]:
    memory = known(snapshot.memory)
    place, file = (known(memory.snapshot), known(memory.file)) if memory else (None, None)
    if place == "external" and not file:
        yield Finding(
            (*path, "memory"), "external memory needs a file", "write memory: {snapshot: external, file: /PATH}"
        )
    if file and place != "external":
        yield Finding(
            (*path, "memory", "file"), "only external memory is in a file", "write snapshot: external beside it"
        )
    if known(snapshot.quiesce) is True and place in ("internal", "external"):
        message = "a snapshot with memory is never quiesced: the guest stands still in it"
        yield Finding((*path, "quiesce"), message, "write memory: none, or take quiesce away")


def _disks(snapshot: Snapshot, path: Path) -> Iterator[Finding]:
    disks = items(snapshot.disks)
    places = {disk.snapshot for disk in disks if known(disk.snapshot)}
    if {"internal", "external"} <= places:
        yield Finding(
            (*path, "disks"), "libvirt can't mix internal and external", "write all of them internal, or external"
        )
    for index, first, target in repeated((index, disk.target) for index, disk in enumerate(disks)):
        yield Finding((*path, "disks", index, "target"), f"{target} is disks[{first}] already", "take one of them away")
    for index, disk in enumerate(disks):
        if known(disk.file) and known(disk.snapshot) != "external":
            message = "only an external snapshot has a file of its own"
            yield Finding((*path, "disks", index, "file"), message, "write snapshot: external beside it")


RULES = (snapshots,)
