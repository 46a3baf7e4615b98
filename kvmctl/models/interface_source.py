"""What an interface is connected to on the host, beside networks and bridges, and its addresses there."""

from __future__ import annotations

from typing import Literal

from kvmctl.codec import DeviceAddress, Integer, IpAddress, Text, Uuid
from kvmctl.fields import Model, Update, model, xml
from kvmctl.models.route import Route

_PORT = Integer(1, 65535)
_PATH = Text(r"/.+", "an absolute path on the host, starting with /")


@model(keys=(("address",),))
class InterfaceIp(Model):
    """An address of an interface."""

    address: str | None = xml("@address", codec=IpAddress(), required=True, doc="The address.")
    prefix: int | None = xml("@prefix", codec=Integer(0, 128), doc="Length of its network's prefix.")
    family: Literal["ipv4", "ipv6"] | None = xml(
        "@family", default="ipv4", unsaid="ipv4", doc="Family of the address; ipv6 has to be said."
    )
    peer: str | None = xml(
        "@peer", codec=IpAddress(), since="2.1.0", doc="Address of the other end of a point-to-point connection."
    )


@model()
class InterfaceSource(Model):
    """What an interface is connected to on the host; which fields there are depends on its type."""

    dev: str | None = xml(
        "source/@dev", update=Update.REPLUG, doc="Device of the host, with type direct, vdpa, or user by passt."
    )
    mode: Literal["vepa", "bridge", "private", "passthrough", "client", "server"] | None = xml(
        "source/@mode", update=Update.REPLUG,
        doc="How a direct interface shares the host's device, or which end of the socket vhostuser is.",
    )  # fmt: skip
    path: str | None = xml(
        "source/@path", codec=_PATH, update=Update.REPLUG, doc="Path on the host of the socket, with type vhostuser."
    )
    socket: Literal["unix"] | None = xml(
        "source/@type", update=Update.REPLUG, doc="Kind of the socket, with type vhostuser; unix is the only one."
    )
    reconnect: bool | None = xml(
        "source/reconnect/@enabled", update=Update.REPLUG, since="4.1.0",
        doc="Whether a vhostuser client connects anew after the other end went away.",
    )  # fmt: skip
    reconnect_timeout: int | None = xml(
        "source/reconnect/@timeout", codec=Integer(0, 2**32 - 1), update=Update.REPLUG, since="4.1.0",
        doc="Time between two attempts, in seconds.",
    )  # fmt: skip
    device: str | None = xml(
        "source/address", codec=DeviceAddress(), update=Update.REPLUG,
        doc="PCI address on the host of the device that the guest gets, with type hostdev.",
    )  # fmt: skip
    name: str | None = xml("source/@name", update=Update.REPLUG, doc="Name of the network, with type internal.")
    address: str | None = xml(
        "source/@address", codec=IpAddress(4), update=Update.REPLUG,
        doc="Address of the group or of the other end, with type mcast, client, server and udp.",
    )  # fmt: skip
    port: int | None = xml(
        "source/@port", codec=_PORT, update=Update.REPLUG, doc="Port, with type mcast, client, server and udp."
    )
    local_address: str | None = xml(
        "source/local/@address", codec=IpAddress(4), update=Update.REPLUG, doc="Address of this end, with type udp."
    )
    local_port: int | None = xml(
        "source/local/@port", codec=_PORT, update=Update.REPLUG, doc="Port of this end, with type udp."
    )
    switch_id: str | None = xml(
        "source/@switchid", codec=Uuid(), update=Update.REPLUG, since="5.4.0", doc="Switch of VMware, with type vds."
    )
    # A running interface on a network has a portid too: the UUID of its port there (libvirt 9.0).
    port_id: int | None = xml(
        "source/@portid",
        codec=Integer(),
        types=("vds",),
        update=Update.REPLUG,
        since="5.4.0",
        doc="Port of that switch.",
    )
    portgroup_id: str | None = xml(
        "source/@portgroupid", update=Update.REPLUG, since="5.4.0", doc="Group of ports of that switch."
    )
    connection_id: int | None = xml(
        "source/@connectionid", codec=Integer(), update=Update.REPLUG, since="5.4.0", doc="Connection to that port."
    )
    ips: tuple[InterfaceIp, ...] | None = xml(
        "source/ip", update=Update.REPLUG, since="2.1.0",
        doc="Addresses of the host's end, with type ethernet; complete when given.",
    )  # fmt: skip
    routes: tuple[Route, ...] | None = xml(
        "source/route", update=Update.REPLUG, since="2.1.0",
        doc="Routes of the host by the interface, with type ethernet; complete when given.",
    )  # fmt: skip
