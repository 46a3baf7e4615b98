"""Values of documents as they stand in a line of text."""

from __future__ import annotations

import re
from typing import Any, Final

_LONGEST: Final = 160
# Control characters, what some readers take for the end of a line, and what turns the direction of writing: a name or a
# value must not look like more than it is.
_ODD: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def shown(value: Any) -> str:
    """Return a value in one line: flow style for maps and lists, text with line breaks escaped, long text cut."""
    text = _flow(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def in_line(text: str) -> str:
    """Return a text without line breaks and other characters that don't stand for themselves, each escaped."""
    return _ODD.sub(lambda found: found.group().encode("unicode_escape").decode(), text)


def _flow(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case dict():
            return "{" + ", ".join(f"{name}: {_flow(each)}" for name, each in value.items() if each is not None) + "}"
        case list() | tuple():
            return "[" + ", ".join(_flow(each) for each in value) + "]"
        case None:
            return "none"
        case str():
            return in_line(value) if value else '""'
        case _:
            return str(value)
