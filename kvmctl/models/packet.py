"""What a rule of a network filter looks at in a packet, protocol by protocol (libvirt: docs/formatnwfilter)."""

from __future__ import annotations

from typing import Final

from kvmctl.codec import Integer, IpAddress, Numeral, OrVariable, PacketMac, Text
from kvmctl.fields import Model, model, xml

MAC: Final = OrVariable(PacketMac())
IP4: Final = OrVariable(IpAddress(4))
_IP6: Final = OrVariable(IpAddress(6))
PREFIX4: Final = OrVariable(Integer(0, 32))
_PREFIX6: Final = OrVariable(Integer(0, 128))
BYTE: Final = OrVariable(Numeral(0, 255))
WORD: Final = OrVariable(Numeral(0, 65535))
_COUNT: Final = OrVariable(Integer(0, 65535))
_DSCP: Final = OrVariable(Numeral(0, 63))
_PROTOCOL: Final = OrVariable(
    Numeral(
        0,
        255,
        (
            ("icmp", 1), ("igmp", 2), ("tcp", 6), ("udp", 17), ("esp", 50), ("ah", 51), ("icmpv6", 58),
            ("sctp", 132), ("udplite", 136),
        ),
    )
)  # fmt: skip
_VARIABLE: Final = r"\$[A-Za-z0-9_]+(\[@?[0-9]+\])?"
_FLAG: Final = "(SYN|ACK|URG|PSH|FIN|RST)"
_FLAGS: Final = rf"({_FLAG}(,{_FLAG})*|ALL|NONE)"
_STATE: Final = "(NEW|ESTABLISHED|RELATED|INVALID)"
_SET: Final = "(src|dst)"


@model(whole=True)
class Match(Model):
    """What every protocol's part of a rule can say."""

    match: bool | None = xml(
        "@match", absent=True, doc="Whether the rule is for packets that are so (true) or for all others (false)."
    )
    comment: str | None = xml(
        "@comment", codec=Text(r"[^\n]*", "text in one line"), doc="Remark, kept in the host's firewall."
    )


@model(whole=True)
class FromMac(Match):
    """A rule that can look at the sender's MAC address."""

    src_mac_addr: str | None = xml("@srcmacaddr", codec=MAC, doc="MAC address of the sender.")


@model(whole=True)
class Macs(FromMac):
    """A rule that can look at both MAC addresses."""

    src_mac_mask: str | None = xml("@srcmacmask", codec=MAC, doc="Bits of the sender's MAC address that count.")
    dst_mac_addr: str | None = xml("@dstmacaddr", codec=MAC, doc="MAC address of the receiver.")
    dst_mac_mask: str | None = xml("@dstmacmask", codec=MAC, doc="Bits of the receiver's MAC address that count.")


@model(whole=True)
class Ports(Match):
    """A rule that can look at ports."""

    src_port_start: int | str | None = xml("@srcportstart", codec=WORD, doc="First port of the sender.")
    src_port_end: int | str | None = xml("@srcportend", codec=WORD, doc="Last port of the sender.")
    dst_port_start: int | str | None = xml("@dstportstart", codec=WORD, doc="First port of the receiver.")
    dst_port_end: int | str | None = xml("@dstportend", codec=WORD, doc="Last port of the receiver.")


@model(whole=True)
class Ip4(Match):
    """A rule that can look at IPv4 addresses."""

    src_ip_addr: str | None = xml("@srcipaddr", codec=IP4, doc="Address of the sender.")
    src_ip_mask: int | str | None = xml(
        "@srcipmask", codec=PREFIX4, doc="Length of the prefix of the sender's address."
    )
    dst_ip_addr: str | None = xml("@dstipaddr", codec=IP4, doc="Address of the receiver.")
    dst_ip_mask: int | str | None = xml(
        "@dstipmask", codec=PREFIX4, doc="Length of the prefix of the receiver's address."
    )


@model(whole=True)
class Ip6(Match):
    """A rule that can look at IPv6 addresses."""

    src_ip_addr: str | None = xml("@srcipaddr", codec=_IP6, doc="Address of the sender.")
    src_ip_mask: int | str | None = xml(
        "@srcipmask", codec=_PREFIX6, doc="Length of the prefix of the sender's address."
    )
    dst_ip_addr: str | None = xml("@dstipaddr", codec=_IP6, doc="Address of the receiver.")
    dst_ip_mask: int | str | None = xml(
        "@dstipmask", codec=_PREFIX6, doc="Length of the prefix of the receiver's address."
    )


@model(whole=True)
class Stateful(FromMac):
    """A rule that the host's connection tracking carries out."""

    dscp: int | str | None = xml("@dscp", codec=_DSCP, doc="Differentiated services code point.")
    connlimit_above: int | str | None = xml(
        "@connlimit-above", codec=_COUNT, doc="The rule is for connections beyond this number of them."
    )
    state: str | None = xml(
        "@state",
        codec=Text(rf"{_STATE}(,{_STATE})*|NONE|{_VARIABLE}", "states such as NEW or ESTABLISHED,RELATED, or NONE"),
        doc="States of the connection, with commas between them; NONE turns tracking off for the rule.",
    )


