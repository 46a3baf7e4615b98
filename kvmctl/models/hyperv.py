"""Enlightenments of Hyper-V for Windows guests (libvirt: docs/formatdomain, "Hypervisor features")."""

from __future__ import annotations

from typing import Literal

from kvmctl.codec import ON_OFF, Integer, Text
from kvmctl.fields import Model, model, xml


@model(short=("state",))
class HypervSpinlocks(Model):
    """How the guest waits for a lock."""

    state: bool | None = xml("@state", codec=ON_OFF, doc="Whether it lets the host wait in its stead.")
    retries: int | None = xml(
        "@retries",
        codec=Integer(4095, 2**32 - 1),
        doc="Tries before it does so; libvirt wants it when the state is on.",
    )


@model(short=("state",))
class HypervStimer(Model):
    """Timers of the synthetic interrupt controller."""

    state: bool | None = xml("@state", codec=ON_OFF, doc="Whether there are such timers.")
    direct: bool | None = xml(
        "direct/@state", codec=ON_OFF, since="5.7.0", doc="Whether they can raise an interrupt directly."
    )


@model(short=("state",))
class HypervVendorId(Model):
    """The name of the hypervisor that the guest is told."""

    state: bool | None = xml("@state", codec=ON_OFF, doc="Whether a name of one's own is told.")
    value: str | None = xml(
        "@value", codec=Text(r"[^,]{0,12}", "at most twelve characters, without a comma"), doc="The name."
    )


@model()
class Hyperv(Model):
    """Enlightenments of Hyper-V: they make Windows guests faster."""

    mode: Literal["custom", "passthrough"] | None = xml(
        "@mode", default="custom", since="8.0.0",
        doc="Whether those that are listed are on, or all that the host offers.",
    )  # fmt: skip
    relaxed: bool | None = xml("relaxed/@state", codec=ON_OFF, doc="Timers need not be exact under load.")
    vapic: bool | None = xml("vapic/@state", codec=ON_OFF, since="1.1.0", doc="A virtual APIC for quicker interrupts.")
    spinlocks: HypervSpinlocks | None = xml("spinlocks", since="1.1.0", doc="How the guest waits for a lock.")
    vpindex: bool | None = xml("vpindex/@state", codec=ON_OFF, since="1.3.3", doc="Virtual CPUs have an index.")
    runtime: bool | None = xml(
        "runtime/@state", codec=ON_OFF, since="1.3.3", doc="The guest can read how long its CPUs have run."
    )
    synic: bool | None = xml(
        "synic/@state", codec=ON_OFF, since="1.3.3", doc="A synthetic interrupt controller; it needs `vpindex`."
    )
    stimer: HypervStimer | None = xml("stimer", since="1.3.3", doc="Synthetic timers; they need `synic`.")
    reset: bool | None = xml("reset/@state", codec=ON_OFF, since="1.3.3", doc="The guest can reset the machine.")
    vendor_id: HypervVendorId | None = xml(
        "vendor_id", since="1.3.3", doc="The name of the hypervisor that the guest is told."
    )
    frequencies: bool | None = xml(
        "frequencies/@state", codec=ON_OFF, since="4.7.0", doc="The guest can read the frequencies of TSC and APIC."
    )
    reenlightenment: bool | None = xml(
        "reenlightenment/@state", codec=ON_OFF, since="4.7.0", doc="The guest is told when it was migrated."
    )
    tlbflush: bool | None = xml(
        "tlbflush/@state", codec=ON_OFF, since="4.7.0", doc="Translations on other CPUs are flushed by one call."
    )
    ipi: bool | None = xml("ipi/@state", codec=ON_OFF, since="4.10.0", doc="Interrupts between CPUs go by one call.")
    evmcs: bool | None = xml(
        "evmcs/@state", codec=ON_OFF, since="4.10.0", doc="Quicker guests within the guest, on Intel."
    )
    avic: bool | None = xml(
        "avic/@state", codec=ON_OFF, since="8.10.0", doc="Interrupts by the host's APICv or AVIC despite `synic`."
    )
