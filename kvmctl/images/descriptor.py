"""The text in a vmdk that says which files hold its data.

Source: QEMU 7.2, block/vmdk.c, vmdk_parse_extents: what it would open is found here, and what it would not understand
is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_EXTENT: Final = re.compile(r'(?:RW|RDONLY|NOACCESS)\s+(\d+)\s+(\w+)(?:\s+"([^"]*)"(?:\s+\d+)?.*)?', re.IGNORECASE)
_FIELD: Final = re.compile(r"[\w.]+\s*=.*")
_SELF_CONTAINED: Final = ("monolithicsparse", "streamoptimized")
_PLAIN: Final = frozenset({"flat", "vmfs", "zero"})
"""Types of extents that are bytes and nothing else, without a header that could name further files."""


@dataclass(frozen=True, slots=True)
class Extent:
    """One file that holds a part of the disk."""

    name: str


@dataclass(frozen=True, slots=True)
class Descriptor:
    """What the text says: the disk's size in sectors, its parent, its files; `nonsense` is why it can't be trusted."""

    size: int = 0
    parent: str | None = None
    extents: tuple[Extent, ...] = ()
    nonsense: str = ""


def vmdk_descriptor(raw: bytes) -> Descriptor:
    """Return what a descriptor says; each line has to be understood."""
    text = raw.partition(b"\0")[0].decode("utf-8", "replace")
    fields: dict[str, str] = {}
    found = []
    for line in (each.strip() for each in text.split("\n")):
        if not line or line.startswith("#"):
            continue
        if extent := _EXTENT.fullmatch(line):
            found.append(extent)
        elif _FIELD.fullmatch(line):
            name, _, value = line.partition("=")
            fields[name.strip().lower()] = value.strip().strip('"')
        else:
            return Descriptor(nonsense=f"its description has a line that isn't understood: {line[:60]!r}")
    return _described(fields, found)


def _described(fields: dict[str, str], found: list[re.Match[str]]) -> Descriptor:
    alone = fields.get("createtype", "").lower() in _SELF_CONTAINED
    others = [] if alone else found
    strange = next((each[2] for each in others if each[2].lower() not in _PLAIN), "")
    return Descriptor(
        sum(int(each[1]) for each in found),
        # QEMU opens what this names, whatever number stands beside it as parentCID (QEMU 7.2).
        fields.get("parentfilenamehint") or None,
        tuple(Extent(each[3]) for each in others if each[3] is not None),
        f"it is spread over files of type {strange}; make one file of it where it comes from" if strange else "",
    )