@model(whole=True)
class Ip4Rule(Stateful, Ip4):
    """IPv4 packets of a protocol that has nothing else to look at: igmp, esp, ah, udplite."""

    src_ip_from: str | None = xml("@srcipfrom", codec=IP4, doc="First address of the senders.")
    src_ip_to: str | None = xml("@srcipto", codec=IP4, doc="Last address of the senders.")
    dst_ip_from: str | None = xml("@dstipfrom", codec=IP4, doc="First address of the receivers.")
    dst_ip_to: str | None = xml("@dstipto", codec=IP4, doc="Last address of the receivers.")


@model(whole=True)
class Ip6Rule(Stateful, Ip6):
    """IPv6 packets of a protocol that has nothing else to look at: esp, ah, udplite."""

    src_ip_from: str | None = xml("@srcipfrom", codec=_IP6, doc="First address of the senders.")
    src_ip_to: str | None = xml("@srcipto", codec=_IP6, doc="Last address of the senders.")
    # libvirt 9.0 refuses dstipto here: its check compares dstipfrom with dstipfrom.
    dst_ip_from: str | None = xml("@dstipfrom", codec=_IP6, doc="First address of the receivers.")


@model(whole=True)
class Set(Match):
    """A rule that can look into a set of addresses of the host."""

    ipset: str | None = xml(
        "@ipset",
        codec=Text(rf"[A-Za-z0-9_.:+ -]{{1,31}}|{_VARIABLE}", "the name of a set, or a variable such as $SET"),
        doc="Set of addresses, kept by ipset on the host, that the packet's have to be in.",
    )
    ipset_flags: str | None = xml(
        "@ipsetflags",
        codec=Text(rf"{_SET}(,{_SET}){{0,5}}|{_VARIABLE}", "src or dst, or several of them with commas between"),
        doc="Which address each part of the set's entries is: src the sender's, dst the receiver's.",
    )


@model(whole=True)
class AllRule(Ip4Rule, Set):
    """IPv4 packets of every protocol."""


@model(whole=True)
class AllIpv6Rule(Ip6Rule, Set):
    """IPv6 packets of every protocol."""


@model(whole=True)
class PortsRule(Ip4Rule, Ports):
    """IPv4 packets of a protocol with ports: udp, sctp."""


@model(whole=True)
class PortsIpv6Rule(Ip6Rule, Ports):
    """IPv6 packets of a protocol with ports: udp, sctp."""


@model(whole=True)
class TcpRule(PortsRule):
    """TCP packets over IPv4."""

    option: int | str | None = xml("@option", codec=BYTE, doc="Number of a TCP option that the packet has to carry.")
    flags: str | None = xml(
        "@flags",
        codec=Text(rf"{_FLAGS}/{_FLAGS}|{_VARIABLE}", "flags that are looked at / those that are set, such as SYN/ALL"),
        doc="TCP flags: those that are looked at, a slash, and those of them that have to be set.",
    )


@model(whole=True)
class TcpIpv6Rule(PortsIpv6Rule):
    """TCP packets over IPv6."""

    option: int | str | None = xml("@option", codec=BYTE, doc="Number of a TCP option that the packet has to carry.")


@model(whole=True)
class IcmpRule(Ip4Rule):
    """ICMP packets."""

    type: int | str | None = xml("@type", codec=BYTE, doc="ICMP type.")
    code: int | str | None = xml("@code", codec=BYTE, doc="ICMP code.")


@model(whole=True)
class Icmpv6Rule(Ip6Rule):
    """ICMPv6 packets."""

    type: int | str | None = xml("@type", codec=BYTE, doc="ICMPv6 type.")
    code: int | str | None = xml("@code", codec=BYTE, doc="ICMPv6 code.")


@model(whole=True)
class IpRule(Macs, Ip4, Ports):
    """IPv4 packets, looked at one by one, without connection tracking."""

    protocol: int | str | None = xml("@protocol", codec=_PROTOCOL, doc="Protocol within the packet; ports need one.")
    dscp: int | str | None = xml("@dscp", codec=_DSCP, doc="Differentiated services code point.")


@model(whole=True)
class Ipv6Rule(Macs, Ip6, Ports):
    """IPv6 packets, looked at one by one, without connection tracking."""

    protocol: int | str | None = xml("@protocol", codec=_PROTOCOL, doc="Protocol within the packet; ports need one.")
    type: int | str | None = xml("@type", codec=BYTE, since="1.2.12", doc="ICMPv6 type, or the first of them.")
    type_end: int | str | None = xml("@typeend", codec=BYTE, since="1.2.12", doc="Last ICMPv6 type.")
    code: int | str | None = xml("@code", codec=BYTE, since="1.2.12", doc="ICMPv6 code, or the first of them.")
    code_end: int | str | None = xml("@codeend", codec=BYTE, since="1.2.12", doc="Last ICMPv6 code.")
