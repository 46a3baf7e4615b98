"""The table of what reaches a running guest at once, made of the rows alone: for the README."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kvmctl.fields import Shape, Update, deciding, rows
from kvmctl.live import LiveCall
from kvmctl.models import BY_SHORT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvmctl.fields import Model, Row
    from kvmctl.live import When


class Line(NamedTuple):
    """What one call changes, of the machine or `among` one list of devices: the fields, each with its conditions."""

    call: LiveCall
    among: str
    update: Update
    fields: tuple[tuple[str, tuple[When, ...]], ...]

    @property
    def key(self) -> str:
        """The name of the line, by which its proof is found."""
        return f"{self.call.value} {self.among}".rstrip()


def lines() -> list[Line]:
    """Return the lines of the table, in the order of the calls."""
    found: dict[tuple[LiveCall, str], Line] = {}
    for trail in _live(BY_SHORT["vm"].model):
        row = trail[-1]
        if row.live is None:
            continue
        among = trail[0].yaml if trail[0].shape is Shape.MODELS else ""
        line = found.get((row.live, among), Line(row.live, among, row.update, ()))
        path = ".".join(each.yaml for each in trail)
        found[row.live, among] = line._replace(fields=(*line.fields, (path, row.when)))
    order = list(LiveCall)
    return sorted(found.values(), key=lambda line: order.index(line.call))


def _live(model: type[Model], trail: tuple[Row, ...] = ()) -> Iterator[tuple[Row, ...]]:
    """Yield the rows that lead to each field that says how it is changed live; what a group says goes for all in it."""
    for row in rows(model).values():
        here = (*trail, row)
        if row.live is not None:
            yield here
        if row.model is not None and not (deciding(here) is row and row.live and row.shape is Shape.MODEL):
            yield from _live(row.model, here)


def table() -> str:
    """Return the table in markdown."""
    out = ["| a change of | reaches the running guest by | when |", "|---|---|---|"]
    return "\n".join(out + [_line(line) for line in lines()]) + "\n"


def _line(line: Line) -> str:
    start = _start([path for path, _ in line.fields])
    names = ", ".join(f"`{path.removeprefix(start)}`" for path, _ in line.fields)
    fields = f"`{start.rstrip('.')}`: {names}" if start else names
    harm = "" if line.update is Update.LIVE else f", class `{line.update.value}`"
    return f"| {fields} | `virsh {line.call.value}`{harm} | {_conditions(line, start)} |"


def _start(paths: list[str]) -> str:
    """Return the group that all of several paths are in, with its dot; '' where there is none."""
    group = f"{paths[0].split('.')[0]}."
    return group if len(paths) > 1 and all(path.startswith(group) for path in paths) else ""


def _conditions(line: Line, start: str) -> str:
    """Return the conditions in words, those of some fields only after these fields' names."""
    found: dict[When, list[str]] = {}
    for path, when in line.fields:
        for each in when:
            found.setdefault(each, []).append(f"`{path.removeprefix(start)}`")
    words = [
        each.value if len(paths) == len(line.fields) else f"{', '.join(paths)}: {each.value}"
        for each, paths in found.items()
    ]
    return "; ".join(words)
