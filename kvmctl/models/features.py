"""Hardware features of the machine (libvirt: docs/formatdomain, "Hypervisor features")."""

from __future__ import annotations

from typing import Literal

from kvmctl.codec import ON_OFF, PRESENCE, Choice, Integer, Size
from kvmctl.fields import Model, model, xml
from kvmctl.models.hyperv import Hyperv

_PSERIES = "On pSeries machines:"


@model(short=("state",))
class DirtyRing(Model):
    """How KVM tells which memory the guest wrote to."""

    state: bool | None = xml("@state", codec=ON_OFF, doc="Whether it uses a ring for each CPU instead of a bitmap.")
    size: int | None = xml("@size", codec=Integer(1024, 65536), doc="Entries of a ring, a power of two.")


@model()
class Kvm(Model):
    """Features of KVM."""

    hidden: bool | None = xml(
        "hidden/@state", codec=ON_OFF, since="1.2.8", doc="Whether the guest isn't told that it runs on KVM."
    )
    hint_dedicated: bool | None = xml(
        "hint-dedicated/@state", codec=ON_OFF, since="5.7.0", doc="Whether it is told that its CPUs are its own."
    )
    poll_control: bool | None = xml(
        "poll-control/@state",
        codec=ON_OFF,
        since="6.10.0",
        doc="Whether it may poll for a while before it halts a CPU.",
    )
    pv_ipi: bool | None = xml(
        "pv-ipi/@state", codec=ON_OFF, since="7.10.0", doc="Whether interrupts between CPUs go by one call."
    )
    dirty_ring: DirtyRing | None = xml(
        "dirty-ring", since="8.0.0", doc="How KVM tells which memory the guest wrote to."
    )


@model(short=("state",))
class XenPassthrough(Model):
    """The IOMMU on Xen."""

    state: bool | None = xml("@state", codec=ON_OFF, doc="Whether PCI devices can be passed through.")
    mode: Literal["sync_pt", "share_pt"] | None = xml(
        "@mode", doc="Whether the page tables are kept in step or shared."
    )


@model()
class Xen(Model):
    """Features of Xen."""

    e820_host: bool | None = xml(
        "e820_host/@state", codec=ON_OFF, since="6.3.0", doc="Whether the guest sees the host's memory map."
    )
    passthrough: XenPassthrough | None = xml("passthrough", since="6.3.0", doc="The IOMMU.")


@model(short=("state",))
class Smm(Model):
    """System management mode."""

    state: bool | None = xml(
        "@state", codec=ON_OFF, doc="Whether there is system management mode; Secure Boot needs it."
    )
    tseg: int | None = xml(
        "tseg", codec=Size(minimum=0), xml_unit="", since="4.5.0", doc="Size of the extended TSEG of q35 machines."
    )


@model()
class Hpt(Model):
    """The hash page table of pSeries machines."""

    resizing: Literal["enabled", "disabled", "required"] | None = xml("@resizing", doc="Whether it can be resized.")
    maxpagesize: int | None = xml(
        "maxpagesize",
        codec=Size(minimum=1024, multiple=1024),
        since="4.5.0",
        doc="Largest page that the guest may use.",
    )


