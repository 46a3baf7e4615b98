"""Parts of a network interface (libvirt: docs/formatdomain, "Network interfaces")."""

from __future__ import annotations

from typing import Final, Literal

from kvmctl.codec import ON_OFF, Integer, IpAddress, Text
from kvmctl.fields import Model, Update, model, xml

_PATH: Final = Text(r"/.+", "an absolute path on the host, starting with /")
_PORT: Final = Integer(1, 65535)


@model(short=("dev",))
class InterfaceTarget(Model):
    """The host's end of the interface; a bare name is enough."""

    dev: str | None = xml(
        "@dev", left_open=(), update=Update.REPLUG, doc="Name of the device on the host; libvirt picks a free vnetN."
    )
    managed: bool | None = xml(
        "@managed", update=Update.REPLUG, since="5.7.0",
        doc="Whether libvirt makes the device (true), or finds it there, with type ethernet.",
    )  # fmt: skip


@model()
class InterfaceBackend(Model):
    """What of the host carries the interface."""

    type: Literal["passt"] | None = xml(
        "@type", update=Update.REPLUG, since="9.0.0", doc="Program that carries an interface of type user."
    )
    tap: str | None = xml(
        "@tap", codec=_PATH, update=Update.REPLUG, doc="Path on the host of the tun/tap device; /dev/net/tun."
    )
    vhost: str | None = xml(
        "@vhost", codec=_PATH, update=Update.REPLUG, doc="Path on the host of the vhost device; /dev/vhost-net."
    )
    log_file: str | None = xml(
        "@logFile", codec=_PATH, update=Update.REPLUG, since="9.0.0", doc="Path on the host of passt's log."
    )


@model()
class HostOffloads(Model):
    """What the host's end may leave to its hardware; everything it can unless it is switched off."""

    csum: bool | None = xml("@csum", codec=ON_OFF, update=Update.REPLUG, doc="Checksums.")
    gso: bool | None = xml("@gso", codec=ON_OFF, update=Update.REPLUG, doc="Segmentation of any protocol.")
    tso4: bool | None = xml("@tso4", codec=ON_OFF, update=Update.REPLUG, doc="Segmentation of TCP over IPv4.")
    tso6: bool | None = xml("@tso6", codec=ON_OFF, update=Update.REPLUG, doc="Segmentation of TCP over IPv6.")
    ecn: bool | None = xml("@ecn", codec=ON_OFF, update=Update.REPLUG, doc="Segmentation with congestion marks.")
    ufo: bool | None = xml("@ufo", codec=ON_OFF, update=Update.REPLUG, doc="Fragmentation of UDP.")
    mrg_rxbuf: bool | None = xml(
        "@mrg_rxbuf", codec=ON_OFF, update=Update.REPLUG, doc="Whether received packets may span several buffers."
    )


@model()
class GuestOffloads(Model):
    """What the guest may leave to the host; everything it can unless it is switched off."""

    csum: bool | None = xml("@csum", codec=ON_OFF, update=Update.REPLUG, doc="Checksums.")
    tso4: bool | None = xml("@tso4", codec=ON_OFF, update=Update.REPLUG, doc="Segmentation of TCP over IPv4.")
    tso6: bool | None = xml("@tso6", codec=ON_OFF, update=Update.REPLUG, doc="Segmentation of TCP over IPv6.")
    ecn: bool | None = xml("@ecn", codec=ON_OFF, update=Update.REPLUG, doc="Segmentation with congestion marks.")
    ufo: bool | None = xml("@ufo", codec=ON_OFF, update=Update.REPLUG, doc="Fragmentation of UDP.")


@model(short=("type",))
class Teaming(Model):
    """A pair of interfaces of which the guest uses the faster one while it is there."""

    type: Literal["persistent", "transient"] | None = xml(
        "@type", update=Update.REPLUG,
        doc="Whether the interface always stays (persistent) or goes for a migration (transient).",
    )  # fmt: skip
    persistent: str | None = xml(
        "@persistent", update=Update.REPLUG, doc="Alias of the interface that stays, of one that is transient: ua-NAME."
    )


@model(keys=(("start",),))
class ForwardedPorts(Model):
    """Ports of the host that lead to the guest."""

    start: int | None = xml("@start", codec=_PORT, update=Update.REPLUG, required=True, doc="First port.")
    end: int | None = xml("@end", codec=_PORT, update=Update.REPLUG, doc="Last port; the first when omitted.")
    to: int | None = xml("@to", codec=_PORT, update=Update.REPLUG, doc="First port of the guest; the same if omitted.")
    exclude: bool | None = xml("@exclude", update=Update.REPLUG, doc="Whether these ports are left out instead.")


@model()
class PortForward(Model):
    """Ports of one protocol that lead to the guest; matched by its place."""

    proto: Literal["tcp", "udp"] | None = xml("@proto", update=Update.REPLUG, required=True, doc="The protocol.")
    address: str | None = xml(
        "@address", codec=IpAddress(), update=Update.REPLUG, doc="Address of the host; all of them when omitted."
    )
    dev: str | None = xml("@dev", update=Update.REPLUG, doc="Device of the host; all of them when omitted.")
    ranges: tuple[ForwardedPorts, ...] | None = xml(
        "range", update=Update.REPLUG, doc="Ports; all of them when omitted, complete when given."
    )
