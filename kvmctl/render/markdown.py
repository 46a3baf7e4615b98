"""A report as a comment on a pull request: the sum first, each finding folded, never more than a comment holds."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from kvmctl.errors import plural
from kvmctl.render.findings import Finding, Level, Sort, given
from kvmctl.render.value import in_line, shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kvmctl.change import Change
    from kvmctl.errors import Problem
    from kvmctl.render.report import Report

LIMIT: Final = 65_536
"""What a comment on GitHub holds, in characters; bytes are counted here, which are never fewer."""
_RESERVED: Final = 200
_SYMBOLS: Final = {Level.ERROR: "❌", Level.WARNING: "⚠️", Level.NOTE: "▫️"}
_HEADERS: Final = {
    Sort.PENDING: "# - running with, + defined as",
    Sort.DIFFERS: "# - is, + should be",
    Sort.UNMANAGED: "# - was, + is",
}
_MARK: Final = re.compile(r"[^\w\s.,:;/()=+-]|_|(?<=:)/|(?<=www)\.")
"""What Markdown or HTML may take for more than itself; of addresses on the web the part that makes them links."""
_REFERS: Final = ("@", "#")


class _Piece(NamedTuple):
    """A finding or a problem in two lengths, and how much it matters."""

    level: Level
    whole: str
    short: str


def text(report: Report) -> str:
    """Return the comment; where not everything has room, what matters least loses its details first."""
    head = f"### kvmctl {report.command}\n\n" + "\n".join(f"**{_escaped(said)}**  " for said in report.summary) + "\n"
    pieces = [_problem(problem) for problem in report.problems] + [_piece(finding) for finding in report.findings]
    return head + "".join(_fitting(pieces, LIMIT - _size(head) - _RESERVED, report.command))


def _fitting(pieces: Sequence[_Piece], room: int, command: str) -> Iterator[str]:
    """Yield the pieces in their order, as much of them as there is room for, and the note of what was cut."""
    chosen: dict[int, str] = {}
    for level in Level:
        mine = [at for at, piece in enumerate(pieces) if piece.level is level]
        for at in mine:
            if (size := _size(pieces[at].short)) <= room:
                room -= size
                chosen[at] = pieces[at].short
        for at in mine:
            more = _size(pieces[at].whole) - _size(pieces[at].short)
            if at in chosen and more <= room:
                room -= more
                chosen[at] = pieces[at].whole
    yield from _spaced([chosen[at] for at in sorted(chosen)])
    left_out = len(pieces) - len(chosen)
    folded = sum(chosen[at] != pieces[at].whole for at in chosen)
    if left_out or folded:
        yield (
            f"\nA comment holds {LIMIT} characters: {plural(folded, 'finding')} without details, {left_out} left out. "
            f"`kvmctl {command}` shows all.\n"
        )


def _spaced(pieces: Sequence[str]) -> Iterator[str]:
    """Yield the pieces with empty lines around all but the items of a list: HTML goes on to the next empty line."""
    before = ""
    for piece in pieces:
        if not (before.startswith("-") and piece.startswith("-")):
            yield "\n"
        yield piece
        before = piece


def _piece(finding: Finding) -> _Piece:
    title = f"{_SYMBOLS[finding.level]} {code(str(finding.address))} {_escaped(finding.words)}"
    short = f"- {title}\n"
    body = "\n".join(_body(finding))
    if not body:
        return _Piece(finding.level, short, short)
    return _Piece(finding.level, f"<details><summary>{title}</summary>\n\n{body}\n</details>\n", short)


def _body(finding: Finding) -> Iterator[str]:
    """Yield the parts that are folded."""
    if finding.reason:
        yield f"{_escaped(finding.reason)}\n"
    if finding.changes:
        lines = [each for change in finding.changes for each in _diff(change)]
        yield fenced("diff", [_HEADERS[finding.sort], *lines] if finding.sort in _HEADERS else lines)
    if finding.commands:
        yield "By hand:\n\n" + fenced("sh", finding.commands)


def _diff(change: Change) -> Iterator[str]:
    note = in_line(given(change))
    if change.before is not None:
        yield f"- {change.text}: {shown(change.before)}{note if change.after is None else ''}"
    if change.after is not None or change.before is None:
        yield f"+ {change.text}: {shown(change.after)}{note}"


def _problem(problem: Problem) -> _Piece:
    short = f"- {_SYMBOLS[Level.ERROR]} {_escaped(str(problem))}\n"
    return _Piece(Level.ERROR, short, short)


def fenced(language: str, lines: Sequence[str]) -> str:
    """Return a code block, its fence longer than any run of backticks inside."""
    body = "\n".join(in_line(line) for line in lines)
    longest = max((len(run) for run in re.findall("`+", body)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{body}\n{fence}\n"


def code(name: str) -> str:
    """Return a name as code, in which nothing is taken for Markdown, HTML or the mention of a person."""
    return f"<code>{_escaped(name)}</code>"


def _escaped(said: str) -> str:
    """Return a text that stands for itself: marks are written as numbers.

    GitHub looks for people and issues when those are letters again; a comment in between stops it.
    """
    return _MARK.sub(lambda found: _number(found.group()), in_line(said))


def _number(mark: str) -> str:
    return f"&#{ord(mark)};" + ("<!-- -->" if mark in _REFERS else "")


def _size(said: str) -> int:
    """Return the bytes that a piece takes, the empty line before it included."""
    return len(said.encode("utf-8", "replace")) + 1
