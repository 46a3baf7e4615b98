"""What an unquoted YAML word stands for; words that YAML 1.1 and 1.2 read differently are refused, never guessed."""

from __future__ import annotations

import re
from typing import Final

from kvmctl.codec import SwitchWord

Scalar = None | bool | int | float | str

_WORDS: Final[dict[str, Scalar]] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_SWITCHES: Final = frozenset(("yes", "on", "y", "no", "off", "n"))
_LONGEST_SWITCH: Final = 3
_OUTSIDE_NUMBERS: Final = frozenset((".inf", "+.inf", "-.inf", ".nan"))
_NUMBER_START: Final = frozenset("+-.0123456789")
_INTEGER: Final = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_OTHER_INTEGER: Final = re.compile(
    r"[-+]?(?:0o?(?P<octal>[0-7_]+)|0x(?P<hex>[0-9a-fA-F_]+)|0b(?P<binary>[01_]+)|(?P<decimal>[0-9][0-9_]*))"
)
_BASES: Final = {"octal": 8, "hex": 16, "binary": 2, "decimal": 10}
_FRACTION: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*)")
_POWER: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)[eE][-+]?[0-9]+")
_MOST_DIGITS: Final = 19  # of 2**63 - 1, the largest number that libvirt's XML carries


class OddError(ValueError):
    """An unquoted word whose meaning depends on the reader; says so and what to write."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class PlainWords(dict[str, Scalar]):
    """The values of unquoted words, each worked out once; equal words share one object. A lookup may raise OddError."""

    def __missing__(self, text: str) -> Scalar:
        value = self[text] = plain(text)
        return value


def plain(text: str) -> Scalar:
    """Return what an unquoted word stands for, as YAML 1.2's core schema says (yaml.org/spec/1.2.2, section 10.3).

    Dates, times and MAC addresses are text; yes, no, on and off are SwitchWords, which hardly any field takes. Raises
    OddError for numbers that YAML 1.1 sees otherwise.
    """
    if text in _WORDS:
        return _WORDS[text]
    if text[0] in _NUMBER_START:
        return _number(text)
    return SwitchWord(text) if len(text) <= _LONGEST_SWITCH and text.lower() in _SWITCHES else text


def _number(text: str) -> Scalar:
    if _INTEGER.fullmatch(text):
        if len(text.lstrip("+-")) > _MOST_DIGITS:
            message = f"{shortened(text)} is too large for a number"
            raise OddError(message, f"write at most {2**63 - 1}, or put it in quotes if text is meant")
        return int(text)
    if _FRACTION.fullmatch(text):
        return float(text) if len(text) < 2 * _MOST_DIGITS else _refuse_number(text, "")
    if _POWER.fullmatch(text) or text.lower() in _OUTSIDE_NUMBERS:
        return _refuse_number(text, "")
    other = _OTHER_INTEGER.fullmatch(text)
    if other:
        return _refuse_number(text, _decimal(other))
    return text


def _decimal(match: re.Match[str]) -> str:
    """Return the number in the notation that all readers agree on; '' where it isn't one in its base."""
    base, digits = next((base, digits) for base, digits in match.groupdict().items() if digits)
    digits = digits.replace("_", "")
    if not digits or len(digits) > _MOST_DIGITS:
        return ""
    return ("-" if match[0].startswith("-") else "") + str(int(digits, _BASES[base]))


def _refuse_number(text: str, decimal: str) -> Scalar:
    seen = shortened(text)
    message = f"{seen} without quotes is one number to some YAML readers and another, or text, to others"
    raise OddError(
        message, f'write {decimal}, or "{seen}" if text is meant' if decimal else f'write "{seen}" in quotes'
    )


def printable(text: str) -> str:
    """Return the text, cut, with escapes for what a terminal would act upon."""
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in shortened(text))


def shortened(text: str, most: int = 60) -> str:
    """Return the text, cut to a length that a message can carry."""
    return text if len(text) <= most else text[: most - 1] + "…"
