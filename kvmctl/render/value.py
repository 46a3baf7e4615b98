"""Values of documents as they stand in a line of text."""

from __future__ import annotations

from typing import Any, Final

_LONGEST: Final = 160


def shown(value: Any) -> str:
    """Return a value in one line: flow style for maps and lists, text with line breaks escaped, long text cut."""
    text = _flow(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


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
            return value.replace("\n", "\\n").replace("\t", "\\t") if value else '""'
        case _:
            return str(value)
