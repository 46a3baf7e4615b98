"""Sizes in bytes and durations in seconds, written with units."""

from __future__ import annotations

import re
from typing import Any, Final

from kvmctl.codec.notation import Codec, notation

_UNITS: Final = {
    "B": 1,
    "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40, "PiB": 2**50, "EiB": 2**60,
    "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12, "PB": 10**15, "EB": 10**18,
}  # fmt: skip

_BINARY: Final = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")

# libvirt's XML also knows short and old names (virScaleInteger, docs/formatdomain: "Memory Allocation").
_XML_UNITS: Final = {**_UNITS, "b": 1, "bytes": 1, "k": 2**10, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40,
                     "P": 2**50, "E": 2**60, "KB": 10**3}  # fmt: skip

_SIZE: Final = r"([0-9]{1,19})(?:\.([0-9]{1,9}))? ?([KMGTPE]iB|[kMGTPE]B|B)"

_MAX_SIZE: Final = 2**63 - 1

_DURATION: Final = r"([0-9]{1,9})(s|m|h)"

_SECONDS: Final = {"s": 1, "m": 60, "h": 3600}


@notation
class Size(Codec[int]):
    """Bytes; written with a unit, and kept as a multiple of `multiple` (rounded up, as libvirt does).

    `grain` is how much larger, less one, an existing thing may be and still have the wanted size.
    """

    minimum: int = 1
    multiple: int = 1
    grain: int = 1
    expects: str = "a size such as 512MiB, 20GiB or 2TB (KiB MiB GiB TiB, kB MB GB TB, or a number of bytes)"
    name: str = "size"

    def parse(self, value: object) -> int:
        """Return bytes from a number of them or from text with a unit."""
        size = value if type(value) is int else _parse_size(value)
        if not self.minimum <= size <= _MAX_SIZE:
            raise ValueError
        return -(-size // self.multiple) * self.multiple

    def same(self, have: int, want: int) -> bool:
        """Say whether `have` is `want` rounded up to the grain at most."""
        return want <= have < want + self.grain

    def dump(self, value: int) -> object:
        """Return the shortest exact notation: the largest binary unit that divides the size."""
        return format_size(value, exact=True)

    def read(self, text: str) -> int:
        """Return bytes; the unit attribute is applied by `read_scaled`."""
        return int(text)

    def read_scaled(self, text: str, unit: str | None, default: str) -> int:
        """Return bytes from an element's text and its unit attribute (docs/formatdomain, `memory`)."""
        return int(text) * _XML_UNITS[unit or default or "KiB"]

    def write_scaled(self, value: int, unit: str) -> tuple[str, str]:
        """Return libvirt's text, and the unit that it counts; without a given one the largest that divides the size.

        libvirt itself prints some sizes in the largest unit (virFormatIntPretty), most in KiB.
        """
        if not unit:
            unit = next((each for each in reversed(_BINARY) if value and value % _UNITS[each] == 0), "B")
        return str(value // _XML_UNITS[unit]), unit

    def schema(self) -> dict[str, Any]:
        """Return number of bytes, or text with a unit."""
        return {"type": ["string", "integer"], "format": "kvmctl-size", "minimum": self.minimum}


@notation
class ByteCount(Codec[int]):
    """Bytes, at a place where libvirt takes a plain number without a unit."""

    minimum: int = 0
    expects: str = Size.expects
    name: str = "size"

    def parse(self, value: object) -> int:
        """Return bytes from a number of them or from text with a unit."""
        return Size(minimum=self.minimum).parse(value)

    def dump(self, value: int) -> object:
        """Return the shortest exact notation."""
        return format_size(value, exact=True)

    def read(self, text: str) -> int:
        """Return the number."""
        return int(text)

    def schema(self) -> dict[str, Any]:
        """Return number of bytes, or text with a unit."""
        return {"type": ["string", "integer"], "format": "kvmctl-size", "minimum": self.minimum}


def _parse_size(value: object) -> int:
    """Return bytes from text such as 1.5GiB; the result must be a whole number of them."""
    match = re.fullmatch(_SIZE, value) if type(value) is str else None
    if match is None:
        raise ValueError
    whole, fraction, unit = match[1], match[2] or "", _UNITS[match[3]]
    scale: int = 10 ** len(fraction)
    size, rest = divmod(int(whole + fraction) * unit, scale)
    if rest:
        raise ValueError
    return size


def format_size(size: int, *, exact: bool = False) -> str:
    """Return a size for people: `20GiB`; when not exact, rounded to one decimal (`1.3MiB`)."""
    for unit in reversed(_BINARY[1:]):
        scale = _UNITS[unit]
        if size and size % scale == 0:
            return f"{size // scale}{unit}"
        if not exact and size >= scale:
            return f"{size / scale:.1f}{unit}"
    if exact:
        for unit in ("TB", "GB", "MB", "kB"):
            if size and size % _UNITS[unit] == 0:
                return f"{size // _UNITS[unit]}{unit}"
    return f"{size}B"


@notation
class Duration(Codec[int]):
    """Seconds; written as a number of them or as 90s, 5m, 1h."""

    expects: str = "a duration such as 90s, 5m or 1h (or a number of seconds)"
    name: str = "duration"

    def parse(self, value: object) -> int:
        """Return seconds."""
        if type(value) is int and 0 <= value < 10**9:
            return value
        match = re.fullmatch(_DURATION, value) if isinstance(value, str) else None
        if match is None:
            raise ValueError
        return int(match[1]) * _SECONDS[match[2]]

    def dump(self, value: int) -> object:
        """Return the largest unit that divides the duration."""
        unit = next(unit for unit in ("h", "m", "s") if value % _SECONDS[unit] == 0)
        return f"{value // _SECONDS[unit]}{unit}"

    def read(self, text: str) -> int:
        """Return the seconds of libvirt's plain number of them."""
        return int(text)

    def schema(self) -> dict[str, Any]:
        """Return a number of seconds, or text with a unit."""
        return {"type": ["string", "integer"], "format": "kvmctl-duration", "minimum": 0}
