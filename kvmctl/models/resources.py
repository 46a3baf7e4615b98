"""Shares of the host, measuring, power management (libvirt: docs/formatdomain, "Block I/O Tuning" and others)."""

from __future__ import annotations

from typing import Literal

from kvmctl.codec import Integer, Text
from kvmctl.fields import Model, model, xml
from kvmctl.live import LiveCall, When

_WEIGHT = Integer(0, 1000)
_COUNT = Integer(0, 2**32 - 1)


@model(keys=(("path",),))
class BlkioDevice(Model):
    """Limits on one block device of the host."""

    path: str | None = xml(
        "path", codec=Text(r"/.+", "an absolute path on the host, starting with /"), required=True,
        doc="Path on the host of the block device.",
    )  # fmt: skip
    weight: int | None = xml(
        "weight",
        codec=_WEIGHT,
        live=LiveCall.BLOCK_SHARES,
        when=(When.GIVEN,),
        parameter="device_weight",
        doc="Weight against other machines on this device.",
    )
    read_bytes_sec: int | None = xml(
        "read_bytes_sec",
        codec=Integer(),
        live=LiveCall.BLOCK_SHARES,
        parameter="device_read_bytes_sec",
        doc="Bytes read in a second at most; 0: no limit.",
    )
    write_bytes_sec: int | None = xml(
        "write_bytes_sec",
        codec=Integer(),
        live=LiveCall.BLOCK_SHARES,
        parameter="device_write_bytes_sec",
        doc="Bytes written in a second at most; 0: no limit.",
    )
    read_iops_sec: int | None = xml(
        "read_iops_sec",
        codec=_COUNT,
        live=LiveCall.BLOCK_SHARES,
        parameter="device_read_iops_sec",
        doc="Reads in a second at most; 0: no limit.",
    )
    write_iops_sec: int | None = xml(
        "write_iops_sec",
        codec=_COUNT,
        live=LiveCall.BLOCK_SHARES,
        parameter="device_write_iops_sec",
        doc="Writes in a second at most; 0: no limit.",
    )


@model()
class Blkiotune(Model):
    """The machine's share of the host's block devices."""

    weight: int | None = xml(
        "weight",
        codec=_WEIGHT,
        live=LiveCall.BLOCK_SHARES,
        when=(When.GIVEN,),
        doc="Weight against other machines, 100 to 1000.",
    )
    devices: tuple[BlkioDevice, ...] | None = xml(
        "device", live=LiveCall.BLOCK_SHARES, doc="Limits on single devices; complete when given."
    )


@model()
class Resource(Model):
    """Where the machine stands among those of the host."""

    partition: str | None = xml(
        "partition", codec=Text(r"/.+", "a path such as /machine/production"), left_open=(),
        doc="Control group of the host that the machine is put in.",
    )  # fmt: skip
    fibrechannel_appid: str | None = xml(
        "fibrechannel/@appid", codec=Text(r"[ -~]{1,128}", "at most 128 printable characters"), since="7.7.0",
        doc="Name by which a Fibre Channel fabric tells the machine's traffic.",
    )  # fmt: skip


@model()
class Pm(Model):
    """Sleep states that the firmware offers the guest."""

    suspend_to_mem: bool | None = xml("suspend-to-mem/@enabled", doc="Sleep to memory (S3).")
    suspend_to_disk: bool | None = xml("suspend-to-disk/@enabled", doc="Sleep to disk (S4).")


@model(keys=(("name",),))
class PerfEvent(Model):
    """One event that the host counts for the machine."""

    name: (
        Literal[
            "cmt",
            "mbmt",
            "mbml",
            "cpu_cycles",
            "instructions",
            "cache_references",
            "cache_misses",
            "branch_instructions",
            "branch_misses",
            "bus_cycles",
            "stalled_cycles_frontend",
            "stalled_cycles_backend",
            "ref_cpu_cycles",
            "cpu_clock",
            "task_clock",
            "page_faults",
            "context_switches",
            "cpu_migrations",
            "page_faults_min",
            "page_faults_maj",
            "alignment_faults",
            "emulation_faults",
        ]
        | None
    ) = xml("@name", required=True, doc="Name of the event, as `virsh perf` has it.")
    enabled: bool | None = xml("@enabled", required=True, doc="Whether it is counted.")
