"""How a snapshot is taken of a machine: what libvirt needs to be told, what it disturbs, or why it can't be."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, Final, NamedTuple

from kvmctl.actions import Disruption
from kvmctl.codec import format_size
from kvmctl.fields import UNSET, changed, known, stating
from kvmctl.models.snapshot import Snapshot, SnapshotDisk, SnapshotMemory
from kvmctl.names import GUEST_AGENT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kvmctl.models.disk_device import DiskDevice
    from kvmctl.models.vm import VirtualMachine

_REMOVABLE: Final = frozenset({"cdrom", "floppy"})
OFF: Final = "Off"


class Taking(NamedTuple):
    """A snapshot with all that the manifest left open, the flags of libvirt's call, what it disturbs, and in words."""

    snapshot: Snapshot
    disks_only: bool
    live: bool
    quiesce: bool
    disruption: Disruption
    note: str


class Impossible(NamedTuple):
    """Why a snapshot can't be taken, and what to do."""

    reason: str
    hint: str


class _Machine(NamedTuple):
    """A machine as its definition in effect says, what it does, and what of its state is beside its disks."""

    spec: VirtualMachine
    power: str
    beside: Sequence[str]

    @property
    def writable(self) -> dict[str, DiskDevice]:
        """The disks that the guest can write to, by target."""
        return {
            str(disk.target): disk
            for disk in known(self.spec.disks) or ()
            if known(disk.device) not in _REMOVABLE and known(disk.readonly) is not True
        }


def taking(wish: Snapshot, spec: VirtualMachine, power: str, beside: Sequence[str] = ()) -> Taking | Impossible:
    """Return how a snapshot is taken of a machine that is Running, Paused or Off."""
    machine = _Machine(spec, power, beside)
    memory = _memory(wish, power)
    place = "external" if memory == "external" or (power != OFF and memory == "none") else "internal"
    disks = _disks(wish, machine, place)
    wrong = next(_impossible(wish, machine, memory, disks), None)
    if wrong is not None:
        return wrong
    if disks[0].snapshot == "external":
        return _external(wish, machine, memory, disks)
    return _internal(wish, machine, memory, disks)


def _memory(wish: Snapshot, power: str) -> str:
    """Return where the memory goes; a running machine's goes where its disks do, unless the manifest says where."""
    memory = known(wish.memory)
    stated = known(memory.snapshot) if memory else None
    if stated:
        return stated
    external = any(known(disk.snapshot) == "external" for disk in known(wish.disks) or ())
    return "none" if power == OFF or external else "internal"


def _disks(wish: Snapshot, machine: _Machine, place: str) -> list[SnapshotDisk]:
    """Return the disks that the snapshot keeps, each with its place."""
    if known(wish.disks) is None:
        return [stating(SnapshotDisk, target=target, snapshot=place) for target in machine.writable]
    placed = [changed(disk, snapshot=known(disk.snapshot) or place) for disk in wish.disks or ()]
    return [disk for disk in placed if disk.snapshot != "none"]


def _impossible(wish: Snapshot, machine: _Machine, memory: str, disks: Sequence[SnapshotDisk]) -> Iterator[Impossible]:
    """Yield what libvirt or QEMU would refuse (libvirt 9.0, QEMU 7.2)."""
    unknown = [str(disk.target) for disk in disks if disk.target not in machine.writable]
    if unknown:
        yield Impossible(
            f"{', '.join(unknown)} is no disk of it that a guest can write to",
            f"there are: {', '.join(machine.writable) or 'none'}",
        )
    if not disks:
        yield Impossible("it has no disk that a snapshot could keep", "take it out of the manifest")
    if memory != "none" and machine.power == OFF:
        yield Impossible("a machine that is off has no memory to keep", "write memory: none, or start it first")
    yield from _impossible_quiesce(wish, machine, memory, disks)
    if any(disk.snapshot == "external" for disk in disks):
        yield from _impossible_external(memory, machine, disks)
    else:
        yield from _impossible_internal(memory, machine, disks)


def _impossible_quiesce(
    wish: Snapshot, machine: _Machine, memory: str, disks: Sequence[SnapshotDisk]
) -> Iterator[Impossible]:
    if known(wish.quiesce) is not True or machine.power == OFF:
        return
    if memory != "none" or any(disk.snapshot != "external" for disk in disks):
        yield Impossible(
            "only an external snapshot without memory can be quiesced", "write memory: none, or take quiesce away"
        )
    if not any(known(channel.name) == GUEST_AGENT for channel in known(machine.spec.channels) or ()):
        yield Impossible(
            f"it has no channel {GUEST_AGENT}, by which the guest's agent could be asked to freeze its file systems",
            "give it one, with qemu-guest-agent in the guest, or take quiesce away",
        )


