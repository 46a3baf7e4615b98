"""A virtual network (libvirt: docs/formatnetwork)."""

from __future__ import annotations

from typing import Literal

from kvmctl.codec import ON_OFF, Integer, IpAddress, Mac, Prefix, Text, Uuid
from kvmctl.fields import Model, Update, document, model, state, xml

_HOSTNAME = Text(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", "a host name such as web1 or web1.lab.example")


@model()
class NetworkDomain(Model):
    """The DNS domain of the network."""

    name: str | None = xml("@name", required=True, codec=_HOSTNAME, doc="Name of the domain.")
    local_only: bool | None = xml(
        "@localOnly", doc="Whether unknown names of the domain stay unanswered instead of being forwarded."
    )


@model(short=("name",))
class Bridge(Model):
    """The bridge that carries the network."""

    name: str | None = xml(
        "@name",
        codec=Text(r"[A-Za-z0-9_.:-]{1,15}", "a device name of at most 15 characters such as virbr1"),
        doc="Name of the bridge on the host; libvirt picks a free virbrN.",
    )
    stp: bool | None = xml("@stp", codec=ON_OFF, doc="Whether the bridge speaks the spanning tree protocol.")
    delay: int | None = xml("@delay", codec=Integer(0, 65535), doc="Forwarding delay in seconds.")
    zone: str | None = xml("@zone", doc="Zone of firewalld that the bridge belongs to.")


@model()
class PortRange(Model):
    """Ports that NAT uses."""

    start: int | None = xml("@start", codec=Integer(1, 65535), required=True, doc="First port.")
    end: int | None = xml("@end", codec=Integer(1, 65535), required=True, doc="Last port.")


@model()
class AddressRange(Model):
    """Addresses that NAT uses."""

    start: str | None = xml("@start", codec=IpAddress(), required=True, doc="First address.")
    end: str | None = xml("@end", codec=IpAddress(), required=True, doc="Last address.")


@model()
class Nat(Model):
    """How NAT is done."""

    ipv6: bool | None = xml("@ipv6", doc="Whether IPv6 is translated too.")
    address: AddressRange | None = xml("address", doc="Addresses of the host to appear as.")
    ports: PortRange | None = xml("port", doc="Ports of the host to use.")


@model()
class Forward(Model):
    """How the network reaches the outside."""

    mode: Literal["nat", "route", "open", "bridge", "private", "vepa", "passthrough", "hostdev"] | None = xml(
        "@mode",
        required=True,
        doc="nat, route and open: through the host; bridge, private, vepa, passthrough: on a device of the host.",
    )
    dev: str | None = xml("@dev", doc="Device of the host that traffic may leave through.")
    nat: Nat | None = xml("nat", volatile=True, doc="How NAT is done, with mode nat.")


@model(keys=(("mac",), ("name",), ("ip",)))
class DhcpHost(Model):
    """A host with a fixed address."""

    mac: str | None = xml("@mac", codec=Mac(), doc="MAC address of the host (IPv4).")
    name: str | None = xml("@name", codec=_HOSTNAME, doc="Name that the host is given.")
    ip: str | None = xml("@ip", codec=IpAddress(), required=True, doc="Address that the host gets.")


@model(keys=(("start",),))
class DhcpRange(Model):
    """Addresses handed out to anybody."""

    start: str | None = xml("@start", codec=IpAddress(), required=True, doc="First address.")
    end: str | None = xml("@end", codec=IpAddress(), required=True, doc="Last address.")


@model()
class Dhcp(Model):
    """The DHCP server of one subnet."""

    ranges: tuple[DhcpRange, ...] | None = xml("range", doc="Addresses handed out to anybody; complete when given.")
    hosts: tuple[DhcpHost, ...] | None = xml("host", doc="Hosts with a fixed address; complete when given.")


@model(keys=(("address",),))
class Ip(Model):
    """An address of the host on the network, and with it a subnet."""

    address: str | None = xml("@address", codec=IpAddress(), required=True, doc="Address of the host on the network.")
    prefix: int | None = xml("@prefix", codec=Prefix(), also="@netmask", doc="Length of the subnet's prefix.")
    family: Literal["ipv4", "ipv6"] | None = xml(
        "@family", absent="ipv4", doc="Family of the address; follows from the address when omitted."
    )
    dhcp: Dhcp | None = xml("dhcp", doc="The DHCP server of the subnet.")


@model(keys=(("ip",),))
class DnsHost(Model):
    """An address with names."""

    ip: str | None = xml("@ip", codec=IpAddress(), required=True, doc="Address that the names stand for.")
    hostnames: tuple[str, ...] | None = xml("hostname", codec=_HOSTNAME, required=True, doc="Names of the address.")


@model()
class Forwarder(Model):
    """A name server to ask; matched by its place."""

    address: str | None = xml("@addr", codec=IpAddress(), doc="Address of the server.")
    domain: str | None = xml("@domain", codec=_HOSTNAME, doc="Domain that it is asked about; all when omitted.")


@model(keys=(("name",),))
class Txt(Model):
    """A TXT record."""

    name: str | None = xml("@name", codec=_HOSTNAME, required=True, doc="Name of the record.")
    value: str | None = xml("@value", required=True, doc="Text of the record.")


@model()
class Dns(Model):
    """The name server of the network."""

    enable: bool | None = xml("@enable", absent=True, doc="Whether there is a name server at all.")
    forward_plain_names: bool | None = xml("@forwardPlainNames", doc="Whether names without a dot are forwarded.")
    forwarders: tuple[Forwarder, ...] | None = xml(
        "forwarder", doc="Name servers to ask instead of the host's; complete when given."
    )
    hosts: tuple[DnsHost, ...] | None = xml("host", doc="Addresses with names; complete when given.")
    txts: tuple[Txt, ...] | None = xml("txt", doc="TXT records; complete when given.")


@model()
class Network(Model):
    """A virtual network; without `forward` it is isolated."""

    active: bool | None = state(
        update=Update.INTERRUPT,
        initial=True,
        doc="Whether the network is started. Stopping it cuts off its guests.",
    )
    autostart: bool | None = state(doc="Whether libvirt starts the network when the host boots.")
    uuid: str | None = xml(
        "uuid",
        codec=Uuid(),
        update=Update.REFUSED,
        reason="a network's UUID is its identity; leave it out to keep the one it has, or delete the network and create it anew",
        doc="Identity of the network; libvirt makes one up on creation.",
    )
    ipv6: bool | None = xml(
        "@ipv6",
        absent=False,
        doc="Whether guests may speak IPv6 to each other where the network has no IPv6 address.",
    )
    forward: Forward | None = xml(
        "forward", doc="How the network reaches the outside; omitted on creation: not at all."
    )
    bridge: Bridge | None = xml("bridge", doc="The bridge that carries the network; a bare name is enough.")
    mtu: int | None = xml("mtu/@size", codec=Integer(68, 65535), doc="MTU in bytes.")
    mac: str | None = xml(
        "mac/@address", codec=Mac(), doc="MAC address of the bridge; libvirt makes one up on creation."
    )
    domain: NetworkDomain | None = xml("domain", doc="The DNS domain of the network.")
    dns: Dns | None = xml("dns", doc="The name server of the network.")
    ips: tuple[Ip, ...] | None = xml("ip", doc="Addresses of the host on the network; complete when given.")
    xml: str | None = document(
        doc="Whatever has no field of its own: a partial libvirt document of the network, merged last by the keys of its elements."
    )
