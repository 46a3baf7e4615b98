"""Text to value and back: each codec reads and writes one notation of YAML and of libvirt's XML.

Values are canonical inside: sizes are bytes, durations seconds, UUIDs and MAC addresses lower-case text.
"""

from __future__ import annotations

from typing import Any

from kvmctl.codec.data import Data
from kvmctl.codec.device import ContextId, Listen, SerialModel, Service, SocketPath, UpperHex
from kvmctl.codec.element import DeviceAddress, Document, ElementCodec, EndOfChain, PciPlace
from kvmctl.codec.firewall import Numeral, OrVariable, PacketMac
from kvmctl.codec.host_device import HostScsi, HostUsb
from kvmctl.codec.identity import IpAddress, Mac, Machine, UserAlias, Uuid, board_of
from kvmctl.codec.network import Lease, Prefix, prefix_length
from kvmctl.codec.notation import Codec, notation
from kvmctl.codec.numbers import CpuSet, Hexadecimal, NumberOrWord, members
from kvmctl.codec.plain import ON_OFF, PRESENCE, YES_NO, Choice, FileMode, Flag, Integer, Presence, SwitchWord, Text
from kvmctl.codec.quantity import ByteCount, Duration, Size, format_size

__all__ = [
    "ON_OFF",
    "PRESENCE",
    "YES_NO",
    "ByteCount",
    "Choice",
    "Codec",
    "ContextId",
    "CpuSet",
    "Data",
    "DeviceAddress",
    "Document",
    "Duration",
    "ElementCodec",
    "EndOfChain",
    "FileMode",
    "Flag",
    "Hexadecimal",
    "HostScsi",
    "HostUsb",
    "Integer",
    "IpAddress",
    "Lease",
    "Listen",
    "Mac",
    "Machine",
    "NumberOrWord",
    "Numeral",
    "OrVariable",
    "PacketMac",
    "PciPlace",
    "Prefix",
    "Presence",
    "SerialModel",
    "Service",
    "Size",
    "SocketPath",
    "SwitchWord",
    "Text",
    "UpperHex",
    "UserAlias",
    "Uuid",
    "board_of",
    "codec_formats",
    "format_size",
    "members",
    "notation",
    "prefix_length",
]


def codec_formats() -> dict[str, Codec[Any]]:
    """Return the codecs behind the `format` words that the JSON Schemas use."""
    return {
        "kvmctl-size": Size(minimum=0), "kvmctl-duration": Duration(), "kvmctl-mac": Mac(), "kvmctl-uuid": Uuid(),
        "kvmctl-cpuset": CpuSet(),
        "kvmctl-ip": IpAddress(), "kvmctl-ip4": IpAddress(4), "kvmctl-ip6": IpAddress(6),
        "kvmctl-usb-device": HostUsb(),
        "kvmctl-scsi-device": HostScsi(),
        "kvmctl-data": Data(),
    }  # fmt: skip
