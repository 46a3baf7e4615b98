"""What a rule of a network filter looks at in an Ethernet frame (libvirt: docs/formatnwfilter)."""

from __future__ import annotations

from typing import Final

from kvmctl.codec import Flag, Numeral, OrVariable
from kvmctl.fields import model, xml
from kvmctl.models.packet import BYTE, IP4, MAC, PREFIX4, WORD, FromMac, Macs

_LONG: Final = OrVariable(Numeral(0, 2**32 - 1))
_ETHERTYPE: Final = OrVariable(
    Numeral(1536, 65535, (("ipv4", 0x800), ("arp", 0x806), ("rarp", 0x8035), ("ipv6", 0x86DD), ("vlan", 0x8100)))
)
_OPCODE: Final = OrVariable(
    Numeral(
        0,
        65535,
        (
            ("Request", 1), ("Reply", 2), ("Request_Reverse", 3), ("Reply_Reverse", 4), ("DRARP_Request", 5),
            ("DRARP_Reply", 6), ("DRARP_Error", 7), ("InARP_Request", 8), ("ARP_NAK", 9),
        ),
    )
)  # fmt: skip


@model(whole=True)
class MacRule(Macs):
    """Ethernet frames."""

    protocol_id: int | str | None = xml("@protocolid", codec=_ETHERTYPE, doc="Protocol within the frame.")


@model(whole=True)
class VlanRule(Macs):
    """Ethernet frames with a VLAN tag."""

    vlan_id: int | str | None = xml("@vlanid", codec=OrVariable(Numeral(0, 4095)), doc="Number of the VLAN.")
    encap_protocol: int | str | None = xml("@encap-protocol", codec=_ETHERTYPE, doc="Protocol within the frame.")


@model(whole=True)
class ArpRule(Macs):
    """ARP or RARP packets."""

    hw_type: int | str | None = xml("@hwtype", codec=WORD, doc="Kind of hardware; 1 is Ethernet.")
    protocol_type: int | str | None = xml("@protocoltype", codec=WORD, doc="Protocol whose addresses are resolved.")
    opcode: int | str | None = xml("@opcode", codec=_OPCODE, doc="What the packet is: a request, a reply or another.")
    arp_src_mac_addr: str | None = xml("@arpsrcmacaddr", codec=MAC, doc="Sender's MAC address within the packet.")
    arp_dst_mac_addr: str | None = xml("@arpdstmacaddr", codec=MAC, doc="Target's MAC address within the packet.")
    arp_src_ip_addr: str | None = xml("@arpsrcipaddr", codec=IP4, doc="Sender's address within the packet.")
    arp_src_ip_mask: int | str | None = xml(
        "@arpsrcipmask", codec=PREFIX4, since="1.2.3", doc="Length of the prefix of the sender's address."
    )
    arp_dst_ip_addr: str | None = xml("@arpdstipaddr", codec=IP4, doc="Target's address within the packet.")
    arp_dst_ip_mask: int | str | None = xml(
        "@arpdstipmask", codec=PREFIX4, since="1.2.3", doc="Length of the prefix of the target's address."
    )
    gratuitous: bool | str | None = xml(
        "@gratuitous",
        codec=OrVariable(Flag("true", "false")),
        doc="Whether the packet announces its sender's address unasked.",
    )


@model(whole=True)
class StpRule(FromMac):
    """Frames of the spanning tree protocol; of most fields the lowest and (Hi) the highest value can be given."""

    src_mac_mask: str | None = xml("@srcmacmask", codec=MAC, doc="Bits of the sender's MAC address that count.")
    type: int | str | None = xml("@type", codec=BYTE, doc="Type of the message.")
    flags: int | str | None = xml("@flags", codec=BYTE, doc="Flags of the message.")
    root_priority: int | str | None = xml("@root-priority", codec=WORD, doc="Priority of the root bridge.")
    root_priority_hi: int | str | None = xml("@root-priority-hi", codec=WORD, doc="Highest of its priorities.")
    root_address: str | None = xml("@root-address", codec=MAC, doc="MAC address of the root bridge.")
    root_address_mask: str | None = xml("@root-address-mask", codec=MAC, doc="Bits of that address that count.")
    root_cost: int | str | None = xml("@root-cost", codec=_LONG, doc="Cost of the path to the root bridge.")
    root_cost_hi: int | str | None = xml("@root-cost-hi", codec=_LONG, doc="Highest of the costs.")
    sender_priority: int | str | None = xml("@sender-priority", codec=WORD, doc="Priority of the sending bridge.")
    sender_priority_hi: int | str | None = xml("@sender-priority-hi", codec=WORD, doc="Highest of its priorities.")
    sender_address: str | None = xml("@sender-address", codec=MAC, doc="MAC address of the sending bridge.")
    sender_address_mask: str | None = xml("@sender-address-mask", codec=MAC, doc="Bits of that address that count.")
    port: int | str | None = xml("@port", codec=WORD, doc="Number of the sending bridge's port.")
    port_hi: int | str | None = xml("@port-hi", codec=WORD, doc="Highest of the numbers.")
    age: int | str | None = xml("@age", codec=WORD, doc="Age of the message, in seconds.")
    age_hi: int | str | None = xml("@age-hi", codec=WORD, doc="Highest of the ages, in seconds.")
    max_age: int | str | None = xml("@max-age", codec=WORD, doc="Age at which the message expires, in seconds.")
    max_age_hi: int | str | None = xml("@max-age-hi", codec=WORD, doc="Highest of those ages, in seconds.")
    hello_time: int | str | None = xml("@hello-time", codec=WORD, doc="Time between two messages, in seconds.")
    hello_time_hi: int | str | None = xml("@hello-time-hi", codec=WORD, doc="Highest of those times, in seconds.")
    forward_delay: int | str | None = xml("@forward-delay", codec=WORD, doc="Delay of forwarding, in seconds.")
    forward_delay_hi: int | str | None = xml("@forward-delay-hi", codec=WORD, doc="Highest of the delays, in seconds.")
