"""A virtual network (libvirt: docs/formatnetwork)."""

from __future__ import annotations

from typing import Literal

from kvmctl.codec import ON_OFF, DeviceAddress, Integer, IpAddress, Lease, Mac, Prefix, Text, Uuid
from kvmctl.fields import Model, Update, document, model, state, xml
from kvmctl.models.bandwidth import Bandwidth
from kvmctl.models.dns import HOSTNAME, Dns
from kvmctl.models.profiled import Profiled
from kvmctl.models.route import Route
from kvmctl.models.virtualport import Virtualport
from kvmctl.models.vlan import Vlan


@model()
class NetworkDomain(Model):
    """The DNS domain of the network."""

    name: str | None = xml("@name", required=True, codec=HOSTNAME, doc="Name of the domain.")
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
    zone: str | None = xml("@zone", since="5.1.0", doc="Zone of firewalld that the bridge belongs to.")
    mac_table_manager: Literal["kernel", "libvirt"] | None = xml(
        "@macTableManager", since="1.2.11",
        doc="Who fills the bridge's table of MAC addresses: the kernel learns them, or libvirt writes its guests' ones.",
    )  # fmt: skip


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

    ipv6: bool | None = xml("@ipv6", since="6.5.0", doc="Whether IPv6 is translated too.")
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
    # libvirt names the first of the interfaces here too, and refuses another; it fills it in where it is missing.
    dev: str | None = xml(
        "@dev", clears=("interface",), doc="Device of the host that traffic may leave through; the first of several."
    )
    interfaces: tuple[str, ...] | None = xml(
        "interface/@dev", clears=("@dev",), update=Update.LIVE, section="forward-interface",
        doc="Devices of the host that guests are spread over, the first of which is `dev`; complete when given.",
    )  # fmt: skip
    managed: bool | None = xml(
        "@managed",
        doc="Whether libvirt takes the devices from the host's driver when a guest starts, with mode hostdev.",
    )
    driver: Literal["vfio", "kvm"] | None = xml(
        "driver/@name", since="1.0.5", doc="Driver that hands the devices to guests, with mode hostdev."
    )
    pf: str | None = xml("pf/@dev", doc="Physical function whose virtual functions are handed to guests.")
    addresses: tuple[str, ...] | None = xml(
        "address",
        codec=DeviceAddress(),
        doc="PCI addresses of the virtual functions that are handed to guests; complete when given.",
    )
    nat: Nat | None = xml("nat", volatile=True, doc="How NAT is done, with mode nat.")


@model(keys=(("mac",), ("id",), ("name",), ("ip",)))
class DhcpHost(Model):
    """A host with a fixed address."""

    mac: str | None = xml("@mac", codec=Mac(), doc="MAC address of the host (IPv4).")
    id: str | None = xml("@id", since="1.0.3", doc="DHCP unique identifier of the host (IPv6).")
    name: str | None = xml("@name", doc="Name that the host is given.")
    ip: str | None = xml("@ip", codec=IpAddress(), required=True, doc="Address that the host gets.")
    lease: str | None = xml(
        "lease", codec=Lease(), since="6.3.0", doc="For how long the address is lent: 90s, 30m, 24h or infinite."
    )


@model(keys=(("start",),))
class DhcpRange(Model):
    """Addresses handed out to anybody."""

    start: str | None = xml("@start", codec=IpAddress(), required=True, doc="First address.")
    end: str | None = xml("@end", codec=IpAddress(), required=True, doc="Last address.")
    lease: str | None = xml(
        "lease", codec=Lease(), since="6.3.0", doc="For how long an address is lent: 90s, 30m, 24h or infinite."
    )


@model(short=("file",))
class Bootp(Model):
    """What guests boot from the network."""

    file: str | None = xml("@file", required=True, doc="Name of the file that guests boot.")
    server: str | None = xml("@server", doc="Address of the TFTP server that has it; this host when omitted.")


@model()
class Dhcp(Model):
    """The DHCP server of one subnet."""

    ranges: tuple[DhcpRange, ...] | None = xml(
        "range", update=Update.LIVE, section="ip-dhcp-range",
        doc="Addresses handed out to anybody; complete when given.",
    )  # fmt: skip
    hosts: tuple[DhcpHost, ...] | None = xml(
        "host", update=Update.LIVE, section="ip-dhcp-host", doc="Hosts with a fixed address; complete when given."
    )
    bootp: Bootp | None = xml("bootp", doc="What guests boot from the network; a bare file name is enough.")


