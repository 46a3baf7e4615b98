"""Character devices: serial ports, consoles, channels (libvirt: docs/formatdomain, "Consoles, serial & channel devices")."""

from __future__ import annotations

from typing import Literal

from kvmctl.codec import Integer, Text
from kvmctl.fields import Model, model, xml

_BACKEND = Literal[
    "pty",
    "file",
    "unix",
    "tcp",
    "udp",
    "dev",
    "pipe",
    "stdio",
    "null",
    "vc",
    "nmdm",
    "spicevmc",
    "spiceport",
    "dbus",
]
_PATH = Text(r"/.+", "an absolute path on the host, starting with /")
_BACKEND_DOC = "Where the host's end is: a pseudo terminal, a file, a socket or another."


@model()
class Serial(Model):
    """A serial port; matched by its place, as libvirt numbers them."""

    type: _BACKEND | None = xml("@type", initial="pty", doc=_BACKEND_DOC)
    path: str | None = xml(
        "source/@path", codec=_PATH, volatile=True, doc="Path on the host of the file, socket or device."
    )
    model: (
        Literal[
            "isa-serial",
            "usb-serial",
            "pci-serial",
            "spapr-vio-serial",
            "system-serial",
            "sclp-serial",
            "isa-debug",
        ]
        | None
    ) = xml("target/@type", doc="Kind of port that the guest sees.")
    port: int | None = xml("target/@port", codec=Integer(0, 255), doc="Number of the port.")
    log: str | None = xml("log/@file", codec=_PATH, doc="Path on the host of a file that keeps what the guest writes.")


@model(implicit=(("target", "serial"),))
class Console(Model):
    """A text console; matched by its place. libvirt mirrors the first serial port as the first console."""

    type: _BACKEND | None = xml("@type", initial="pty", doc=_BACKEND_DOC)
    path: str | None = xml(
        "source/@path", codec=_PATH, volatile=True, doc="Path on the host of the file, socket or device."
    )
    target: Literal["serial", "virtio", "xen", "sclp", "sclplm", "uml", "openvz", "lxc"] | None = xml(
        "target/@type", doc="Device that the guest sees."
    )
    port: int | None = xml("target/@port", codec=Integer(0, 255), doc="Number of the console.")


@model(keys=(("name",),))
class Channel(Model):
    """A channel between host and guest, such as org.qemu.guest_agent.0."""

    type: _BACKEND | None = xml("@type", initial="unix", doc=_BACKEND_DOC)
    target: Literal["virtio", "guestfwd", "xen"] | None = xml(
        "target/@type", initial="virtio", doc="Device that the guest sees."
    )
    name: str | None = xml("target/@name", doc="Name of the port that the guest sees.")
    path: str | None = xml(
        "source/@path", codec=_PATH, volatile=True, doc="Path on the host of the socket; libvirt picks one."
    )
