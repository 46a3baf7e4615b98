"""A report as GitHub's annotations: lines that a job prints, and that stand beside the lines of the manifests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kvmctl.render.findings import Finding, Level, Place, place, problem_place

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvmctl.errors import Problem
    from kvmctl.render.report import Report

_COMMANDS: Final = {Level.ERROR: "error", Level.WARNING: "warning", Level.NOTE: "notice"}
_LEVELS: Final = list(Level)


def text(report: Report) -> str:
    """Return the annotations, those that matter most first: GitHub shows ten of each level of a step; then the sum."""
    problems = [
        _line("error", problem_place(each), each.field, f"{each.message}; {each.hint}") for each in report.problems
    ]
    ordered = sorted(report.findings, key=lambda finding: _LEVELS.index(finding.level))
    return "".join([*problems, *map(_annotation, ordered), *_sum(report)])


def _sum(report: Report) -> Iterator[str]:
    for said in report.summary:
        yield f"kvmctl {report.command}: {said}\n"


def _problem(problem: Problem) -> str:
    said = "; ".join(filter(None, (problem.message, problem.hint)))
    return _line("error", problem_place(problem), problem.field, said)


def _annotation(finding: Finding) -> str:
    lone = finding.changes[0] if len(finding.changes) == 1 and not finding.is_whole else None
    told = [finding.reason] if finding.reason else []
    told += [finding.told(change) for change in finding.changes]
    where = place(finding.resource, lone)
    title = f"{finding.address} {finding.words}"
    return _line(_COMMANDS[finding.level], where, title, "\n".join(told) or title)


def _line(command: str, where: Place | None, title: str, message: str) -> str:
    found = {"file": where.file, "line": str(where.line), "col": str(where.column)} if where else {}
    properties = ",".join(f"{name}={_property(value)}" for name, value in {**found, "title": title}.items() if value)
    return f"::{command} {properties}::{_data(message)}\n"


def _data(said: str) -> str:
    """Return a text as the runner reads a message: a line break would end the command and could begin another."""
    return "".join(f"%{ord(each):02X}" if each in "%\r\n" else each for each in said)


def _property(said: str) -> str:
    return "".join(f"%{ord(each):02X}" if each in ":," else each for each in _data(said))
