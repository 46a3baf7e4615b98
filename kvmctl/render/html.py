"""A report as one page that needs nothing else: the sum, the picture of what uses what, each finding to unfold."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from kvmctl.render import svg
from kvmctl.render.findings import Finding, Sort, given, place
from kvmctl.render.topology import topology
from kvmctl.render.value import in_line, shown

if TYPE_CHECKING:
    from kvmctl.change import Change
    from kvmctl.render.report import Report

MOST_DRAWN: Final = 200
"""How many resources a picture is drawn of; more can't be read."""
_TEMPLATE: Final = "report.html.j2"
_WORDS: Final = {
    Sort.DIFFERS: ("is", "should be"), Sort.PENDING: ("running with", "defined as"), Sort.UNMANAGED: ("was", "is"),
}  # fmt: skip
_BEFORE_AND_AFTER: Final = ("before", "after")


class _Difference(NamedTuple):
    """A change as the page shows it; a value that isn't there is ''."""

    path: str
    before: str
    after: str
    note: str


class _Entry(NamedTuple):
    """A finding as the page shows it."""

    level: str
    address: str
    words: str
    reason: str
    heads: tuple[str, str]
    differences: tuple[_Difference, ...]
    commands: tuple[str, ...]
    where: str


def text(report: Report) -> str:
    """Return the page; equal input gives equal bytes. Names and values are escaped by the template's engine."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    engine = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    drawn = topology(report.plan.want if report.plan else {}, report.findings)
    return engine.get_template(_TEMPLATE).render(
        command=report.command, summary=report.summary, counts=report.counts, entries=[*map(_entry, report.findings)],
        same=[in_line(str(resource.address)) for resource in report.same],
        problems=[in_line(str(problem)) for problem in report.problems], drawn=len(drawn.nodes), most_drawn=MOST_DRAWN,
        picture=svg.text(drawn) if 0 < len(drawn.nodes) <= MOST_DRAWN else "",
    )  # fmt: skip


def _entry(finding: Finding) -> _Entry:
    where = place(finding.resource)
    return _Entry(
        finding.level.value, in_line(str(finding.address)), in_line(finding.words), in_line(finding.reason),
        _WORDS.get(finding.sort, _BEFORE_AND_AFTER), tuple(map(_difference, finding.changes)),
        tuple(map(in_line, finding.commands)), f"{in_line(where.file)}:{where.line}" if where else "",
    )  # fmt: skip


def _difference(change: Change) -> _Difference:
    before = "" if change.before is None else shown(change.before)
    after = "" if change.after is None else shown(change.after)
    return _Difference(in_line(change.text), before, after, in_line(given(change)).strip())
