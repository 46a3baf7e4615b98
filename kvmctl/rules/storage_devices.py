"""Rules of a machine's disks, filesystems and host devices (libvirt: docs/formatdomain, and domain_conf.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kvmctl.fields import known
from kvmctl.rules.finding import Finding, Path, about, items, repeated, stated

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvmctl.models.disk_device import DiskDevice
    from kvmctl.models.vm import VirtualMachine

_REMOVABLE: Final = ("cdrom", "floppy")
_SOURCES: Final = {"pool": "volume", "dir": "dir", "nvme": "nvme", "vhostuser": "vhostuser", "protocol": "network"}
"""The field of `source` that says what it is, and the type of disk that this makes."""
_MADE: Final = {"file": "file", "block": "block", **{f"source.{name}": kind for name, kind in _SOURCES.items()}}
_HOSTDEVS: Final = ("pci", "usb", "mdev", "scsi", "iscsi", "scsi_host", "storage", "misc", "net")
_GUESSES: Final = ("kvm", "qemu")


@about("disks")
def disks(spec: VirtualMachine) -> Iterator[Finding]:
    """Refuse targets that are taken, and disks that don't say what they hold."""
    held = items(spec.disks)
    for index, first, target in repeated((index, disk.target) for index, disk in enumerate(held)):
        message = f"{target} is the target of disks[{first}] already"
        yield Finding(("spec", "disks", index, "target"), message, "write another target")
    for index, disk in enumerate(held):
        path = ("spec", "disks", index)
        given = _held(disk)
        yield from _contents(path, disk, given)
        yield from _source(path, disk)
        if known(spec.type) in (None, *_GUESSES):
            yield from _format(path, disk, given)


def _held(disk: DiskDevice) -> list[str]:
    """Return the paths of the fields that say what a disk holds."""
    held, source = stated(disk, "disk", "file", "block"), known(disk.source)
    return held if source is None else [*held, *(f"source.{name}" for name in stated(source, *_SOURCES))]


def _contents(path: Path, disk: DiskDevice, given: list[str]) -> Iterator[Finding]:
    if len(given) > 1:
        hint = f"keep one of {' and '.join(given)}"
        yield Finding((*path, *given[1].split(".")), f"{disk.target} holds {given[0]} already", hint)
    if not given and disk.device not in _REMOVABLE:
        hint = "write disk: and a Disk's name, file: and a path, or block: and a device"
        yield Finding(path, f"{disk.target} doesn't say what it holds", hint)
    kind = known(disk.type)
    if len(given) == 1 and kind is not None and _MADE.get(given[0], kind) != kind:
        message = f'type "{kind}" contradicts {given[0]}, which makes it {_MADE[given[0]]}'
        yield Finding((*path, "type"), message, "take type away; it follows")


def _source(path: Path, disk: DiskDevice) -> Iterator[Finding]:
    source = known(disk.source)
    if disk.source is None:
        hint = "take it away; to empty a drive write null for the field within that says what is in it"
        yield Finding((*path, "source"), "null says nothing here", hint)
    if source is None:
        return
    given = stated(source, "pool", "volume")
    if len(given) == 1:
        other = "volume" if given == ["pool"] else "pool"
        message = f"{given[0]} means nothing without {other}"
        yield Finding((*path, "source", given[0]), message, f"write {other}: beside it")


def _format(path: Path, disk: DiskDevice, given: list[str]) -> Iterator[Finding]:
    if given in (["file"], ["block"]) and disk.device not in _REMOVABLE and known(disk.format) is None:
        hint = "write format: raw or format: qcow2, whichever it is; kvmctl doesn't guess"
        yield Finding((*path, given[0]), f"the format of {getattr(disk, given[0])} is not stated", hint)


@about("filesystems")
def filesystems(spec: VirtualMachine) -> Iterator[Finding]:
    """Refuse tags that are taken: the guest mounts by them."""
    held = enumerate(items(spec.filesystems))
    for index, first, target in repeated((index, each.target) for index, each in held):
        message = f"{target} is the target of filesystems[{first}] already"
        yield Finding(("spec", "filesystems", index, "target"), message, "write another target")


@about("hostdevs")
def hostdevs(spec: VirtualMachine) -> Iterator[Finding]:
    """Refuse host devices that are two things at once."""
    for index, device in enumerate(items(spec.hostdevs)):
        given = stated(device, *_HOSTDEVS)
        if len(given) > 1:
            name = "scsiHost" if given[1] == "scsi_host" else given[1]
            message = f"a host device is one thing, and this is {given[0]} already"
            yield Finding(("spec", "hostdevs", index, name), message, "write an item for each device")


RULES = (disks, filesystems, hostdevs)
