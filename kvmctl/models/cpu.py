"""The CPU that the guest sees (libvirt: docs/formatdomain, "CPU model and topology")."""

from __future__ import annotations

from typing import Literal

from kvmctl.codec import ON_OFF, Integer, Text
from kvmctl.fields import Model, model, xml
from kvmctl.models.numa import Numa

_COUNT = Integer(1, 2**32 - 1)
_NO_COMMA = Text(r"[^,]{12}", "twelve characters without a comma, such as GenuineIntel")


@model()
class CpuTopology(Model):
    """How the virtual CPUs are arranged; the product is `vcpus.max`."""

    sockets: int | None = xml("@sockets", codec=_COUNT, required=True, doc="Number of sockets.")
    dies: int | None = xml("@dies", codec=_COUNT, default=1, since="6.1.0", doc="Dies in a socket.")
    cores: int | None = xml("@cores", codec=_COUNT, required=True, doc="Cores in a die.")
    threads: int | None = xml("@threads", codec=_COUNT, required=True, doc="Threads in a core.")


@model()
class CpuCache(Model):
    """The caches that the guest's CPU claims to have."""

    level: int | None = xml("@level", codec=Integer(1, 3), doc="Level that is meant; omitted: all.")
    mode: Literal["emulate", "passthrough", "disable"] | None = xml(
        "@mode", required=True, doc="What is told: made-up caches, the host's, or none."
    )


@model()
class MaxPhysAddr(Model):
    """How many bits a physical address has in the guest."""

    mode: Literal["emulate", "passthrough"] | None = xml(
        "@mode", required=True, doc="Whether `bits` counts, or the host's own number."
    )
    bits: int | None = xml("@bits", codec=_COUNT, doc="Number of bits, with mode emulate.")


@model(keys=(("name",),), short=("name",))
class CpuFeature(Model):
    """One feature of the CPU; a bare name requires it."""

    name: str | None = xml(
        "@name", codec=Text(r"[A-Za-z0-9._-]+", "a feature such as aes or vmx"), required=True,
        doc="Name as in libvirt's cpu_map.",
    )  # fmt: skip
    policy: Literal["force", "require", "optional", "disable", "forbid"] | None = xml(
        "@policy", default="require", doc="Whether the guest gets it, and whether the host must have it."
    )


# At the start libvirt 9.0 turns the CPU of the running definition into the one that the host gave: a custom model, check
# full, every feature listed. So none of these is a difference in a running guest.
@model()
class Cpu(Model):
    """The CPU that the guest sees."""

    mode: Literal["custom", "host-model", "host-passthrough", "maximum"] | None = xml(
        "@mode", default="custom", volatile=True,
        doc="How the CPU is chosen: named by `model`, like the host's, the host's own, or all that the emulator can do.",
    )  # fmt: skip
    match: Literal["exact", "minimum", "strict"] | None = xml(
        "@match", default="exact", volatile=True,
        doc="Whether the guest gets just what is listed (exact), more where the host has it (minimum), or only runs where the host has no more (strict).",
    )  # fmt: skip
    check: Literal["none", "partial", "full"] | None = xml(
        "@check", volatile=True, since="3.2.0",
        doc="How far libvirt makes sure, before the start, that the guest gets the CPU it asks for.",
    )  # fmt: skip
    migratable: bool | None = xml(
        "@migratable", codec=ON_OFF, volatile=True, since="6.5.0",
        doc="Whether features that stand in the way of migration are left out, with host-passthrough and maximum.",
    )  # fmt: skip
    model: str | None = xml("model", volatile=True, doc="Name of the CPU model, with mode custom.")
    fallback: Literal["allow", "forbid"] | None = xml(
        "model/@fallback", default="allow", volatile=True,
        doc="Whether a similar model may take the place of one that the emulator doesn't know.",
    )  # fmt: skip
    vendor_id: str | None = xml(
        "model/@vendor_id", codec=_NO_COMMA, volatile=True, doc="Name of the vendor that CPUID tells the guest."
    )
    vendor: str | None = xml(
        "vendor", volatile=True, doc="Vendor that the host's CPU must be of, such as Intel or AMD; omitted: any."
    )
    topology: CpuTopology | None = xml("topology", doc="How the virtual CPUs are arranged.")
    cache: CpuCache | None = xml("cache", since="3.3.0", doc="The caches that the CPU claims to have.")
    maxphysaddr: MaxPhysAddr | None = xml("maxphysaddr", since="8.7.0", doc="How many bits a physical address has.")
    features: tuple[CpuFeature, ...] | None = xml(
        "feature", volatile=True, doc="Features beyond the model, or taken from it; complete when given."
    )
    numa: Numa | None = xml("numa", doc="The NUMA nodes that the guest sees.")
