"""Notations of network filters: numbers that may be hexadecimal or words, and variables."""

from __future__ import annotations

import re
from typing import Any, Final

from kvmctl.codec.notation import Codec, notation

_VARIABLE: Final = r"\$[A-Za-z0-9_]+(?:\[@?[0-9]+\])?"
_HEXADECIMAL: Final = r"0[xX]([0-9a-fA-F]{1,8})"


@notation
class Numeral(Codec[Any]):
    """A number, kept as a word or in hexadecimal where libvirt keeps it so: 80, `0x50`, `arp`.

    `words` are libvirt's names of some numbers. It writes the word for a number that has one.
    """

    minimum: int = 0
    maximum: int = 255
    words: tuple[tuple[str, int], ...] = ()
    name: str = "numeral"

    @property
    def expects(self) -> str:  # type: ignore[override]
        """The range, and the words."""
        words = f", or one of {', '.join(word for word, _ in self.words)}" if self.words else ""
        return f'a whole number from {self.minimum} to {self.maximum}, hexadecimal text such as "0x1f"{words}'

    def parse(self, value: object) -> Any:
        """Return a number as it is, hexadecimal text in its shortest form, or a word."""
        if type(value) is str and any(word == value for word, _ in self.words):
            return value
        match = re.fullmatch(_HEXADECIMAL, value) if type(value) is str else None
        number = int(match[1], 16) if match else value
        if type(number) is not int or not (match or self.minimum <= number <= self.maximum):
            raise ValueError
        return f"{number:#x}" if match else number

    def read(self, text: str) -> Any:
        """Return libvirt's decimal number as a number, anything else as text."""
        return int(text) if text.isdecimal() else text

    def same(self, have: Any, want: Any) -> bool:
        """Say whether the numbers are equal, however they are written."""
        return self._number(have) == self._number(want)

    def _number(self, value: Any) -> object:
        named = dict(self.words)
        match = re.fullmatch(_HEXADECIMAL, value) if type(value) is str else None
        return int(match[1], 16) if match else named.get(value, value)

    def schema(self) -> dict[str, Any]:
        """Return a number within its range, or text of one of the forms."""
        forms = "|".join((_HEXADECIMAL.replace("(", "(?:"), *(word for word, _ in self.words)))
        limits = {"minimum": self.minimum, "maximum": self.maximum}
        return {"type": ["integer", "string"], **limits, "pattern": f"^(?:{forms})$"}


@notation
class OrVariable(Codec[Any]):
    """What another notation holds, or a variable such as $IP or $PORTS[@1] that takes its place."""

    inner: Codec[Any]
    name: str = "value or variable"

    @property
    def expects(self) -> str:  # type: ignore[override]
        """What the other notation expects."""
        return f'{self.inner.expects}, or a variable such as "$IP"'

    def parse(self, value: object) -> Any:
        """Return the variable as libvirt writes it, or the other notation's value."""
        if type(value) is str and re.fullmatch(_VARIABLE, value):
            return value.removesuffix("[@0]")
        return self.inner.parse(value)

    def dump(self, value: Any) -> object:
        """Return the variable, or the other notation's scalar."""
        return value if _is_variable(value) else self.inner.dump(value)

    def read(self, text: str) -> Any:
        """Return libvirt's variable, or the other notation's value."""
        return text if _is_variable(text) else self.inner.read(text)

    def write(self, value: Any) -> str:
        """Return the variable, or libvirt's text for the value."""
        return str(value) if _is_variable(value) else self.inner.write(value)

    def same(self, have: Any, want: Any) -> bool:
        """Say whether both are the same variable, or mean the same value."""
        if _is_variable(have) or _is_variable(want):
            return bool(have == want)
        return self.inner.same(have, want)

    def schema(self) -> dict[str, Any]:
        """Return the other notation's schema, or a variable's pattern."""
        return {"anyOf": [self.inner.schema(), {"type": "string", "pattern": f"^(?:{_VARIABLE})$"}]}


def _is_variable(value: object) -> bool:
    return isinstance(value, str) and value.startswith("$")


@notation
class PacketMac(Codec[str]):
    """A MAC address of a packet, or a mask of one: lower-case; groups are as good as others."""

    expects: str = 'a MAC address or a mask of one, such as "52:54:00:aa:bb:cc"'
    name: str = "packet mac"

    def parse(self, value: object) -> str:
        """Return the address in lower case."""
        if type(value) is not str or not re.fullmatch(_MAC, value):
            raise ValueError
        return value.lower()

    def read(self, text: str) -> str:
        """Return libvirt's address in lower case."""
        return text.lower()

    def schema(self) -> dict[str, Any]:
        """Return text of six pairs of digits."""
        return {"type": "string", "pattern": f"^(?:{_MAC})$"}


_MAC: Final = r"[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5}"
