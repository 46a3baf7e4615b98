"""Character devices: serial and parallel ports, consoles, channels (libvirt: docs/formatdomain, "Consoles, serial & channel devices")."""

from __future__ import annotations

from typing import Literal

from kvmctl.codec import Integer, IpAddress, SerialModel
from kvmctl.fields import model, xml
from kvmctl.models.character_source import OF_THE_TYPE, TYPE_DOC, CharacterSource, SourceType
from kvmctl.models.device import Device
from kvmctl.models.seclabel import LabelledSource


@model()
class Serial(CharacterSource, LabelledSource, Device):
    """A serial port; matched by its place, as libvirt numbers them."""

    type: SourceType | None = xml("@type", initial="pty", clears=OF_THE_TYPE, doc=TYPE_DOC)
    model: str | None = xml(
        "target", codec=SerialModel(),
        doc="Kind of port that the guest sees: isa-serial, usb-serial, pci-serial and others; libvirt chooses by the machine.",
    )  # fmt: skip
    port: int | None = xml("target/@port", codec=Integer(0, 255), doc="Number of the port.")


@model()
class Parallel(CharacterSource, LabelledSource, Device):
    """A parallel port; matched by its place, as libvirt numbers them."""

    type: SourceType | None = xml("@type", initial="pty", clears=OF_THE_TYPE, doc=TYPE_DOC)
    port: int | None = xml("target/@port", codec=Integer(0, 255), doc="Number of the port.")


@model(implicit=(("target", "serial"),))
class Console(CharacterSource, LabelledSource, Device):
    """A text console; matched by its place. libvirt mirrors the first serial port as the first console."""

    type: SourceType | None = xml("@type", initial="pty", clears=OF_THE_TYPE, doc=TYPE_DOC)
    target: Literal["serial", "virtio", "xen", "sclp", "sclplm", "uml", "openvz", "lxc"] | None = xml(
        "target/@type", doc="Device that the guest sees."
    )
    port: int | None = xml("target/@port", codec=Integer(0, 255), doc="Number of the console.")


@model(keys=(("name",), ("target_address", "target_port"), ("type",)))
class Channel(CharacterSource, LabelledSource, Device):
    """A channel between host and guest, such as org.qemu.guest_agent.0."""

    type: SourceType | None = xml("@type", initial="unix", clears=OF_THE_TYPE, doc=TYPE_DOC)
    target: Literal["virtio", "guestfwd", "xen"] | None = xml(
        "target/@type", initial="virtio", doc="Device that the guest sees."
    )
    name: str | None = xml("target/@name", doc="Name of the port that the guest sees (virtio, xen).")
    target_address: str | None = xml(
        "target/@address", codec=IpAddress(), doc="Address in the guest's user network that leads to the host's end (guestfwd)."
    )  # fmt: skip
    target_port: int | None = xml(
        "target/@port", codec=Integer(1, 65535), doc="TCP port at that address (guestfwd)."
    )  # fmt: skip
