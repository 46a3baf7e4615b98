"""Seeds as the plan sees them: what a guest is told at its first start, named by its text, and how it gets there."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from kvmctl.codec import board_of
from kvmctl.fields import changed, known, stating
from kvmctl.models.controller import Controller
from kvmctl.models.disk_device import DiskDevice
from kvmctl.models.sysinfo import Fwcfg
from kvmctl.xmlio import parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from xml.etree.ElementTree import Element

    from kvmctl.inventory import Resource
    from kvmctl.models.first_boot import CloudInit
    from kvmctl.models.vm import VirtualMachine

CLOUD_INIT: Final = "cloud_init"
IGNITION: Final = "ignition"
IGNITION_ENTRY: Final = "opt/com.coreos/config"
"""The entry of fw_cfg in which Ignition looks (coreos.github.io/ignition, "Supported platforms": QEMU)."""
NOT_YET: Final = "/not/yet"
"""What stands for the path of a seed until its text is known."""

_DIGITS: Final = 16
_ENDINGS: Final = {CLOUD_INIT: "iso", IGNITION: "ign"}
_NAME: Final = re.compile(r"(?P<machine>.+)-seed-[0-9a-f]{16}\.(?:iso|ign)")
_LETTERS: Final = {"ide": ("hd", "dcba"), "sata": ("sd", "fedcba"), "scsi": ("sd", "gfedcba"), "usb": ("sd", "gfedcba")}
"""How the targets of each bus begin, and the last letters that they may end with; the upper ones are rarely taken."""


class Seed(NamedTuple):
    """A seed that a machine is to have: `field` is that of its spec, `texts` its files, with references to secrets.

    `place` is the field of a device that names it (file or block), `path` where it is. `former` are the texts of the
    one that the machine has, None where they can't be read; `former_path` is '' where it has none. `is_there` says
    whether the volume exists with the right content, `stays` that the former one is kept.
    """

    field: str
    machine: str
    pool: str
    name: str
    place: str
    path: str
    texts: Mapping[str, str]
    has_secrets: bool = False
    former_path: str = ""
    former: Mapping[str, str] | None = None
    is_there: bool = False
    stays: bool = False

    @property
    def used_path(self) -> str:
        """The path of the one that the machine will have."""
        return self.former_path if self.stays else self.path


Seeds = tuple[Seed, ...]


def named(machine: str, field: str, texts: Mapping[str, str]) -> str:
    """Return the name of a seed's volume: equal texts give equal names.

    Secrets are in the texts as references: a digest of values, which everybody may see, would let them be guessed.
    """
    import hashlib
    import json

    data = json.dumps([field, sorted(texts.items())], ensure_ascii=False, separators=(",", ":"))
    return f"{machine}-seed-{hashlib.sha256(data.encode()).hexdigest()[:_DIGITS]}.{_ENDINGS[field]}"


def is_seed(path: str, machine: str = "") -> bool:
    """Say whether a path or a name is that of a seed, of that machine if one is named."""
    found = _NAME.fullmatch(path.rpartition("/")[2])
    return found is not None and machine in ("", found["machine"])


def seed_paths(xml: str, machine: str) -> dict[str, str]:
    """Return the path of the seed that a definition of a machine names, by the field that it is for."""
    root = parse(xml)
    sources = [(CLOUD_INIT, each.get("file") or each.get("dev") or "") for each in root.iterfind("devices/disk/source")]
    sources += [(IGNITION, each.get("file", "")) for each in root.iterfind("sysinfo[@type='fwcfg']/entry")]
    return {field: path for field, path in sources if is_seed(path, machine)}


def with_devices(want: Resource, have: Resource | None, seeds: Seeds, arch: str) -> Resource:
    """Return the wanted machine with the devices by which it gets its seeds; `arch` is the host's architecture."""
    spec, live = cast("VirtualMachine", want.spec), have.live if have else None
    root = parse(live.xml) if live else None
    more: dict[str, Any] = {}
    for seed in seeds:
        if seed.field == IGNITION:
            entries = known(spec.fwcfgs) or ()
            more["fwcfgs"] = tuple(
                changed(each, file=seed.used_path) if each.file == NOT_YET else each for each in entries
            )
            continue
        drive = _drive(spec, root, seed, arch)
        more["disks"] = (*(known(spec.disks) or ()), drive)
        if drive.bus == "scsi" and not _has_scsi(spec, root):
            controller = stating(Controller, type="scsi", index=0, model="virtio-scsi")
            more["controllers"] = (*(known(spec.controllers) or ()), controller)
    return want._replace(spec=changed(spec, **more)) if more else want