def _impossible_external(memory: str, machine: _Machine, disks: Sequence[SnapshotDisk]) -> Iterator[Impossible]:
    inside = [str(disk.target) for disk in disks if disk.snapshot == "internal"]
    if inside or memory == "internal":
        yield Impossible(
            f"{', '.join(inside) or 'the memory'} would be internal and other parts external, which libvirt can't mix",
            "write all of it internal, or all external",
        )
    homeless = [str(disk.target) for disk in disks if not known(disk.file) and not _image(machine, disk)]
    if homeless:
        yield Impossible(
            f"{', '.join(homeless)} is no file beside which an overlay could be made",
            f"write disks: [{{target: {homeless[0]}, snapshot: external, file: /PATH}}]",
        )
    files = [_overlay("", disk, machine) for disk in disks]
    if len(set(files)) < len(files):
        yield Impossible("two of its disks would get the same overlay", "write a file for each in disks")


def _impossible_internal(memory: str, machine: _Machine, disks: Sequence[SnapshotDisk]) -> Iterator[Impossible]:
    if machine.power != OFF and memory == "none":
        yield Impossible(
            "an internal snapshot of a running machine includes its memory",
            "write memory: internal, make its disks external, or stop the machine first",
        )
    left_out = [target for target in machine.writable if target not in {disk.target for disk in disks}]
    if left_out:
        yield Impossible(
            f"an internal snapshot keeps all disks that the guest can write to, {', '.join(left_out)} too",
            "take disks away from the snapshot, or write them external",
        )
    for target, disk in machine.writable.items():
        image_format = known(disk.format) or "raw"
        if image_format != "qcow2":
            yield Impossible(
                f"{target} is {image_format}, and only qcow2 can hold a snapshot",
                "convert the disk to qcow2, or make the snapshot external",
            )
    firmware = known(known(machine.spec.os).firmware) if known(machine.spec.os) else None  # type: ignore[union-attr]
    if memory == "internal" and firmware == "uefi":
        yield Impossible(
            "QEMU can't keep the memory of a machine with UEFI within its disks, because its NVRAM is no qcow2",
            "make the snapshot external, or stop the machine first",
        )


def _image(machine: _Machine, disk: SnapshotDisk) -> str:
    device = machine.writable.get(str(disk.target))
    return str((known(device.file) if device else None) or "")


def _overlay(name: str, disk: SnapshotDisk, machine: _Machine) -> str:
    """Return the overlay's path as libvirt would choose it: the image's, its ending replaced by the snapshot's name."""
    return known(disk.file) or f"{posixpath.splitext(_image(machine, disk))[0]}.{name}"


def _internal(wish: Snapshot, machine: _Machine, memory: str, disks: Sequence[SnapshotDisk]) -> Taking:
    images = ", ".join(dict.fromkeys(_image(machine, disk) or str(disk.target) for disk in disks))
    notes = [f"it is kept within {images}"]
    if memory == "internal":
        size = format_size(int(known(machine.spec.memory.max) or 0)) if machine.spec.memory else "its memory"
        notes.append(f"so is the memory, up to {size}")
        notes += ["the guest stands still while that is written"] if machine.power == "Running" else []
    elif machine.beside:
        notes.append(f"it doesn't hold its {' and '.join(machine.beside)}")
    disruption = Disruption.INTERRUPT if machine.power == "Running" else Disruption.NONE
    return Taking(
        _complete(wish, memory, disks), disks_only=False, live=False, quiesce=False, disruption=disruption,
        note="; ".join(notes),
    )  # fmt: skip


def _external(wish: Snapshot, machine: _Machine, memory: str, disks: Sequence[SnapshotDisk]) -> Taking:
    placed = [changed(disk, file=_overlay(str(wish.name), disk, machine)) for disk in disks]
    notes = [
        f"{disk.target}: the new file {disk.file} takes what is written from then on, "
        f"{_image(machine, disk) or 'the image'} stays as it is"
        for disk in placed
    ]
    if memory == "external" and wish.memory:
        notes.append(f"the memory goes to {known(wish.memory.file)} while the guest runs on")
    quiesce = known(wish.quiesce) is True and machine.power != OFF
    notes += ["the guest's agent freezes its file systems for that moment"] if quiesce else []
    return Taking(
        _complete(wish, memory, placed), disks_only=memory == "none", live=memory == "external", quiesce=quiesce,
        disruption=Disruption.LIVE if machine.power == "Running" else Disruption.NONE, note="; ".join(notes),
    )  # fmt: skip


def _complete(wish: Snapshot, memory: str, disks: Sequence[SnapshotDisk]) -> Snapshot:
    """Return the snapshot as libvirt is told: with its memory's place, and each disk's."""
    file = known(wish.memory.file) if known(wish.memory) and wish.memory else None
    kept = stating(SnapshotMemory, snapshot=memory, file=file or UNSET)
    listed = {str(disk.target) for disk in disks}
    others = [disk for disk in known(wish.disks) or () if disk.target not in listed]
    return stating(
        Snapshot, name=wish.name, description=known(wish.description) or UNSET, memory=kept, disks=(*disks, *others)
    )
