"""A network filter: a firewall's rules for the interfaces that name it (libvirt: docs/formatnwfilter)."""

from __future__ import annotations

from typing import Literal

from kvmctl.codec import Flag, Integer, Text, Uuid
from kvmctl.fields import Model, Update, model, xml
from kvmctl.models.filterref import FilterParameter
from kvmctl.models.frame import ArpRule, MacRule, StpRule, VlanRule
from kvmctl.models.packet import (
    AllIpv6Rule,
    AllRule,
    IcmpRule,
    Icmpv6Rule,
    Ip4Rule,
    Ip6Rule,
    IpRule,
    Ipv6Rule,
    PortsIpv6Rule,
    PortsRule,
    TcpIpv6Rule,
    TcpRule,
)
from kvmctl.models.profiled import Profiled


@model(whole=True)
class FilterRule(Model):
    """One rule, or another filter whose rules stand in its place. A rule looks at one protocol at most."""

    filterref: str | None = xml(
        "@filter", refers="nwfilter", loose=True, doc="Name of a NetworkFilter whose rules stand here."
    )
    parameters: tuple[FilterParameter, ...] | None = xml(
        "parameter", absent=(), doc="Values for the variables of the filter that `filterref` names."
    )
    action: Literal["accept", "drop", "reject", "return", "continue"] | None = xml(
        "@action",
        doc="What becomes of the packet: let through, thrown away, thrown away with an answer, back to the filter "
        "before, or on to the next rule.",
    )
    direction: Literal["in", "out", "inout"] | None = xml(
        "@direction", doc="Whether the rule is for packets to the guest (in), from it (out), or both."
    )
    priority: int | None = xml(
        "@priority", codec=Integer(-1000, 1000), default=500, doc="When the rule is tried; lower ones come first."
    )
    statematch: bool | None = xml(
        "@statematch",
        codec=Flag("true", "false"),
        absent=True,
        doc="Whether the connection's state is looked at, so that answers pass by themselves.",
    )
    mac: MacRule | None = xml("mac", doc="Ethernet frames.")
    vlan: VlanRule | None = xml("vlan", doc="Ethernet frames with a VLAN tag.")
    stp: StpRule | None = xml("stp", doc="Frames of the spanning tree protocol.")
    arp: ArpRule | None = xml("arp", doc="ARP packets.")
    rarp: ArpRule | None = xml("rarp", doc="RARP packets.")
    ip: IpRule | None = xml("ip", doc="IPv4 packets, without connection tracking.")
    ipv6: Ipv6Rule | None = xml("ipv6", doc="IPv6 packets, without connection tracking.")
    tcp: TcpRule | None = xml("tcp", doc="TCP over IPv4.")
    udp: PortsRule | None = xml("udp", doc="UDP over IPv4.")
    sctp: PortsRule | None = xml("sctp", doc="SCTP over IPv4.")
    icmp: IcmpRule | None = xml("icmp", doc="ICMP.")
    igmp: Ip4Rule | None = xml("igmp", doc="IGMP.")
    esp: Ip4Rule | None = xml("esp", doc="ESP (IPsec) over IPv4.")
    ah: Ip4Rule | None = xml("ah", doc="AH (IPsec) over IPv4.")
    udplite: Ip4Rule | None = xml("udplite", doc="UDP-Lite over IPv4.")
    all: AllRule | None = xml("all", doc="Every protocol over IPv4.")
    tcp_ipv6: TcpIpv6Rule | None = xml("tcp-ipv6", doc="TCP over IPv6.")
    udp_ipv6: PortsIpv6Rule | None = xml("udp-ipv6", doc="UDP over IPv6.")
    sctp_ipv6: PortsIpv6Rule | None = xml("sctp-ipv6", doc="SCTP over IPv6.")
    icmpv6: Icmpv6Rule | None = xml("icmpv6", doc="ICMPv6.")
    esp_ipv6: Ip6Rule | None = xml("esp-ipv6", doc="ESP (IPsec) over IPv6.")
    ah_ipv6: Ip6Rule | None = xml("ah-ipv6", doc="AH (IPsec) over IPv6.")
    udplite_ipv6: Ip6Rule | None = xml("udplite-ipv6", doc="UDP-Lite over IPv6.")
    all_ipv6: AllIpv6Rule | None = xml("all-ipv6", doc="Every protocol over IPv6.")


_CHAIN = r"root|(mac|stp|arp)[A-Za-z0-9_.:-]{0,9}|(vlan|rarp|ipv4|ipv6)[A-Za-z0-9_.:-]{0,8}"


@model()
class NetworkFilter(Profiled):
    """A firewall's rules for the interfaces that name the filter."""

    uuid: str | None = xml(
        "uuid",
        codec=Uuid(),
        update=Update.REFUSED,
        reason="a filter's UUID is its identity; leave it out to keep the one it has, or delete the filter and create it anew",
        doc="Identity of the filter; libvirt makes one up on creation.",
    )
    # Without a chain libvirt 9.0 doesn't look at the priority.
    chain: str | None = xml(
        "@chain",
        codec=Text(
            _CHAIN, "root, or a name of up to 12 characters that starts with mac, vlan, stp, arp, rarp, ipv4 or ipv6"
        ),
        initial="root",
        update=Update.LIVE,
        doc="Chain that the rules are in: root for all packets, another for those of the protocol that its name begins with.",
    )
    priority: int | None = xml(
        "@priority",
        codec=Integer(-1000, 1000),
        absent=0,
        update=Update.LIVE,
        doc="When the chain is tried; lower ones come first.",
    )
    rules: tuple[FilterRule, ...] | None = xml(
        "rule|filterref",
        update=Update.LIVE,
        doc="Rules and other filters in their order; complete when given. What a rule leaves out is not left alone: it has libvirt's default.",
    )
