"""The guest's clock and its timers (libvirt: docs/formatdomain, "Time keeping")."""

from __future__ import annotations

from typing import Literal

from kvmctl.codec import Integer, NumberOrWord
from kvmctl.fields import Model, model, xml

_COUNT = Integer(0, 2**32 - 1)
_ADJUSTMENT = NumberOrWord(
    r"-?[0-9]{1,18}|reset", "a number of seconds, or reset", minimum=1 - 10**18, maximum=10**18 - 1
)


@model()
class Catchup(Model):
    """How fast lost ticks are made up for."""

    threshold: int | None = xml("@threshold", codec=_COUNT, doc="Nanoseconds of delay from which on it starts.")
    slew: int | None = xml("@slew", codec=_COUNT, doc="Ticks in addition, per second, at most.")
    limit: int | None = xml("@limit", codec=_COUNT, doc="Nanoseconds of delay from which on ticks are dropped.")


@model(keys=(("name",),))
class Timer(Model):
    """One of the guest's timers."""

    name: Literal["platform", "hypervclock", "hpet", "kvmclock", "pit", "rtc", "tsc", "armvtimer"] | None = xml(
        "@name", required=True, doc="Timer that is meant."
    )
    present: bool | None = xml("@present", doc="Whether the guest has it.")
    tickpolicy: Literal["delay", "catchup", "merge", "discard"] | None = xml(
        "@tickpolicy", doc="What becomes of ticks that the guest missed."
    )
    catchup: Catchup | None = xml("catchup", doc="How fast they are made up for, with tickpolicy catchup.")
    track: Literal["boot", "guest", "wall", "realtime"] | None = xml("@track", doc="Time that rtc or platform follows.")
    frequency: int | None = xml("@frequency", codec=Integer(), doc="Frequency of tsc, in hertz.")
    mode: Literal["auto", "native", "emulate", "paravirt", "smpsafe"] | None = xml(
        "@mode", doc="How tsc is read: by the guest itself, or with the hypervisor's help."
    )


@model()
class Clock(Model):
    """The guest's clock."""

    offset: Literal["utc", "localtime", "timezone", "variable", "absolute"] | None = xml(
        "@offset", default="utc", doc="What the guest's clock is set to at start."
    )
    timezone: str | None = xml("@timezone", doc="Time zone, with offset timezone.")
    basis: Literal["utc", "localtime"] | None = xml(
        "@basis", doc="What `adjustment` is counted from, with offset variable."
    )
    adjustment: str | None = xml(
        "@adjustment", codec=_ADJUSTMENT,
        volatile=True,
        doc="Seconds from the basis, with offset variable; the guest moves it by setting its clock. With utc and localtime `reset`: what the guest sets is forgotten.",
    )  # fmt: skip
    start: int | None = xml(
        "@start",
        codec=Integer(),
        since="8.4.0",
        doc="Seconds since 1970 that the clock starts at, with offset absolute.",
    )
    timers: tuple[Timer, ...] | None = xml("timer", doc="The guest's timers; complete when given.")