@model()
class Features(Model):
    """Hardware features of the machine."""

    acpi: bool | None = xml(
        "acpi",
        codec=PRESENCE,
        absent=False,
        initial=True,
        doc="ACPI: power button, sleep states; without it a graceful stop can't reach the guest.",
    )
    apic: bool | None = xml(
        "apic",
        codec=PRESENCE,
        absent=False,
        initial=True,
        doc="Programmable interrupt controller; more than one CPU needs it.",
    )
    apic_eoi: bool | None = xml(
        "apic/@eoi",
        codec=ON_OFF,
        doc="Whether the guest can signal the end of an interrupt without leaving for the host.",
    )
    pae: bool | None = xml(
        "pae",
        codec=PRESENCE,
        absent=False,
        doc="Physical address extension: more than 4 GiB for 32-bit guests.",
    )
    hap: bool | None = xml("hap/@state", codec=ON_OFF, doc="Whether the host's hardware helps with page tables (Xen).")
    viridian: bool | None = xml(
        "viridian", codec=PRESENCE, absent=False, doc="Extensions for Windows guests on Xen; for QEMU see `hyperv`."
    )
    privnet: bool | None = xml(
        "privnet", codec=PRESENCE, absent=False, doc="Whether a container has a network namespace of its own."
    )
    hyperv: Hyperv | None = xml("hyperv", doc="What makes Windows guests faster: enlightenments of Hyper-V.")
    kvm: Kvm | None = xml("kvm", since="1.2.8", doc="Features of KVM.")
    xen: Xen | None = xml("xen", since="6.3.0", doc="Features of Xen.")
    pvspinlock: bool | None = xml(
        "pvspinlock/@state", codec=ON_OFF, doc="Whether the guest is told to let the host wait for its spinlocks."
    )
    pmu: bool | None = xml(
        "pmu/@state", codec=ON_OFF, since="1.2.12", doc="Whether the guest has a performance monitoring unit."
    )
    vmport: bool | None = xml(
        "vmport/@state", codec=ON_OFF, since="1.2.16", doc="Whether there is VMware's I/O port, for its mouse."
    )
    gic: str | None = xml(
        "gic/@version", codec=Choice(("2", "3", "host")), since="1.2.16", doc="Version of Arm's interrupt controller."
    )
    smm: Smm | None = xml("smm", since="2.1.0", doc="System management mode; true or false is enough.")
    ioapic: Literal["kvm", "qemu"] | None = xml(
        "ioapic/@driver",
        since="3.4.0",
        doc="Where the I/O APIC is emulated; an IOMMU with interrupt remapping needs qemu.",
    )
    hpt: Hpt | None = xml("hpt", since="3.10.0", doc="The hash page table of pSeries machines.")
    htm: bool | None = xml("htm/@state", codec=ON_OFF, since="4.6.0", doc=f"{_PSERIES} hardware transactional memory.")
    nested_hv: bool | None = xml(
        "nested-hv/@state", codec=ON_OFF, since="4.10.0", doc=f"{_PSERIES} whether the guest can have guests."
    )
    ccf_assist: bool | None = xml(
        "ccf-assist/@state", codec=ON_OFF, since="5.9.0", doc=f"{_PSERIES} help with flushing the count cache."
    )
    cfpc: Literal["broken", "workaround", "fixed"] | None = xml(
        "cfpc/@value", since="6.3.0", doc=f"{_PSERIES} how caches are flushed on a change of privilege."
    )
    sbbc: Literal["broken", "workaround", "fixed"] | None = xml(
        "sbbc/@value", since="6.3.0", doc=f"{_PSERIES} how speculation beyond bounds is kept in check."
    )
    ibs: Literal["broken", "workaround", "fixed-ibs", "fixed-ccd", "fixed-na"] | None = xml(
        "ibs/@value", since="6.3.0", doc=f"{_PSERIES} how speculation of indirect branches is kept in check."
    )
    capabilities: Literal["default", "allow", "deny"] | None = xml(
        "capabilities/@policy", absent="default", doc="Which of Linux's capabilities a container keeps."
    )
    vmcoreinfo: bool | None = xml(
        "vmcoreinfo/@state", codec=ON_OFF, since="4.4.0", doc="Whether the guest can leave notes for reading its dumps."
    )
    msrs: Literal["ignore", "fault"] | None = xml(
        "msrs/@unknown", since="5.1.0", doc="What an access to an unknown model-specific register does (bhyve)."
    )
    tb_cache: int | None = xml(
        "tcg/tb-cache", codec=Size(minimum=2**20, multiple=2**20), since="8.0.0",
        doc="Size of the cache for translated code of software emulation.",
    )  # fmt: skip
