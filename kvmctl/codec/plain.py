"""Text, numbers, truth values and closed lists of words."""

from __future__ import annotations

import re
from typing import Any, Final

from kvmctl.codec.notation import Codec, notation

_NOT_XML: Final = "[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"


class SwitchWord(str):
    """An unquoted yes, no, on or off: a boolean to YAML 1.1, text to 1.2. Only a Choice that lists it takes it."""

    __slots__ = ()


@notation
class Text(Codec[str]):
    """Text as it stands; `pattern` must match the whole of it."""

    pattern: str = ""
    expects: str = "text"
    name: str = "text"

    def parse(self, value: object) -> str:
        """Return the text; numbers and booleans are refused, because quoting decides what was meant."""
        if type(value) is not str or not _is_xml_text(value):
            raise ValueError
        if self.pattern and not re.fullmatch(self.pattern, value):
            raise ValueError
        return value

    def read(self, text: str) -> str:
        """Return libvirt's text unjudged."""
        return text

    def same(self, have: str, want: str) -> bool:
        """Say whether the texts differ in nothing but white space around them: a YAML block ends with a line break."""
        return have == want or have.strip() == want.strip()

    def schema(self) -> dict[str, Any]:
        """Return a string schema, with the pattern where there is one."""
        return {"type": "string", "pattern": f"^(?:{self.pattern})$"} if self.pattern else {"type": "string"}


def _is_xml_text(value: str) -> bool:
    """Say whether XML 1.0 can carry the text (W3C XML 1.0, production 2: Char).

    What is printable it can; the pattern alone takes 8 ms to compile.
    """
    return value.isprintable() or re.search(_NOT_XML, value) is None


@notation
class PermissionBits(Text):
    """Permissions of a file in octal, as text: `"0644"`."""

    pattern: str = "[0-7]{1,4}"
    expects: str = 'permissions in quotes, such as "0644"'
    name: str = "permissions"

    def parse(self, value: object) -> str:
        """Return the four digits that libvirt prints."""
        return super().parse(value).zfill(4)

    def read(self, text: str) -> str:
        """Return libvirt's digits."""
        return text.zfill(4)


@notation
class Integer(Codec[int]):
    """A whole number between `minimum` and `maximum`."""

    minimum: int = 0
    maximum: int = 2**63 - 1
    name: str = "integer"

    @property
    def expects(self) -> str:  # type: ignore[override]
        """The range in words."""
        if self.maximum < 2**31:
            return f"a whole number from {self.minimum} to {self.maximum}"
        return f"a whole number, {self.minimum} or more"

    def parse(self, value: object) -> int:
        """Return the number; text that looks like one is refused."""
        if type(value) is not int or not self.minimum <= value <= self.maximum:
            raise ValueError
        return value

    def read(self, text: str) -> int:
        """Return the number; libvirt writes some of them in hexadecimal."""
        return int(text, 0)

    def schema(self) -> dict[str, Any]:
        """Return an integer schema with its range."""
        return {"type": "integer", "minimum": self.minimum, "maximum": self.maximum}


@notation
class Flag(Codec[bool]):
    """True or false in YAML; a pair of words in libvirt's XML."""

    yes: str = "yes"
    no: str = "no"
    expects: str = "true or false"
    name: str = "boolean"

    def parse(self, value: object) -> bool:
        """Return the boolean."""
        if type(value) is not bool:
            raise ValueError
        return value

    def read(self, text: str) -> bool:
        """Return whether libvirt's word is the one for true."""
        return text == self.yes

    def write(self, value: bool) -> str:
        """Return libvirt's word."""
        return self.yes if value else self.no

    def schema(self) -> dict[str, Any]:
        """Return a boolean schema."""
        return {"type": "boolean"}


YES_NO: Final = Flag()

ON_OFF: Final = Flag("on", "off")


@notation
class Presence(Flag):
    """True when libvirt's XML has the element at all, false when it hasn't."""

    name: str = "presence"


PRESENCE: Final = Presence()


@notation
class Choice(Codec[str]):
    """One of a closed list of words; `xml` maps those that libvirt spells otherwise."""

    values: tuple[str, ...]
    xml: tuple[tuple[str, str], ...] = ()
    name: str = "choice"

    @property
    def expects(self) -> str:  # type: ignore[override]
        """The words."""
        return "one of " + ", ".join(self.values) if len(self.values) > 1 else self.values[0]

    def parse(self, value: object) -> str:
        """Return the word."""
        if not isinstance(value, str) or value not in self.values:
            raise ValueError
        return str(value)

    def read(self, text: str) -> str:
        """Return kvmctl's word for libvirt's; one that a newer libvirt brings passes through."""
        return next((ours for ours, theirs in self.xml if theirs == text), text)

    def write(self, value: str) -> str:
        """Return libvirt's word."""
        return next((theirs for ours, theirs in self.xml if ours == value), value)

    def schema(self) -> dict[str, Any]:
        """Return an enumeration."""
        return {"enum": list(self.values)}
