"""The name server of a network: what it answers by itself, and whom it asks (libvirt: docs/formatnetwork)."""

from __future__ import annotations

from typing import Final, Literal

from kvmctl.codec import Integer, IpAddress, Text
from kvmctl.fields import Model, Update, model, xml

HOSTNAME: Final = Text(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", "a host name such as web1 or web1.lab.example")


@model(keys=(("ip",),))
class DnsHost(Model):
    """An address with names."""

    ip: str | None = xml("@ip", codec=IpAddress(), required=True, doc="Address that the names stand for.")
    hostnames: tuple[str, ...] | None = xml("hostname", codec=HOSTNAME, required=True, doc="Names of the address.")


@model()
class Forwarder(Model):
    """A name server to ask; matched by its place."""

    address: str | None = xml("@addr", codec=IpAddress(), doc="Address of the server.")
    domain: str | None = xml("@domain", codec=HOSTNAME, doc="Domain that it is asked about; all when omitted.")


@model(keys=(("service", "protocol", "target"), ("service", "protocol")))
class Srv(Model):
    """An SRV record."""

    service: str | None = xml("@service", required=True, doc="Name of the service, without its underscore: sip.")
    protocol: Literal["tcp", "udp"] | None = xml("@protocol", required=True, doc="Protocol of the service.")
    domain: str | None = xml("@domain", doc="Domain that offers the service; the network's own when omitted.")
    target: str | None = xml("@target", doc="Host that runs the service; none when omitted.")
    port: int | None = xml("@port", codec=Integer(1, 65535), doc="Port of the service.")
    priority: int | None = xml("@priority", codec=Integer(0, 65535), doc="Lower ones are asked first.")
    weight: int | None = xml("@weight", codec=Integer(0, 65535), doc="Share among targets of one priority.")


@model(keys=(("name",),))
class Txt(Model):
    """A TXT record."""

    name: str | None = xml("@name", codec=HOSTNAME, required=True, doc="Name of the record.")
    value: str | None = xml("@value", required=True, doc="Text of the record.")


@model()
class Dns(Model):
    """The name server of the network."""

    enable: bool | None = xml("@enable", unsaid=True, doc="Whether there is a name server at all.")
    forward_plain_names: bool | None = xml("@forwardPlainNames", doc="Whether names without a dot are forwarded.")
    forwarders: tuple[Forwarder, ...] | None = xml(
        "forwarder", doc="Name servers to ask instead of the host's; complete when given."
    )
    hosts: tuple[DnsHost, ...] | None = xml(
        "host", update=Update.LIVE, section="dns-host", doc="Addresses with names; complete when given."
    )
    srvs: tuple[Srv, ...] | None = xml(
        "srv", update=Update.LIVE, section="dns-srv", doc="SRV records; complete when given."
    )
    txts: tuple[Txt, ...] | None = xml(
        "txt", update=Update.LIVE, section="dns-txt", doc="TXT records; complete when given."
    )
