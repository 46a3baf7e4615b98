"""Memory beside the machine's own: modules, and devices of virtio (libvirt: docs/formatdomain, "Memory devices")."""

from __future__ import annotations

from typing import Literal

from kvmctl.codec import PRESENCE, DeviceAddress, Integer, Size, Text, Uuid
from kvmctl.fields import Update, model, xml
from kvmctl.live import LiveCall
from kvmctl.models.device import Device, Indexed

_SIZE = Size(minimum=1024, multiple=1024)
_NODES = Text(r"[0-9,^-]+", "a set of numbers such as 0-3,^2")
_PATH = Text(r"/.+", "an absolute path on the host, starting with /")


@model()
class MemoryDevice(Device, Indexed):
    """A memory device; matched by its place."""

    model: Literal["dimm", "nvdimm", "virtio-mem", "virtio-pmem", "sgx-epc"] | None = xml(
        "@model", required=True, update=Update.REPLUG,
        doc="Kind: a module of memory, a persistent one, their like of virtio, or memory for SGX enclaves.",
    )  # fmt: skip
    size: int | None = xml(
        "target/size", codec=_SIZE, required=True, update=Update.REPLUG,
        doc="Size of the device; of virtio-mem the largest that it may have.",
    )  # fmt: skip
    node: int | None = xml(
        "target/node", codec=Integer(0, 1023), update=Update.REPLUG, doc="NUMA node of the guest that it is on."
    )
    requested: int | None = xml(
        "target/requested", codec=Size(minimum=0, multiple=1024), live=LiveCall.UPDATE, since="7.9.0",
        doc="How much of virtio-mem's size the guest may use now; a multiple of `block`.",
    )  # fmt: skip
    block: int | None = xml(
        "target/block", codec=_SIZE, update=Update.REPLUG, since="7.9.0",
        doc="Size of the blocks that virtio-mem comes and goes in; a power of two.",
    )  # fmt: skip
    label: int | None = xml(
        "target/label/size", codec=_SIZE, update=Update.REPLUG, since="3.2.0",
        doc="Size of the part of an nvdimm that holds its labels, 128KiB at least.",
    )  # fmt: skip
    readonly: bool | None = xml(
        "target/readonly", codec=PRESENCE, absent=False, update=Update.REPLUG, since="5.0.0",
        doc="Whether the guest can't write to an nvdimm.",
    )  # fmt: skip
    path: str | None = xml(
        "source/path", codec=_PATH, update=Update.REPLUG, since="3.2.0",
        doc="Path on the host of the file or device that holds an nvdimm's or virtio-pmem's content.",
    )  # fmt: skip
    alignsize: int | None = xml(
        "source/alignsize", codec=_SIZE, update=Update.REPLUG, since="5.0.0",
        doc="Alignment of an nvdimm's mapping; the host's page size when omitted.",
    )  # fmt: skip
    pmem: bool | None = xml(
        "source/pmem", codec=PRESENCE, absent=False, update=Update.REPLUG, since="5.0.0",
        doc="Whether an nvdimm's writes are made persistent, which needs real persistent memory.",
    )  # fmt: skip
    pagesize: int | None = xml(
        "source/pagesize", codec=_SIZE, update=Update.REPLUG,
        doc="Size of the host's pages behind a dimm or virtio-mem.",
    )  # fmt: skip
    nodemask: str | None = xml(
        "source/nodemask", codec=_NODES, update=Update.REPLUG, doc="NUMA nodes of the host that the memory comes from."
    )
    access: Literal["shared", "private"] | None = xml(
        "@access", update=Update.REPLUG, since="3.2.0", doc="Whether other processes of the host may map the memory."
    )
    discard: bool | None = xml(
        "@discard", update=Update.REPLUG, since="4.4.0", doc="Whether a dimm's content is dropped when the guest stops."
    )
    uuid: str | None = xml(
        "uuid", codec=Uuid(), update=Update.REPLUG, since="6.2.0", doc="Identity of an nvdimm, on pSeries guests."
    )
    # While it runs, libvirt adds the module's place in the guest's memory.
    address: str | None = xml(
        "address",
        codec=DeviceAddress(),
        volatile=True,
        update=Update.REPLUG,
        doc="Where the device sits in the guest: slot and address of a module (dimm:0@0x100000000), a PCI address of virtio's.",
    )
