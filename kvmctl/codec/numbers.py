"""Numbers that aren't only numbers: sets of CPUs, numbers with a word beside them, hexadecimal ones."""

from __future__ import annotations

import re
from typing import Any, Final

from kvmctl.codec.notation import notation
from kvmctl.codec.plain import Integer, Text

# VIR_DOMAIN_CPUMASK_LEN of libvirt 9.0: higher numbers are refused in every set.
_MOST_MEMBERS: Final = 16384
_PART: Final = r"\^?[0-9]{1,5}|[0-9]{1,5}-[0-9]{1,5}"


@notation
class NumberOrWord(Text):
    """A number, or one of the words that `pattern` allows beside it; the value is text."""

    minimum: int = 0
    maximum: int = 2**63 - 1
    name: str = "integer or word"

    def parse(self, value: object) -> str:
        """Return the text; a bare number is one."""
        if type(value) is int and self.minimum <= value <= self.maximum:
            return str(value)
        return super().parse(value)

    def dump(self, value: str) -> object:
        """Return the number without quotes."""
        return int(value) if re.fullmatch(r"-?[0-9]+", value) else value

    def schema(self) -> dict[str, Any]:
        """Return a number, or text of the pattern."""
        limits = {"minimum": self.minimum, "maximum": self.maximum}
        return {"type": ["string", "integer"], "pattern": f"^(?:{self.pattern})$", **limits}


@notation
class CpuSet(NumberOrWord):
    """A set of numbers, of CPUs or nodes: `0-3,8`; as libvirt prints it (virBitmapFormat): in order, without ^."""

    pattern: str = rf"(?:{_PART})(?:,(?:{_PART}))*"
    expects: str = "numbers and ranges such as 0-3,8 (^2 takes one out)"
    maximum: int = _MOST_MEMBERS - 1
    name: str = "set of numbers"

    def parse(self, value: object) -> str:
        """Return the canonical text of the set."""
        return _canonical(super().parse(value))

    def read(self, text: str) -> str:
        """Return libvirt's set in canonical form; what isn't one passes through."""
        try:
            return self.parse(text)
        except ValueError:
            return text

    def schema(self) -> dict[str, Any]:
        """Return a number, or text in the format."""
        return {"type": ["string", "integer"], "format": "kvmctl-cpuset"}


def members(text: str) -> list[int]:
    """Return the numbers of a canonical set, in order."""
    found: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    return found


def _canonical(text: str) -> str:
    """Return a set in order, each run of numbers as a range; ValueError for an empty or an impossible one."""
    held: set[int] = set()
    for part in text.split(","):
        first, _, last = part.removeprefix("^").partition("-")
        numbers = range(int(first), int(last or first) + 1)
        if not numbers or numbers[-1] >= _MOST_MEMBERS:
            raise ValueError
        held = held.difference(numbers) if part.startswith("^") else held.union(numbers)
    if not held:
        raise ValueError
    starts = sorted(each for each in held if each - 1 not in held)
    ends = sorted(each for each in held if each + 1 not in held)
    runs = zip(starts, ends, strict=True)
    return ",".join(str(start) if start == end else f"{start}-{end}" for start, end in runs)


@notation
class Hexadecimal(Integer):
    """A number that libvirt prints in hexadecimal, with `digits` of them at least: `0x0001`; `maximum` is all f."""

    maximum: int = 2**32 - 1
    digits: int = 1
    name: str = "hexadecimal"

    @property
    def expects(self) -> str:  # type: ignore[override]
        """An example."""
        return f"a number such as {self.write(self.minimum)} (in quotes) or {self.minimum}"

    def parse(self, value: object) -> int:
        """Return the number, of text such as 0x1f too."""
        if type(value) is str and re.fullmatch(self._pattern(), value):
            value = int(value, 16)
        return super().parse(value)

    def _pattern(self) -> str:
        return f"0x0*[0-9a-fA-F]{{1,{len(f'{self.maximum:x}')}}}"

    def dump(self, value: int) -> object:
        """Return it as libvirt prints it."""
        return self.write(value)

    def write(self, value: int) -> str:
        """Return the digits behind 0x."""
        return f"0x{value:0{self.digits}x}"

    def schema(self) -> dict[str, Any]:
        """Return a number, or text of hexadecimal digits."""
        return {**super().schema(), "type": ["string", "integer"], "pattern": f"^{self._pattern()}$"}
