"""Lines of styled spans: plain text where it is read by programs, coloured by rich on a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, TextIO


class Span(NamedTuple):
    """A piece of a line; `style` is one of rich's style words, '' for none."""

    text: str
    style: str = ""


Line = Sequence[Span]


def line(*parts: str | Span) -> Line:
    """Return a line of plain and styled pieces."""
    return [part if isinstance(part, Span) else Span(part) for part in parts]


def plain(lines: Iterable[Line]) -> str:
    """Return the lines as text without styles."""
    return "".join("".join(span.text for span in each).rstrip() + "\n" for each in lines)


def write(lines: Iterable[Line], stream: TextIO, *, color: bool) -> None:
    """Write the lines to a stream; rich is loaded only where there is colour."""
    if not color:
        stream.write(plain(lines))
        return
    from rich.console import Console
    from rich.text import Text

    console = Console(file=stream, force_terminal=True, highlight=False, soft_wrap=True)
    for each in lines:
        console.print(Text.assemble(*[(span.text, span.style) for span in each]))
