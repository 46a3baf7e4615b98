"""Drift as the one on call reads it: what each resource should be, and what it is."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from kvmctl.errors import plural
from kvmctl.plan.drift import NOTHING, DriftClass
from kvmctl.render import plan_text
from kvmctl.render.findings import Finding, Sort, drifted
from kvmctl.render.line import Line, Span, line
from kvmctl.render.value import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvmctl.plan import Plan
    from kvmctl.plan.drift import Beside

_STYLES: Final = {
    Sort.MISSING: "bold red", Sort.HIDDEN: "yellow", Sort.DIFFERS: "yellow", Sort.LEFT: "yellow",
    Sort.PENDING: "cyan", Sort.UNMANAGED: "magenta", Sort.FOREIGN: "dim",
}  # fmt: skip
_BETWEEN: Final = {Sort.PENDING: ("running with", "defined as"), Sort.UNMANAGED: ("was", "is")}
_AS_WANTED: Final = ("is", "should be")
_OTHERS: Final = (
    (DriftClass.PENDING, "resource", "pending until the next start"),
    (DriftClass.UNMANAGED, "resource", "changed beside the manifests"),
    (DriftClass.FOREIGN, "object", "not in the manifests"),
)


def lines(plan: Plan, beside: Beside = NOTHING) -> Iterator[Line]:
    """Yield a line for each resource that is missing or differs, and one for each field; then the sum."""
    for finding in drifted(plan, beside):
        word = f"can't be seen: {finding.said} [{finding.drift}]" if finding.sort is Sort.HIDDEN else finding.words
        yield line("  ", Span(str(finding.address), "bold"), "  ", Span(word, _STYLES[finding.sort]))
        if finding.said and finding.sort is not Sort.HIDDEN:
            yield line(f"      {finding.reason}")
        yield from _changes(finding)
    yield summary(plan, beside)


def _changes(finding: Finding) -> Iterator[Line]:
    is_, should_be = _BETWEEN.get(finding.sort, _AS_WANTED)
    for change in finding.changes:
        yield line(
            f"      {change.text}: {is_} ",
            Span(shown(change.before), "red"),
            f", {should_be} ",
            Span(shown(change.after), "green"),
            plan_text.given(change) if finding.sort not in _BETWEEN else "",
        )


def summary(plan: Plan, beside: Beside = NOTHING) -> Line:
    """Return the closing line: how many resources are not as the manifests say, and how many else there is to tell."""
    found = Counter(finding.drift for finding in drifted(plan, beside))
    others = "".join(f"; {plural(found[each], what)} {told}" for each, what, told in _OTHERS if found[each])
    differing = found[DriftClass.MANAGED]
    if not differing:
        return line(
            Span("No drift", "bold green"),
            f": No changes, {plural(plan.unchanged, 'resource')} as the manifests say{others}.",
        )
    return line(
        Span("Drift:", "bold red"),
        f" {plural(differing, 'resource')} not as the manifests say, {plan.unchanged} as they should be{others}.",
    )
