"""NUMA: the nodes that the guest sees, and those of the host (libvirt: docs/formatdomain, "NUMA Node Tuning")."""

from __future__ import annotations

from typing import Literal

from kvmctl.codec import CpuSet, Integer, Size
from kvmctl.fields import Model, model, xml
from kvmctl.live import LiveCall, When

_NODE = Integer(0, 2**32 - 1)
_MODE = Literal["strict", "interleave", "preferred", "restrictive"]
_ACCESS = Literal["access", "read", "write"]
_KIBIBYTES = Size(minimum=1024, multiple=1024)


@model(keys=(("id",),))
class NumaDistance(Model):
    """How far another node is."""

    id: int | None = xml("@id", codec=_NODE, required=True, doc="Number of the other node.")
    value: int | None = xml(
        "@value", codec=Integer(10, 255), required=True, doc="Distance, as ACPI counts: 10 to itself, 255 unreachable."
    )


@model(keys=(("level",),))
class NumaCache(Model):
    """A cache between a node's CPUs and its memory, told to the guest by ACPI's HMAT."""

    level: int | None = xml("@level", codec=_NODE, required=True, doc="Level of the cache.")
    associativity: Literal["none", "direct", "full"] | None = xml(
        "@associativity", required=True, doc="How places in memory map to places in the cache."
    )
    policy: Literal["none", "writeback", "writethrough"] | None = xml(
        "@policy", required=True, doc="When what is written reaches the memory."
    )
    size: int | None = xml("size/@value", codec=_KIBIBYTES, required=True, doc="Size of the cache.")
    line: int | None = xml("line/@value", codec=Size(), xml_unit="B", required=True, doc="Size of a line of the cache.")


@model(keys=(("id",),))
class NumaCell(Model):
    """A NUMA node of the guest."""

    id: int | None = xml("@id", codec=_NODE, required=True, doc="Number of the node, from 0.")
    cpus: str | None = xml("@cpus", codec=CpuSet(), doc="Virtual CPUs of the node; a node may have memory only.")
    memory: int | None = xml("@memory", codec=_KIBIBYTES, required=True, doc="Memory of the node.")
    mem_access: Literal["shared", "private"] | None = xml(
        "@memAccess", since="1.2.9", doc="Whether other processes of the host share this memory."
    )
    discard: bool | None = xml(
        "@discard", since="4.4.0", doc="Whether this memory is thrown away, and not written back, when the guest stops."
    )
    distances: tuple[NumaDistance, ...] | None = xml(
        "distances/sibling", since="3.10.0", doc="How far each node is; complete when given."
    )
    caches: tuple[NumaCache, ...] | None = xml(
        "cache", since="6.6.0", doc="Caches before this node's memory; complete when given."
    )


@model(keys=(("initiator", "target", "type", "cache"), ("initiator", "target", "type")))
class NumaLatency(Model):
    """How long an access from one node to another takes."""

    initiator: int | None = xml("@initiator", codec=_NODE, required=True, doc="Node whose CPUs ask.")
    target: int | None = xml("@target", codec=_NODE, required=True, doc="Node whose memory answers.")
    cache: int | None = xml(
        "@cache", codec=_NODE, doc="Level of the target's cache that is meant; omitted: its memory."
    )
    type: _ACCESS | None = xml("@type", required=True, doc="Kind of access.")
    value: int | None = xml("@value", codec=Integer(1, 2**32 - 1), required=True, doc="Latency in nanoseconds.")


@model(keys=(("initiator", "target", "type", "cache"), ("initiator", "target", "type")))
class NumaBandwidth(Model):
    """How much one node can move to or from another in a second."""

    initiator: int | None = xml("@initiator", codec=_NODE, required=True, doc="Node whose CPUs ask.")
    target: int | None = xml("@target", codec=_NODE, required=True, doc="Node whose memory answers.")
    cache: int | None = xml(
        "@cache", codec=_NODE, doc="Level of the target's cache that is meant; omitted: its memory."
    )
    type: _ACCESS | None = xml("@type", required=True, doc="Kind of access.")
    value: int | None = xml("@value", codec=_KIBIBYTES, required=True, doc="Size that is moved in a second.")


@model()
class NumaInterconnects(Model):
    """What connects the nodes, told to the guest by ACPI's HMAT."""

    latencies: tuple[NumaLatency, ...] | None = xml("latency", doc="Latencies between nodes; complete when given.")
    bandwidths: tuple[NumaBandwidth, ...] | None = xml("bandwidth", doc="Bandwidths; complete when given.")


@model()
class Numa(Model):
    """The NUMA nodes that the guest sees."""

    cells: tuple[NumaCell, ...] | None = xml("cell", doc="The nodes; complete when given.")
    interconnects: NumaInterconnects | None = xml(
        "interconnects", since="6.6.0", doc="Latencies and bandwidths between the nodes."
    )


@model()
class NumatuneMemory(Model):
    """Where on the host the guest's memory comes from."""

    mode: _MODE | None = xml("@mode", default="strict", doc="Whether the nodes are a must, a wish, or taken in turn.")
    placement: Literal["static", "auto"] | None = xml(
        "@placement", absent="static", doc="Who chooses the nodes: `nodeset` (static), or numad at each start (auto)."
    )
    nodeset: str | None = xml(
        "@nodeset", codec=CpuSet(), live=LiveCall.NODES, when=(When.GIVEN, When.STATIC_NODES), parameter="numa_nodeset",
        doc="NUMA nodes of the host.",
    )  # fmt: skip


@model(keys=(("cellid",),))
class Memnode(Model):
    """Where on the host the memory of one node of the guest comes from."""

    cellid: int | None = xml("@cellid", codec=_NODE, required=True, doc="Number of the guest's node.")
    mode: _MODE | None = xml("@mode", default="strict", doc="Whether the nodes are a must, a wish, or taken in turn.")
    nodeset: str | None = xml("@nodeset", codec=CpuSet(), required=True, doc="NUMA nodes of the host.")


@model()
class Numatune(Model):
    """Which NUMA nodes of the host the guest's memory comes from."""

    memory: NumatuneMemory | None = xml("memory", doc="What holds for all of the memory.")
    memnodes: tuple[Memnode, ...] | None = xml(
        "memnode", since="1.2.7", doc="What holds for single nodes of the guest; complete when given."
    )
