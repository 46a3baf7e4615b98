"""Memory shared between machines (libvirt: docs/formatdomain, "Shared memory device")."""

from __future__ import annotations

from typing import Literal

from kvmctl.codec import ON_OFF, Integer, Size, SocketPath, Text
from kvmctl.fields import Update, model, xml
from kvmctl.models.device import Device

_MIB = 2**20


@model(keys=(("name",),))
class Shmem(Device):
    """A piece of memory that several machines of the host share."""

    name: str | None = xml(
        "@name", codec=Text("[^/]+", "a name without /"), required=True, doc="Name of the memory; machines that say the same one share it."
    )  # fmt: skip
    model: Literal["ivshmem", "ivshmem-plain", "ivshmem-doorbell"] | None = xml(
        "model/@type", update=Update.REPLUG, doc="Device that the guest sees; only ivshmem-doorbell has interrupts."
    )
    role: Literal["master", "peer"] | None = xml(
        "@role", update=Update.REPLUG, since="6.6.0", doc="Whether the memory moves along when the machine migrates (master) or not."
    )  # fmt: skip
    size: int | None = xml(
        "size", codec=Size(minimum=_MIB, multiple=_MIB), xml_unit="M", update=Update.REPLUG, doc="Size of the memory: a power of two, 1 MiB or more."
    )  # fmt: skip
    server: str | None = xml(
        "server", codec=SocketPath(), left_open=(), update=Update.REPLUG,
        doc="Path on the host of the socket of the server that hands out the memory, or auto for the one that libvirt expects (ivshmem-doorbell).",
    )  # fmt: skip
    vectors: int | None = xml(
        "msi/@vectors",
        codec=Integer(0, 2**32 - 1),
        update=Update.REPLUG,
        doc="Number of interrupts (ivshmem-doorbell).",
    )
    ioeventfd: bool | None = xml(
        "msi/@ioeventfd",
        codec=ON_OFF,
        update=Update.REPLUG,
        doc="Whether interrupts go past the emulator (ivshmem-doorbell).",
    )
