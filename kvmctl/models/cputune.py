"""Virtual CPUs and threads: how many, on which CPUs of the host, with what share (libvirt: docs/formatdomain, "CPU Tuning")."""

from __future__ import annotations

from typing import Literal

from kvmctl.codec import CpuSet, Integer, Size
from kvmctl.fields import Model, model, xml
from kvmctl.live import LiveCall, When

_ID = Integer(0, 2**32 - 1)
_VCPU = Integer(0, 4095)
_PERIOD = Integer(1000, 1_000_000)
_QUOTA = Integer(-1, 17592186044415)
_PRIORITY = Integer(1, 99)
_SET = CpuSet()
_GIVEN = (When.GIVEN,)
_SCHEDULER = Literal["batch", "idle", "fifo", "rr"]
_SCHEDULER_DOC = "Scheduling policy of Linux; fifo and rr are for real time."
_PRIORITY_DOC = "Priority, with fifo and rr; more is stronger."
_QUOTA_DOC = "in microseconds of each period; -1 for no limit."


@model(keys=(("id",),))
class Vcpu(Model):
    """One virtual CPU."""

    id: int | None = xml("@id", codec=_VCPU, required=True, doc="Number of the CPU, from 0.")
    enabled: bool | None = xml("@enabled", required=True, doc="Whether it is plugged in.")
    hotpluggable: bool | None = xml("@hotpluggable", doc="Whether it can be unplugged; CPU 0 can't.")
    order: int | None = xml(
        "@order", codec=Integer(1, 4096), doc="Place in the order of plugging; of all CPUs or of none."
    )


@model(short=("max", "current"))
class Vcpus(Model):
    """How many virtual CPUs the guest has now, and how many it may have."""

    max: int | None = xml("vcpu", codec=Integer(1, 4096), doc="Virtual CPUs that the guest may have at most.")
    current: int | None = xml(
        "vcpu/@current", codec=Integer(1, 4096), fallback="vcpu", live=LiveCall.VCPUS, when=(When.CPUS,),
        doc="Virtual CPUs that are plugged in.",
    )  # fmt: skip
    placement: Literal["static", "auto"] | None = xml(
        "vcpu/@placement", default="static", doc="Who chooses the host CPUs: the definition (static) or numad (auto)."
    )
    cpuset: str | None = xml("vcpu/@cpuset", codec=_SET, doc="CPUs of the host for whatever isn't pinned by `cputune`.")
    individual: tuple[Vcpu, ...] | None = xml(
        "vcpus/vcpu", volatile=True, since="2.2.0", doc="State of each virtual CPU, all of them when given."
    )


@model(keys=(("id",),))
class Iothread(Model):
    """One I/O thread."""

    id: int | None = xml("@id", codec=Integer(1, 2**32 - 1), required=True, doc="Number of the thread, from 1.")
    thread_pool_min: int | None = xml(
        "@thread_pool_min", codec=_ID, since="8.5.0", doc="Worker threads that are kept at least."
    )
    thread_pool_max: int | None = xml(
        "@thread_pool_max", codec=_ID, since="8.5.0", doc="Worker threads that there may be at most."
    )


@model()
class DefaultIothread(Model):
    """The worker threads of the emulator's main loop."""

    thread_pool_min: int | None = xml("@thread_pool_min", codec=_ID, doc="Worker threads that are kept at least.")
    thread_pool_max: int | None = xml("@thread_pool_max", codec=_ID, doc="Worker threads that there may be at most.")


@model(keys=(("vcpu",),))
class Vcpupin(Model):
    """The CPUs of the host that a virtual CPU runs on."""

    vcpu: int | None = xml("@vcpu", codec=_VCPU, required=True, doc="Number of the virtual CPU.")
    cpuset: str | None = xml(
        "@cpuset", codec=_SET, required=True, live=LiveCall.PIN_VCPU, when=_GIVEN, doc="CPUs of the host."
    )


