"""Notations of networks that are spread over an element's attributes: a subnet's prefix, the time of a DHCP lease."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from kvmctl.codec.element import ElementCodec
from kvmctl.codec.notation import notation

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_OCTET: Final = "(?:255|254|252|248|240|224|192|128|0)"
_MASK: Final = rf"(?:255\.){{3}}{_OCTET}|(?:255\.){{2}}{_OCTET}\.0|255\.{_OCTET}\.0\.0|{_OCTET}\.0\.0\.0"
_LEASE: Final = r"([1-9][0-9]{0,8})([smh])"
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours"}
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600}
_INFINITE: Final = "infinite"


@notation
class Prefix(ElementCodec):
    """The length of a network's prefix, or its netmask where that is what libvirt was given: 24, 255.255.255.0."""

    minimum: int = 0
    maximum: int = 128
    expects: str = "a whole number from 0 to 128, or a netmask such as 255.255.255.0"
    name: str = "prefix"

    def parse(self, value: object) -> Any:
        """Return the length, or the netmask."""
        is_length = type(value) is int and self.minimum <= value <= self.maximum
        if not is_length and not (type(value) is str and re.fullmatch(_MASK, value)):
            raise ValueError
        return value

    def read_element(self, element: Element) -> Any:
        """Return what the element says of its prefix."""
        length = element.get("prefix")
        return element.get("netmask") if length is None else int(length)

    def write_element(self, element: Element, value: Any) -> None:
        """Make an element say the prefix in the one of its two attributes that fits."""
        element.attrib.pop("prefix", None)
        element.attrib.pop("netmask", None)
        element.set("netmask" if isinstance(value, str) else "prefix", str(value))

    def same(self, have: Any, want: Any) -> bool:
        """Say whether both are equally long."""
        return prefix_length(have) == prefix_length(want)

    def schema(self) -> dict[str, Any]:
        """Return a number within its range, or text of a netmask."""
        limits = {"minimum": self.minimum, "maximum": self.maximum}
        return {"type": ["integer", "string"], **limits, "pattern": f"^(?:{_MASK})$"}


def prefix_length(value: int | str) -> int:
    """Return the length of a prefix that may be written as a netmask."""
    return value if isinstance(value, int) else sum(int(part).bit_count() for part in value.split("."))


@notation
class Lease(ElementCodec):
    """For how long an address is lent: `90s`, `30m`, `24h`, `infinite`."""

    expects: str = "a duration such as 90s, 30m or 24h, or infinite"
    name: str = "lease"

    def parse(self, value: object) -> str:
        """Return the duration in the unit that it is written in."""
        if value == _INFINITE:
            return _INFINITE
        match = re.fullmatch(_LEASE, value) if type(value) is str else None
        if match is None:
            raise ValueError
        return match[0]

    def read_element(self, element: Element) -> str | None:
        """Return the duration that an element says; libvirt's unit is minutes where none is written."""
        count, unit = element.get("expiry", ""), element.get("unit", "minutes")
        return _INFINITE if count == "0" else f"{count}{unit[:1]}"

    def write_element(self, element: Element, value: str) -> None:
        """Make an element say the duration."""
        element.attrib.clear()
        element.set("expiry", "0" if value == _INFINITE else value[:-1])
        if value != _INFINITE:
            element.set("unit", _UNITS[value[-1]])

    def same(self, have: str, want: str) -> bool:
        """Say whether both durations are equally long."""
        return have == want or (_INFINITE not in (have, want) and _seconds(have) == _seconds(want))

    def schema(self) -> dict[str, Any]:
        """Return text of one of the forms."""
        return {"type": "string", "pattern": f"^(?:{_LEASE}|{_INFINITE})$"}


def _seconds(value: str) -> int:
    return int(value[:-1]) * _SECONDS[value[-1]]
