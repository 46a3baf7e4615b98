"""What an image says of itself in its first bytes, read without qemu-img: sizes, tables, other files that it names.

Only what a stranger could use to do harm is read. Source: QEMU's docs/interop (qcow2, qed_spec, parallels), block/vdi.c
and block/vpc.c; each was checked against images that QEMU 7.2 made.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kvmctl.images.descriptor import Extent, vmdk_descriptor
from kvmctl.images.error import ImageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MIB: Final = 1 << 20
SECTOR: Final = 512
_LONGEST_NAME: Final = 1023
_MOST_SNAPSHOTS: Final = 65_536
_MOST_EXTENSIONS: Final = 64
_DATA_FILE_NAME: Final = 0x44415441
_CORRUPT, _DATA_FILE, _EXTENDED_L2 = 1 << 1, 1 << 2, 1 << 4
_KNOWN_FEATURES: Final = (1 << 5) - 1
_VERSION_2: Final = (0, 0, 0, 4, 72)
"""What a qcow2 of version 2 doesn't say and has: no features (three fields), counts of 2^4 bits, 72 bytes in all."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table that the image says it has: where, how long, and how long QEMU reads one at most, in bytes."""

    name: str
    offset: int
    length: int
    most: int


@dataclass(frozen=True, slots=True)
class Claims:
    """What a header says; `nonsense` is why it can't be meant.

    `newer` tells that it has a feature which oslo.utils 9.2 doesn't know, and QEMU does (extended_l2).
    """

    virtual_size: int = 0
    tables: tuple[Table, ...] = ()
    backing_file: str | None = None
    data_file: str | None = None
    extents: tuple[Extent, ...] = ()
    nonsense: str = ""
    newer: bool = False


class Bytes:
    """A file's bytes at a place; what is missing at its end is an ImageError."""

    def __init__(self, path: Path, handle: int, size: int) -> None:
        self.path = path
        self.size = size
        self._handle = handle

    def at(self, offset: int, length: int) -> bytes:
        """Return so many bytes."""
        found = os.pread(self._handle, length, offset) if offset < self.size else b""
        if len(found) < length:
            raise ImageError(f"{self.path}: ends within its header", "it is cut off or damaged; fetch it again")
        return found

    def fields(self, offset: int, layout: str) -> tuple[int, ...]:
        """Return the numbers of a part of a header, described as for struct.unpack."""
        return struct.unpack(layout, self.at(offset, struct.calcsize(layout)))

    def text(self, offset: int, length: int) -> str:
        """Return a name within the file."""
        return self.at(offset, min(length, _LONGEST_NAME)).decode("utf-8", "replace")