@model(keys=(("iothread",),))
class Iothreadpin(Model):
    """The CPUs of the host that an I/O thread runs on."""

    iothread: int | None = xml("@iothread", codec=Integer(1, 2**32 - 1), required=True, doc="Number of the I/O thread.")
    cpuset: str | None = xml(
        "@cpuset", codec=_SET, required=True, live=LiveCall.PIN_IOTHREAD, when=_GIVEN, doc="CPUs of the host."
    )


@model(keys=(("vcpus",),))
class Vcpusched(Model):
    """How the host schedules virtual CPUs."""

    vcpus: str | None = xml("@vcpus", codec=_SET, required=True, doc="Numbers of virtual CPUs.")
    scheduler: _SCHEDULER | None = xml("@scheduler", required=True, doc=_SCHEDULER_DOC)
    priority: int | None = xml("@priority", codec=_PRIORITY, doc=_PRIORITY_DOC)


@model(keys=(("iothreads",),))
class Iothreadsched(Model):
    """How the host schedules I/O threads."""

    iothreads: str | None = xml("@iothreads", codec=_SET, required=True, doc="Numbers of I/O threads.")
    scheduler: _SCHEDULER | None = xml("@scheduler", required=True, doc=_SCHEDULER_DOC)
    priority: int | None = xml("@priority", codec=_PRIORITY, doc=_PRIORITY_DOC)


@model()
class Emulatorsched(Model):
    """How the host schedules the emulator's own threads."""

    scheduler: _SCHEDULER | None = xml("@scheduler", required=True, doc=_SCHEDULER_DOC)
    priority: int | None = xml("@priority", codec=_PRIORITY, doc=_PRIORITY_DOC)


@model(keys=(("id", "level", "type"),))
class CacheShare(Model):
    """A part of one of the host's CPU caches."""

    id: int | None = xml("@id", codec=_ID, required=True, doc="Number of the host's cache.")
    level: int | None = xml("@level", codec=_ID, required=True, doc="Level of the host's cache.")
    type: Literal["both", "code", "data"] | None = xml("@type", required=True, doc="What the part holds.")
    size: int | None = xml(
        "@size", codec=Size(), xml_unit="", required=True,
        doc="Size of the part, a multiple of the host's granularity.",
    )  # fmt: skip


@model(keys=(("vcpus", "level"),))
class CacheMonitor(Model):
    """Virtual CPUs whose use of a cache is measured."""

    level: int | None = xml("@level", codec=_ID, required=True, doc="Level of the host's cache.")
    vcpus: str | None = xml("@vcpus", codec=_SET, required=True, doc="Numbers of virtual CPUs.")


@model(keys=(("vcpus",),))
class Cachetune(Model):
    """Parts of the host's CPU caches for some virtual CPUs (resctrl)."""

    vcpus: str | None = xml("@vcpus", codec=_SET, required=True, doc="Numbers of virtual CPUs.")
    caches: tuple[CacheShare, ...] | None = xml("cache", doc="The parts of caches; complete when given.")
    monitors: tuple[CacheMonitor, ...] | None = xml(
        "monitor", since="4.10.0", doc="What is measured; complete when given."
    )


@model(keys=(("id",),))
class MemoryShare(Model):
    """A share of the bandwidth to the memory of one of the host's nodes."""

    id: int | None = xml("@id", codec=_ID, required=True, doc="Number of the host's node.")
    bandwidth: int | None = xml("@bandwidth", codec=Integer(1, 100), required=True, doc="Share in percent.")


@model(keys=(("vcpus",),))
class MemoryMonitor(Model):
    """Virtual CPUs whose use of memory bandwidth is measured."""

    vcpus: str | None = xml("@vcpus", codec=_SET, required=True, doc="Numbers of virtual CPUs.")


@model(keys=(("vcpus",),))
class Memorytune(Model):
    """Shares of the bandwidth to the host's memory for some virtual CPUs (resctrl)."""

    vcpus: str | None = xml("@vcpus", codec=_SET, required=True, doc="Numbers of virtual CPUs.")
    nodes: tuple[MemoryShare, ...] | None = xml("node", doc="Shares by node; complete when given.")
    monitors: tuple[MemoryMonitor, ...] | None = xml(
        "monitor", since="6.0.0", doc="What is measured; complete when given."
    )


