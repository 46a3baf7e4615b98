"""What libyaml complains about, with a hint that the place suggests."""

from __future__ import annotations

import re
from typing import Any, Final

from yaml.composer import ComposerError

from kvmctl.manifest.scalars import printable

TEMPLATE: Final = "this looks like a template; render it first, and give kvmctl the result"


def mark_of(error: Exception) -> Any:
    """Return the mark that a yaml.YAMLError points at, or None."""
    return getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)


def explain(text: str, error: Exception) -> tuple[str, str]:
    """Return (message, hint) of a yaml.YAMLError that the text met."""
    line, column = _line_at(text, mark_of(error))
    said = [str(part) for name in ("context", "problem") if (part := getattr(error, name, None))]
    word = re.match(r"[^\s,]{1,30}", line[column:])
    message = "not YAML: " + (", ".join(said) or str(error)) + (f', at "{printable(word[0])}"' if word else "")
    if isinstance(error, ComposerError):
        return message, "define each anchor (&name) once, before its aliases (*name)"
    return message, _hint(text, line, column)


def _line_at(text: str, mark: Any) -> tuple[str, int]:
    """Return (line, column from 0) of a mark; an empty line where there is no mark."""
    lines = text.split("\n")
    return (lines[mark.line], mark.column) if mark is not None and mark.line < len(lines) else ("", 0)


def _hint(text: str, line: str, column: int) -> str:
    at = line[column : column + 1]
    if "{{" in line or "{%" in line:
        return TEMPLATE
    if text.startswith("%"):
        return "kvmctl reads no YAML directives; take the line away"
    if "\t" in line[: len(line) - len(line.lstrip())] or at == "\t":
        return "indent with spaces, not tabs"
    if at and at in "@`%":
        return f"put text that starts with {at} in quotes"
    return "look at the indentation, the brackets and the quotes here and in the line above"
