"""The image formats that qemu-img knows, and the signatures by which a file's first bytes look like one.

Source: QEMU manual, "Disk image file formats" and `qemu-img create -f FORMAT -o help`.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from kvmctl.images.error import ImageError

if TYPE_CHECKING:
    from collections.abc import Mapping

NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Format:
    """One image format: what can be done with it and which of qemu-img's options it takes.

    `writable` says whether kvmctl can make one. `signatures` are (offset, bytes) pairs of which any is
    enough; an offset below zero counts from the end. `cluster_option` is what qemu-img calls the cluster
    size, empty where it can't be chosen. `preallocation` maps each mode to the option that asks for it.
    `direct` tells whether writing past the host's page cache is as fast as through it (measured; metadata of
    the others is written in tiny pieces). `always` are options given for every new image, `compressed` those
    for a compressed one.
    """

    name: str
    doc: str
    writable: bool = True
    signatures: tuple[tuple[int, bytes], ...] = ()
    compress: bool = False
    compressed: tuple[str, ...] = ()
    cluster_option: str = ""
    preallocation: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    direct: bool = False
    always: tuple[str, ...] = ()


ALL = (
    Format(
        "raw",
        "The guest's bytes and nothing else: fastest, and everything reads it.",
        preallocation={"falloc": "preallocation=falloc", "full": "preallocation=full"},
        direct=True,
    ),
    Format(
        "qcow2",
        "QEMU's own: grows as it is written; snapshots, backing files, compression.",
        signatures=((0, b"QFI\xfb\x00\x00\x00\x02"), (0, b"QFI\xfb\x00\x00\x00\x03")),
        compress=True,
        cluster_option="cluster_size",
        preallocation={mode: f"preallocation={mode}" for mode in ("metadata", "falloc", "full")},
        direct=True,
    ),
    Format(
        "vmdk",
        "VMware's; written as one file that grows (monolithicSparse), or streamOptimized when compressed.",
        signatures=((0, b"KDMV"), (0, b"COWD"), (0, b"# Disk DescriptorFile")),
        compress=True,
        compressed=("subformat=streamOptimized",),
    ),
    Format(
        "vdi",
        "VirtualBox's.",
        signatures=((64, b"\x7f\x10\xda\xbe"),),
        preallocation={"metadata": "static=on"},
    ),
    Format(
        "vhdx",
        "Hyper-V's, up to 64 TiB.",
        signatures=((0, b"vhdxfile"),),
        cluster_option="block_size",
        preallocation={"metadata": "subformat=fixed"},
    ),
    Format(
        "vpc",
        "Virtual PC's, Azure's and old Hyper-V's VHD, up to 2 TiB.",
        signatures=((0, b"conectix"), (-512, b"conectix")),
        preallocation={"metadata": "subformat=fixed"},
        # Without it the size is rounded up to cylinders, heads and sectors, and a disk comes back larger.
        always=("force_size=on",),
    ),
    Format(
        "qed",
        "QEMU's abandoned one; read it, don't choose it.",
        signatures=((0, b"QED\x00"),),
        cluster_option="cluster_size",
    ),
    Format(
        "parallels",
        "Parallels Desktop's.",
        signatures=((0, b"WithoutFreeSpace"), (0, b"WithouFreSpacExt")),
        cluster_option="cluster_size",
    ),
    Format(
        "qcow",
        "QEMU's first; read it, don't choose it.",
        # Its compression exists, but qemu-img 7.2 fails at it without a message.
        signatures=((0, b"QFI\xfb\x00\x00\x00\x01"),),
    ),
    Format(
        "luks",
        "An encrypted raw disk; needs its secret, so it isn't converted.",
        writable=False,
        signatures=((0, b"LUKS\xba\xbe"),),
    ),
    Format("dmg", "Apple's; read only.", writable=False, signatures=((-512, b"koly"),)),
    Format(
        "bochs",
        "Bochs's growing image; read only.",
        writable=False,
        signatures=((0, b"Bochs Virtual HD Image"),),
    ),
    Format(
        "cloop",
        "Knoppix's compressed loop; read only.",
        writable=False,
        signatures=((0, b"#!/bin/sh\n#V2.0 Format"),),
    ),
)

BY_NAME: Mapping[str, Format] = MappingProxyType({each.name: each for each in ALL})


def formats(*, writable: bool = False) -> tuple[Format, ...]:
    """Return the formats that kvmctl reads, or those that it can also write, most useful first."""
    return tuple(each for each in ALL if each.writable or not writable)


def by_name(name: str) -> Format:
    """Return the format of that name; an ImageError lists the known ones and the nearest."""
    if name in BY_NAME:
        return BY_NAME[name]
    near = difflib.get_close_matches(name.lower(), BY_NAME, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known formats: {', '.join(BY_NAME)}"
    raise ImageError(f"unknown image format {name!r}", hint)


def writable(name: str) -> Format:
    """Return the format of that name when kvmctl can write it; else an ImageError says which ones it can."""
    found = by_name(name)
    if found.writable:
        return found
    known = ", ".join(each.name for each in formats(writable=True))
    raise ImageError(f"images of format {name!r} can't be written", f"choose one of {known}")


def looks_like(head: bytes, tail: bytes) -> str:
    """Return the name of the format whose signature is in a file's first 4096 or last 512 bytes, or ''.

    Good for a hint to a person only: a raw disk's guest can write any signature there. Never decide a format
    by it.
    """
    for each in ALL:
        for offset, signature in each.signatures:
            place = head[offset:] if offset >= 0 else tail[offset:]
            if place.startswith(signature):
                return each.name
    return ""