def _qcow2(file: Bytes) -> Claims:
    version, at, length, bits, size, _crypt, l1_entries, l1, refs, ref_clusters, snapshots, snapshot_table = (
        file.fields(4, ">IQIIQIIQQIIQ")
    )
    features, _, _, order, header = _VERSION_2 if version == 2 else file.fields(72, ">QQQII")  # noqa: PLR2004
    nonsense = _qcow2_nonsense(version, bits, order, snapshots, features)
    if nonsense:
        return Claims(nonsense=nonsense)
    cluster = 1 << bits
    of_one = cluster * (cluster // (16 if features & _EXTENDED_L2 else 8))
    if l1_entries < -(-size // of_one):
        return Claims(nonsense=f"its table of {l1_entries} entries can't hold the {size} bytes that it claims")
    return Claims(
        size,
        (
            Table("first-level table", l1, l1_entries * 8, 32 * MIB),
            Table("table of reference counts", refs, ref_clusters * cluster, 8 * MIB),
            *([Table("table of snapshots", snapshot_table, snapshots * 40, 64 * MIB)] if snapshots else []),
        ),
        backing_file=file.text(at, length) if at else None,
        data_file=_data_file(file, header) if features & _DATA_FILE else None,
        newer=bool(features & _EXTENDED_L2),
    )


def _qcow2_nonsense(version: int, bits: int, order: int, snapshots: int, features: int) -> str:
    if version not in {2, 3}:
        return f"it is of version {version}, and there are 2 and 3"
    if not 9 <= bits <= 21 or order > 6:  # noqa: PLR2004 - the format's limits: 512 bytes to 2 MiB, 64 bits
        return f"its clusters of 2^{bits} bytes and counts of 2^{order} bits are outside what the format allows"
    if snapshots > _MOST_SNAPSHOTS:
        return f"it claims {snapshots} snapshots"
    if features & ~_KNOWN_FEATURES:
        return f"it needs features that are not known (bits {features & ~_KNOWN_FEATURES:#x})"
    return (
        "it is marked as corrupt; repair it where it comes from: qemu-img check -r all" if features & _CORRUPT else ""
    )


def _data_file(file: Bytes, at: int) -> str:
    """Return the name of the file that holds the data; '' where only a flag says that there is one."""
    for _ in range(_MOST_EXTENSIONS):
        kind, length = file.fields(at, ">II")
        if kind == _DATA_FILE_NAME:
            return file.text(at + 8, length)
        if not kind:
            break
        at += 8 + -(-length // 8) * 8
    return ""


def _qcow(file: Bytes) -> Claims:
    at, length = file.fields(8, ">QI")
    size, bits, l2_bits = file.fields(24, ">QBB")
    if not 9 <= bits <= 16 or not 6 <= l2_bits <= 13:  # noqa: PLR2004 - QEMU 7.2: qcow.c
        return Claims(nonsense=f"its clusters of 2^{bits} bytes are outside what the format allows")
    (table,) = file.fields(40, ">Q")
    entries = -(-size // (1 << (bits + l2_bits)))
    return Claims(
        size, (Table("first-level table", table, entries * 8, 32 * MIB),), file.text(at, length) if at else None
    )


def _qed(file: Bytes) -> Claims:
    cluster, table_size, _header, features = file.fields(4, "<IIIQ")
    table, size, at, length = file.fields(40, "<QQII")
    if not 4096 <= cluster <= 64 * MIB or not 1 <= table_size <= 16:  # noqa: PLR2004 - QEMU's qed_spec
        return Claims(nonsense=f"its clusters of {cluster} bytes are outside what the format allows")
    backing = file.text(at, length) if features & 1 else None
    return Claims(size, (Table("first-level table", table, cluster * table_size, 1024 * MIB),), backing)


def _vdi(file: Bytes) -> Claims:
    (kind,) = file.fields(76, "<I")
    (table,) = file.fields(340, "<I")
    size, block, _extra, blocks = file.fields(368, "<QIII")
    if kind not in {1, 2}:
        return Claims(nonsense=f"it is of type {kind}: only those that hold all of a disk (1, 2) can be read")
    if not block or size > blocks * block:
        return Claims(nonsense=f"its {blocks} blocks of {block} bytes can't hold the {size} bytes that it claims")
    return Claims(size, (Table("table of blocks", table, blocks * 4, 2048 * MIB),))


_DIFFERENCING, _DYNAMIC = 4, 3


def _vpc(file: Bytes) -> Claims:
    place = 0 if file.at(0, 8) == b"conectix" else max(0, file.size - SECTOR)
    header, size, kind = *file.fields(place + 16, ">Q"), *file.fields(place + 48, ">Q"), *file.fields(place + 60, ">I")
    if kind == _DIFFERENCING:
        return Claims(nonsense="it holds only what differs from another image")
    if kind != _DYNAMIC:
        return Claims(size)
    table, _version, entries, block = file.fields(header + 16, ">QIII")
    if not block or size > entries * block:
        return Claims(nonsense=f"its {entries} blocks of {block} bytes can't hold the {size} bytes that it claims")
    return Claims(size, (Table("table of blocks", table, entries * 4, 256 * MIB),))


def _parallels(file: Bytes) -> Claims:
    sectors, entries, size = file.fields(28, "<IIQ")
    if not sectors:
        return Claims(nonsense="its clusters are of no size")
    return Claims(size * SECTOR, (Table("table of clusters", 64, entries * 4, 512 * MIB),))


def _vmdk(file: Bytes) -> Claims:
    if file.at(0, 4) == b"COWD":
        return Claims(nonsense="it is of a version from before 2004 that names its parent in its header")
    if file.at(0, 4) != b"KDMV":
        told = vmdk_descriptor(file.at(0, min(file.size, MIB)))
        return Claims(told.size * SECTOR, (), told.parent, None, told.extents, told.nonsense)
    capacity, grain, described, described_size, per_table, _spare, tables = file.fields(12, "<QQQQIQQ")
    if not capacity or not 1 <= grain <= 2048 or not 1 <= per_table <= 512:  # noqa: PLR2004 - QEMU 7.2: vmdk.c
        return Claims(nonsense=f"its {capacity} sectors in grains of {grain} are outside what the format allows")
    length = min(described_size * SECTOR, MIB)
    within = vmdk_descriptor(file.at(described * SECTOR, length) if described else b"")
    entries = -(-capacity // (grain * per_table))
    # Of a compressed one the place stands at its end; QEMU looks there.
    place = 0 if tables == (1 << 64) - 1 else tables * SECTOR
    return Claims(
        capacity * SECTOR,
        (Table("directory of grains", place, entries * 4, 512 * MIB),),
        within.parent,
        nonsense=within.nonsense,
    )


_READERS: Final[dict[str, tuple[tuple[int, bytes], Callable[[Bytes], Claims]]]] = {
    "qcow2": ((0, b"QFI\xfb\0\0\0"), _qcow2),
    "qcow": ((0, b"QFI\xfb\0\0\0\1"), _qcow),
    "qed": ((0, b"QED\0"), _qed),
    "vdi": ((64, b"\x7f\x10\xda\xbe"), _vdi),
    "vpc": ((0, b""), _vpc),
    "parallels": ((0, b"Witho"), _parallels),
    "vmdk": ((0, b""), _vmdk),
}


def claims(file: Bytes, fmt: str) -> Claims | None:
    """Return what the header says; None for a format that isn't looked into, or content that isn't of that format."""
    if fmt not in _READERS:
        return None
    (place, signature), read = _READERS[fmt]
    is_of_it = file.size >= place + len(signature) and file.at(place, len(signature)) == signature
    return read(file) if is_of_it else None