def _drive(spec: VirtualMachine, root: Element | None, seed: Seed, arch: str) -> DiskDevice:
    """Return the drive of a seed: where the machine has one, that; else one that its kernel surely sees."""
    asked = cast("CloudInit", spec.cloud_init)
    target, bus = _present(root, seed.machine)
    bus = known(asked.bus) or bus or ("ide" if _is_pc(spec, root, arch) else "scsi")
    if known(asked.target) or not target.startswith(_LETTERS[bus][0]):
        target = known(asked.target) or _free(spec, bus)
    place = {seed.place: seed.used_path}
    return stating(DiskDevice, target=target, bus=bus, device="cdrom", format="raw", readonly=True, **place)


def _present(root: Element | None, machine: str) -> tuple[str, str]:
    """Return target and bus of the drive that has a seed already; ('', '') where none has."""
    for device in root.iterfind("devices/disk") if root is not None else ():
        source, target = device.find("source"), device.find("target")
        if (
            source is not None
            and target is not None
            and is_seed(source.get("file") or source.get("dev") or "", machine)
        ):
            return target.get("dev", ""), target.get("bus", "")
    return "", ""


def _is_pc(spec: VirtualMachine, root: Element | None, arch: str) -> bool:
    """Say whether a machine has an IDE controller; libvirt takes pc for an x86 machine that doesn't say its type."""
    held = known(spec.os)
    kind = None if root is None else root.find("os/type")
    machine = (known(held.machine) if held else None) or ("" if kind is None else kind.get("machine", ""))
    if machine:
        return board_of(machine) == "i440fx"
    return ((known(held.arch) if held else None) or arch) in ("x86_64", "i686")


def _free(spec: VirtualMachine, bus: str) -> str:
    taken = {str(disk.target) for disk in known(spec.disks) or ()}
    start, letters = _LETTERS[bus]
    return next((f"{start}{letter}" for letter in letters if f"{start}{letter}" not in taken), f"{start}{letters[0]}")


def _has_scsi(spec: VirtualMachine, root: Element | None) -> bool:
    stated = any(each.type == "scsi" for each in known(spec.controllers) or ())
    return stated or (root is not None and root.find("devices/controller[@type='scsi']") is not None)


def entry() -> Fwcfg:
    """Return the entry of fw_cfg by which Ignition gets its configuration, whose path isn't known yet."""
    return stating(Fwcfg, name=IGNITION_ENTRY, file=NOT_YET)


def difference(seed: Seed) -> tuple[str, ...]:
    """Return how the texts of a seed differ from those of the one before: the name of each file, then its lines."""
    import difflib

    lines: list[str] = []
    former = seed.former or MappingProxyType({})
    for name in sorted({*former, *seed.texts}):
        before, after = former.get(name, "").splitlines(), seed.texts.get(name, "").splitlines()
        found = list(difflib.unified_diff(before, after, lineterm="", n=2))[2:]
        lines += [name, *("…" if each.startswith("@@") else each for each in found[1:])] if found else []
    return tuple(lines)


def stale(names: Iterable[str], machine: str, used: Iterable[str]) -> list[str]:
    """Return those of the names that are seeds of a machine which neither of its definitions uses any more."""
    kept = {path.rpartition("/")[2] for path in used}
    return [name for name in names if is_seed(name, machine) and name not in kept]
