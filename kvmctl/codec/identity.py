"""What tells things apart: UUIDs, MAC and IP addresses, machine types, aliases."""

from __future__ import annotations

import ipaddress
import re
from typing import Any, Final

from kvmctl.codec.notation import Codec, notation
from kvmctl.codec.plain import Integer, Text

_MAC: Final = r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}"

_UUID: Final = r"[0-9A-Fa-f]{8}-?(?:[0-9A-Fa-f]{4}-?){3}[0-9A-Fa-f]{12}"


@notation
class Machine(Text):
    """A machine type; an alias such as q35 means the same as each of its versions (pc-q35-7.2)."""

    expects: str = "a machine type such as q35, pc or pc-q35-7.2"
    name: str = "machine"

    def same(self, have: str, want: str) -> bool:
        """Say whether `have` is `want`, or a version of it: `pc` is pc-i440fx-*, others are PREFIX-*."""
        if have == want:
            return True
        stem = {"pc": "pc-i440fx", "q35": "pc-q35"}.get(want, want)
        name, _, version = have.rpartition("-")
        return name == stem and re.fullmatch(r"[0-9][0-9.]*", version) is not None


def board_of(machine: str) -> str | None:
    """Return the board that an x86 machine type is a version of: i440fx (conventional PCI) or q35 (PCI Express)."""
    found = re.fullmatch(r"(?:pc-)?(i440fx|q35)(?:-.*)?", "i440fx" if machine == "pc" else machine)
    return found[1] if found else None


@notation
class UserAlias(Text):
    """A device's name, kept as libvirt's user alias `ua-NAME`; aliases that libvirt made up aren't names."""

    pattern: str = r"[A-Za-z0-9_-]+"
    expects: str = "a name of letters, digits, - and _"
    name: str = "name"

    def read(self, text: str) -> Any:
        """Return the name, or None for libvirt's own alias."""
        return text.removeprefix("ua-") if text.startswith("ua-") else None

    def write(self, value: str) -> str:
        """Return the alias (docs/formatdomain, "Aliases": the prefix is required)."""
        return f"ua-{value}"


@notation
class Prefix(Integer):
    """The length of a network prefix; libvirt may keep it as a netmask (docs/formatnetwork, `ip`)."""

    maximum: int = 128
    name: str = "prefix"

    def read(self, text: str) -> int:
        """Return the length, of a dotted netmask too."""
        return ipaddress.ip_network(f"0.0.0.0/{text}").prefixlen if "." in text else int(text)


@notation
class Mac(Codec[str]):
    """A MAC address, lower-case."""

    expects: str = "a MAC address such as 52:54:00:aa:bb:cc"
    name: str = "mac"

    def parse(self, value: object) -> str:
        """Return the address in lower case; a group address can't be a NIC's."""
        if type(value) is not str or not re.fullmatch(_MAC, value) or int(value[:2], 16) & 1:
            raise ValueError
        return value.lower()

    def read(self, text: str) -> str:
        """Return libvirt's address in lower case."""
        return text.lower()

    def schema(self) -> dict[str, Any]:
        """Return text in the format."""
        return {"type": "string", "format": "kvmctl-mac"}


@notation
class Uuid(Codec[str]):
    """A UUID in lower case with dashes."""

    expects: str = "a UUID such as 4dea22b3-1d52-d8f3-2516-782e98ab3fa0"
    name: str = "uuid"

    def parse(self, value: object) -> str:
        """Return the canonical form (RFC 9562, section 4)."""
        if type(value) is not str or not re.fullmatch(_UUID, value):
            raise ValueError
        digits = value.replace("-", "").lower()
        return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))

    def schema(self) -> dict[str, Any]:
        """Return text in the format."""
        return {"type": "string", "format": "kvmctl-uuid"}


def _canonical(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    """Return the address as libvirt prints it: an IPv4 address within an IPv6 one keeps its dots."""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return f"::ffff:{mapped}" if mapped else address.compressed


@notation
class IpAddress(Codec[str]):
    """An IPv4 or IPv6 address, compressed as RFC 5952 says; `version` 4 or 6 narrows it."""

    version: int = 0
    name: str = "ip"

    @property
    def expects(self) -> str:  # type: ignore[override]
        """Examples of the address."""
        examples = {0: "192.168.100.1 or fd00:1::1", 4: "192.168.100.1", 6: "fd00:1::1"}[self.version]
        return f"an IP{'v' + str(self.version) if self.version else ''} address such as {examples}"

    def parse(self, value: object) -> str:
        """Return the canonical text of the address."""
        if type(value) is not str:
            raise ValueError
        address = ipaddress.ip_address(value)
        if self.version and address.version != self.version:
            raise ValueError
        return _canonical(address)

    def read(self, text: str) -> str:
        """Return libvirt's address in canonical form; host names pass through."""
        try:
            return _canonical(ipaddress.ip_address(text))
        except ValueError:
            return text

    def schema(self) -> dict[str, Any]:
        """Return text in the format."""
        return {"type": "string", "format": f"kvmctl-ip{self.version or ''}"}