@model(keys=(("address",),))
class Ip(Model):
    """An address of the host on the network, and with it a subnet."""

    address: str | None = xml("@address", codec=IpAddress(), required=True, doc="Address of the host on the network.")
    prefix: int | str | None = xml(
        ".", codec=Prefix(), clears=("@prefix", "@netmask"), doc="Length of the subnet's prefix, or its netmask."
    )
    family: Literal["ipv4", "ipv6"] | None = xml(
        "@family", unsaid="ipv4", doc="Family of the address; follows from the address when omitted."
    )
    local_ptr: bool | None = xml(
        "@localPtr", since="3.0.0", doc="Whether unknown addresses of the subnet aren't asked about elsewhere."
    )
    tftp: str | None = xml("tftp/@root", doc="Folder of the host that is served by TFTP.")
    dhcp: Dhcp | None = xml("dhcp", doc="The DHCP server of the subnet.")


@model(keys=(("name",),))
class Portgroup(Model):
    """A class of guests on the network, which interfaces name by `portgroup`."""

    name: str | None = xml("@name", required=True, doc="Name of the group.")
    default: bool | None = xml("@default", doc="Whether interfaces that name no group are in this one.")
    trust_guest_rx_filters: bool | None = xml(
        "@trustGuestRxFilters", since="1.2.10", doc="Whether guests may change their MAC address and what they receive."
    )
    bandwidth: Bandwidth | None = xml("bandwidth", doc="Limits of each guest's traffic.")
    vlan: Vlan | None = xml("vlan", doc="VLAN tags of the guests' traffic.")
    virtualport: Virtualport | None = xml("virtualport", doc="What the switch has to know of each port.")


@model()
class Network(Profiled):
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
        "@ipv6", update=Update.INTERRUPT, absent=False,
        doc="Whether guests may speak IPv6 to each other where the network has no IPv6 address.",
    )  # fmt: skip
    forward: Forward | None = xml(
        "forward", update=Update.INTERRUPT, doc="How the network reaches the outside; omitted on creation: not at all."
    )
    bridge: Bridge | None = xml(
        "bridge", update=Update.INTERRUPT, doc="The bridge that carries the network; a bare name is enough."
    )
    mtu: int | None = xml("mtu/@size", codec=Integer(68, 65535), update=Update.INTERRUPT, doc="MTU in bytes.")
    mac: str | None = xml(
        "mac/@address",
        codec=Mac(),
        update=Update.INTERRUPT,
        doc="MAC address of the bridge; libvirt makes one up on creation.",
    )
    domain: NetworkDomain | None = xml("domain", update=Update.INTERRUPT, doc="The DNS domain of the network.")
    dns: Dns | None = xml("dns", update=Update.INTERRUPT, doc="The name server of the network.")
    ips: tuple[Ip, ...] | None = xml(
        "ip", update=Update.INTERRUPT, doc="Addresses of the host on the network; complete when given."
    )
    routes: tuple[Route, ...] | None = xml(
        "route", since="1.0.6", update=Update.INTERRUPT,
        doc="Static routes of the host to networks behind this one; complete when given.",
    )  # fmt: skip
    portgroups: tuple[Portgroup, ...] | None = xml(
        "portgroup", update=Update.LIVE, section="portgroup",
        doc="Classes of guests; complete when given. Interfaces that are plugged in keep what their group said then.",
    )  # fmt: skip
    bandwidth: Bandwidth | None = xml(
        "bandwidth", update=Update.INTERRUPT, doc="Limits of the traffic of all guests together."
    )
    vlan: Vlan | None = xml("vlan", update=Update.INTERRUPT, doc="VLAN tags of the guests' traffic.")
    virtualport: Virtualport | None = xml(
        "virtualport", update=Update.INTERRUPT, doc="What the switch has to know of each port."
    )
    isolated: bool | None = xml(
        "port/@isolated", since="6.1.0", update=Update.INTERRUPT,
        doc="Whether guests can't speak to each other, but only to the host and beyond.",
    )  # fmt: skip
    trust_guest_rx_filters: bool | None = xml(
        "@trustGuestRxFilters", since="1.2.10", update=Update.INTERRUPT,
        doc="Whether guests may change their MAC address and what they receive.",
    )  # fmt: skip
    dnsmasq_options: tuple[str, ...] | None = xml(
        "dnsmasq:options/dnsmasq:option/@value", since="5.6.0", update=Update.INTERRUPT,
        doc="Lines for the configuration of the network's dnsmasq, which libvirt doesn't check; complete when given.",
    )  # fmt: skip
    xml: str | None = document(
        update=Update.INTERRUPT,
        doc="Whatever has no field of its own: a partial libvirt document of the network, merged last by the keys of its elements.",
    )
