"""Memory: how much, from what on the host, within which limits (libvirt: docs/formatdomain, "Memory Allocation")."""

from __future__ import annotations

from typing import Literal

from kvmctl.codec import ON_OFF, PRESENCE, CpuSet, Integer, Size
from kvmctl.fields import Model, model, xml
from kvmctl.live import LiveCall, When

_KIBIBYTES = Size(minimum=1024, multiple=1024)
_LIMIT = Size(minimum=0, multiple=1024)


@model(short=("max", "current"))
class Memory(Model):
    """How much memory the guest has now, and how much it may have."""

    max: int | None = xml(
        "memory", codec=_KIBIBYTES, doc="Memory that the guest is started with; the balloon's ceiling."
    )
    current: int | None = xml(
        "currentMemory", codec=_KIBIBYTES, fallback="memory", live=LiveCall.MEMORY, when=(When.BALLOON,),
        doc="Memory that the guest may use now; the balloon moves it, up to `max`, while the guest runs.",
    )  # fmt: skip
    dump_core: bool | None = xml(
        "memory/@dumpCore", codec=ON_OFF, doc="Whether the guest's memory is part of a core dump of the emulator."
    )


@model()
class MaxMemory(Model):
    """How much memory there may be once memory devices are plugged in."""

    size: int | None = xml(".", codec=_KIBIBYTES, required=True, doc="Memory with every device plugged in.")
    slots: int | None = xml("@slots", codec=Integer(0, 2**32 - 1), required=True, doc="Number of slots for devices.")


@model(keys=(("nodeset",), ("size",)))
class HugePage(Model):
    """Pages of one size for some or all NUMA nodes of the guest."""

    size: int | None = xml("@size", codec=_KIBIBYTES, required=True, doc="Size of a page; the host must offer it.")
    nodeset: str | None = xml("@nodeset", codec=CpuSet(), doc="NUMA nodes of the guest; omitted: all others.")


@model()
class MemoryBacking(Model):
    """What the guest's memory is made of on the host."""

    hugepages: bool | None = xml(
        "hugepages", codec=PRESENCE, absent=False, doc="Whether the memory comes from the host's huge pages."
    )
    pages: tuple[HugePage, ...] | None = xml(
        "hugepages/page", doc="Sizes of the huge pages; the host's default size when omitted. Complete when given."
    )
    nosharepages: bool | None = xml(
        "nosharepages", codec=PRESENCE, absent=False, doc="Whether the host may not merge equal pages (KSM)."
    )
    locked: bool | None = xml(
        "locked", codec=PRESENCE, absent=False,
        doc="Whether the memory is kept from being swapped out; `memtune.hardLimit` should be set then.",
    )  # fmt: skip
    source: Literal["anonymous", "file", "memfd"] | None = xml("source/@type", doc="Kind of memory on the host.")
    access: Literal["shared", "private"] | None = xml(
        "access/@mode", doc="Whether other processes of the host share the memory; virtiofs and vhost-user need it."
    )
    allocation: Literal["immediate", "ondemand"] | None = xml(
        "allocation/@mode", doc="Whether all memory is taken at the start, or as the guest touches it."
    )
    allocation_threads: int | None = xml(
        "allocation/@threads",
        codec=Integer(1, 2**32 - 1),
        since="8.2.0",
        doc="Threads that take the memory at the start.",
    )
    discard: bool | None = xml(
        "discard", codec=PRESENCE, absent=False, since="4.4.0",
        doc="Whether the memory is thrown away, and not written back, when the guest stops.",
    )  # fmt: skip


@model()
class Memtune(Model):
    """Limits of the host on the memory of the emulator and its guest."""

    hard_limit: int | None = xml(
        "hard_limit", codec=_LIMIT, live=LiveCall.MEMORY_LIMITS, doc="Memory that the emulator never gets more than."
    )
    soft_limit: int | None = xml(
        "soft_limit",
        codec=_LIMIT,
        live=LiveCall.MEMORY_LIMITS,
        doc="Memory that it is cut to when the host runs short.",
    )
    swap_hard_limit: int | None = xml(
        "swap_hard_limit", codec=_LIMIT, live=LiveCall.MEMORY_LIMITS, doc="Memory and swap space together at most."
    )
    min_guarantee: int | None = xml(
        "min_guarantee", codec=_LIMIT, doc="Memory that is guaranteed; QEMU knows no such thing."
    )