@model()
class Cputune(Model):
    """Where the threads of the machine run, and how much time of the host's CPUs they get."""

    shares: int | None = xml(
        "shares",
        live=LiveCall.SCHEDULER,
        when=_GIVEN,
        parameter="cpu_shares",
        codec=Integer(2, 262144),
        doc="Weight against other machines when CPUs are short.",
    )
    period: int | None = xml(
        "period",
        live=LiveCall.SCHEDULER,
        when=_GIVEN,
        parameter="vcpu_period",
        codec=_PERIOD,
        doc="Period for each virtual CPU, in microseconds.",
    )
    quota: int | None = xml(
        "quota",
        live=LiveCall.SCHEDULER,
        when=_GIVEN,
        parameter="vcpu_quota",
        codec=_QUOTA,
        doc=f"Time of each virtual CPU {_QUOTA_DOC}",
    )
    global_period: int | None = xml(
        "global_period",
        live=LiveCall.SCHEDULER,
        when=_GIVEN,
        codec=_PERIOD,
        since="1.3.3",
        doc="Period for the whole machine, in microseconds.",
    )
    global_quota: int | None = xml(
        "global_quota",
        live=LiveCall.SCHEDULER,
        when=_GIVEN,
        codec=_QUOTA,
        since="1.3.3",
        doc=f"Time of the whole machine {_QUOTA_DOC}",
    )
    emulator_period: int | None = xml(
        "emulator_period",
        live=LiveCall.SCHEDULER,
        when=_GIVEN,
        codec=_PERIOD,
        doc="Period for the emulator's own threads, in microseconds.",
    )
    emulator_quota: int | None = xml(
        "emulator_quota",
        live=LiveCall.SCHEDULER,
        when=_GIVEN,
        codec=_QUOTA,
        doc=f"Time of the emulator's own threads {_QUOTA_DOC}",
    )
    iothread_period: int | None = xml(
        "iothread_period",
        live=LiveCall.SCHEDULER,
        when=_GIVEN,
        codec=_PERIOD,
        since="2.1.0",
        doc="Period for each I/O thread, in microseconds.",
    )
    iothread_quota: int | None = xml(
        "iothread_quota",
        live=LiveCall.SCHEDULER,
        when=_GIVEN,
        codec=_QUOTA,
        since="2.1.0",
        doc=f"Time of each I/O thread {_QUOTA_DOC}",
    )
    vcpupins: tuple[Vcpupin, ...] | None = xml(
        "vcpupin", live=LiveCall.PIN_VCPU, when=_GIVEN, doc="Virtual CPUs that are pinned; complete when given."
    )
    emulatorpin: str | None = xml(
        "emulatorpin/@cpuset",
        codec=_SET,
        live=LiveCall.PIN_EMULATOR,
        when=_GIVEN,
        doc="CPUs of the host that the emulator's own threads run on.",
    )
    iothreadpins: tuple[Iothreadpin, ...] | None = xml(
        "iothreadpin",
        since="1.2.9",
        live=LiveCall.PIN_IOTHREAD,
        when=_GIVEN,
        doc="I/O threads that are pinned; complete when given.",
    )
    vcpuscheds: tuple[Vcpusched, ...] | None = xml(
        "vcpusched", since="1.2.13", doc="How virtual CPUs are scheduled; complete when given."
    )
    iothreadscheds: tuple[Iothreadsched, ...] | None = xml(
        "iothreadsched", since="1.2.13", doc="How I/O threads are scheduled; complete when given."
    )
    emulatorsched: Emulatorsched | None = xml(
        "emulatorsched", since="5.9.0", doc="How the emulator's own threads are scheduled."
    )
    cachetunes: tuple[Cachetune, ...] | None = xml(
        "cachetune", since="4.1.0", doc="Parts of the host's CPU caches; complete when given."
    )
    memorytunes: tuple[Memorytune, ...] | None = xml(
        "memorytune", since="4.7.0", doc="Shares of memory bandwidth; complete when given."
    )
