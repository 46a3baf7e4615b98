"""Drift as the one on call reads it: what each resource should be, and what it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kvmctl.errors import plural
from kvmctl.render import plan_text
from kvmctl.render.findings import Finding, Sort, drifted
from kvmctl.render.line import Line, Span, line
from kvmctl.render.value import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvmctl.plan import Plan

_STYLES: Final = {Sort.MISSING: "bold red", Sort.HIDDEN: "yellow", Sort.DIFFERS: "yellow", Sort.PENDING: "cyan"}


def lines(plan: Plan) -> Iterator[Line]:
    """Yield a line for each resource that is missing or differs, and one for each field; then the sum."""
    for finding in drifted(plan):
        word = f"can't be seen: {finding.said}" if finding.sort is Sort.HIDDEN else finding.words
        yield line("  ", Span(str(finding.address), "bold"), "  ", Span(word, _STYLES[finding.sort]))
        if finding.said and finding.sort is not Sort.HIDDEN:
            yield line(f"      {finding.said}")
        yield from _changes(finding)
    yield summary(plan)


def _changes(finding: Finding) -> Iterator[Line]:
    is_, should_be = ("running with", "defined as") if finding.sort is Sort.PENDING else ("is", "should be")
    for change in finding.changes:
        yield line(
            f"      {change.text}: {is_} ",
            Span(shown(change.before), "red"),
            f", {should_be} ",
            Span(shown(change.after), "green"),
            plan_text.given(change) if finding.sort is not Sort.PENDING else "",
        )


def summary(plan: Plan) -> Line:
    """Return the closing line: how many resources are not as the manifests say."""
    waiting = f"; {plural(len(plan.pending), 'resource')} pending until the next start" if plan.pending else ""
    differing = sum(finding.sort is not Sort.PENDING for finding in drifted(plan))
    if not differing:
        return line(
            Span("No drift", "bold green"),
            f": No changes, {plural(plan.unchanged, 'resource')} as the manifests say{waiting}.",
        )
    return line(
        Span("Drift:", "bold red"),
        f" {plural(differing, 'resource')} not as the manifests say, {plan.unchanged} as they should be{waiting}.",
    )
