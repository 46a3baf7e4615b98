"""Limits and geometry of a disk device (libvirt: docs/formatdomain, `iotune`, `geometry`, `blockio`)."""

from __future__ import annotations

from typing import Literal

from kvmctl.codec import ByteCount, Integer
from kvmctl.fields import Model, Update, model, xml

_BYTES = ByteCount(1)
_COUNT = Integer(1)


# libxml2 refuses an iotune whose elements stand in another order than libvirt prints them in: its schema interleaves
# choices of interleaved groups, and of those it understands the parts only side by side (libvirt 9.0).
@model(in_order=True)
class IoTune(Model):
    """Limits of a disk's I/O; what isn't stated is not limited. A total excludes its read and write parts."""

    total_bytes_sec: int | None = xml("total_bytes_sec", codec=_BYTES, doc="Bytes per second, read and written.")
    read_bytes_sec: int | None = xml("read_bytes_sec", codec=_BYTES, doc="Bytes per second that are read.")
    write_bytes_sec: int | None = xml("write_bytes_sec", codec=_BYTES, doc="Bytes per second that are written.")
    total_iops_sec: int | None = xml("total_iops_sec", codec=_COUNT, doc="Requests per second.")
    read_iops_sec: int | None = xml("read_iops_sec", codec=_COUNT, doc="Reads per second.")
    write_iops_sec: int | None = xml("write_iops_sec", codec=_COUNT, doc="Writes per second.")
    total_bytes_sec_max: int | None = xml(
        "total_bytes_sec_max", codec=_BYTES, since="1.2.11", doc="Bytes per second in a burst, read and written."
    )
    read_bytes_sec_max: int | None = xml(
        "read_bytes_sec_max", codec=_BYTES, since="1.2.11", doc="Bytes per second that are read in a burst."
    )
    write_bytes_sec_max: int | None = xml(
        "write_bytes_sec_max", codec=_BYTES, since="1.2.11", doc="Bytes per second that are written in a burst."
    )
    total_iops_sec_max: int | None = xml(
        "total_iops_sec_max", codec=_COUNT, since="1.2.11", doc="Requests per second in a burst."
    )
    read_iops_sec_max: int | None = xml(
        "read_iops_sec_max", codec=_COUNT, since="1.2.11", doc="Reads per second in a burst."
    )
    write_iops_sec_max: int | None = xml(
        "write_iops_sec_max", codec=_COUNT, since="1.2.11", doc="Writes per second in a burst."
    )
    size_iops_sec: int | None = xml(
        "size_iops_sec",
        codec=_BYTES,
        since="1.2.11",
        doc="Bytes that count as one request; a larger one counts as several.",
    )
    group_name: str | None = xml(
        "group_name", since="3.0.0", doc="Name of a group; the disks of a group share one set of limits."
    )
    total_bytes_sec_max_length: int | None = xml(
        "total_bytes_sec_max_length", codec=_COUNT, since="2.4.0", doc="How long a burst of bytes may be, in seconds."
    )
    read_bytes_sec_max_length: int | None = xml(
        "read_bytes_sec_max_length", codec=_COUNT, since="2.4.0",
        doc="How long a burst of bytes read may be, in seconds.",
    )  # fmt: skip
    write_bytes_sec_max_length: int | None = xml(
        "write_bytes_sec_max_length", codec=_COUNT, since="2.4.0",
        doc="How long a burst of bytes written may be, in seconds.",
    )  # fmt: skip
    total_iops_sec_max_length: int | None = xml(
        "total_iops_sec_max_length", codec=_COUNT, since="2.4.0", doc="How long a burst of requests may be, in seconds."
    )
    read_iops_sec_max_length: int | None = xml(
        "read_iops_sec_max_length", codec=_COUNT, since="2.4.0", doc="How long a burst of reads may be, in seconds."
    )
    write_iops_sec_max_length: int | None = xml(
        "write_iops_sec_max_length", codec=_COUNT, since="2.4.0", doc="How long a burst of writes may be, in seconds."
    )


@model()
class Geometry(Model):
    """Geometry that the guest's BIOS reports."""

    cyls: int | None = xml("@cyls", codec=Integer(1, 2**32 - 1), required=True, update=Update.REPLUG, doc="Cylinders.")
    heads: int | None = xml("@heads", codec=Integer(1, 2**32 - 1), required=True, update=Update.REPLUG, doc="Heads.")
    secs: int | None = xml(
        "@secs", codec=Integer(1, 2**32 - 1), required=True, update=Update.REPLUG, doc="Sectors per track."
    )
    trans: Literal["auto", "none", "lba"] | None = xml(
        "@trans", update=Update.REPLUG, doc="How the BIOS translates it."
    )


@model()
class BlockIo(Model):
    """Sizes of blocks that the guest is told."""

    logical_block_size: int | None = xml(
        "@logical_block_size", codec=ByteCount(), update=Update.REPLUG, doc="Smallest piece that can be read, in bytes."
    )
    physical_block_size: int | None = xml(
        "@physical_block_size", codec=ByteCount(), update=Update.REPLUG, doc="Piece that is written at once, in bytes."
    )
