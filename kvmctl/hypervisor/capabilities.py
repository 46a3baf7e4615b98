"""The host's capabilities, as far as kvmctl asks (https://libvirt.org/formatcaps.html)."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from kvmctl.parsing import parse

if TYPE_CHECKING:
    from collections.abc import Mapping


class Capabilities(NamedTuple):
    """What the host offers: `arch` is its own CPU's.

    `types` and `emulators` hold, for each guest architecture, the domain types offered (kvm, qemu, …) and the
    path of the emulator.
    """

    arch: str
    types: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    emulators: Mapping[str, str] = MappingProxyType({})


def parsed(text: str) -> Capabilities:
    """Return the capabilities that libvirt's XML says, of full virtualisation (hvm) where it is offered."""
    root = parse(text)
    types: dict[str, tuple[str, ...]] = {}
    emulators: dict[str, str] = {}
    guests = sorted(root.findall("guest"), key=lambda guest: guest.findtext("os_type") != "hvm")
    for guest in guests:
        for arch in guest.findall("arch"):
            name = arch.get("name", "")
            if name not in types:
                types[name] = tuple(each.get("type", "") for each in arch.findall("domain"))
                emulators[name] = arch.findtext("emulator") or ""
    return Capabilities(root.findtext("host/cpu/arch") or "", types, emulators)
