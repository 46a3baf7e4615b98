"""Drift as the one on call reads it: what each resource should be, and what it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmctl.actions import Operation
from kvmctl.errors import plural
from kvmctl.render.line import Line, Span, line
from kvmctl.render.value import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvmctl.actions import Action, Refusal
    from kvmctl.diff import Change
    from kvmctl.inventory import Address
    from kvmctl.plan import Plan


def lines(plan: Plan) -> Iterator[Line]:
    """Yield a line for each resource that is missing or differs, and one for each field; then the sum."""
    missing = {action.address for action in plan.actions if action.operation is Operation.CREATE}
    findings: dict[Address, list[Change]] = {}
    every: tuple[Action | Refusal, ...] = (*plan.actions, *plan.refused)
    for each in every:
        findings.setdefault(each.address, []).extend(each.because if each.address not in missing else ())
    for address, changes in findings.items():
        word = Span("missing", "bold red") if address in missing else Span("differs", "yellow")
        yield line("  ", Span(str(address), "bold"), "  ", word)
        for change in changes:
            yield line(
                f"      {change.text}: is ",
                Span(shown(change.before), "red"),
                ", should be ",
                Span(shown(change.after), "green"),
            )
    for pending in plan.pending:
        yield line("  ", Span(str(pending.address), "bold"), "  ", Span("pending until its next start", "cyan"))
        for change in pending.because:
            yield line(
                f"      {change.text}: running with ",
                Span(shown(change.before), "red"),
                ", defined as ",
                Span(shown(change.after), "green"),
            )
    waiting = f"; {plural(len(plan.pending), 'resource')} pending until the next start" if plan.pending else ""
    if findings:
        yield line(
            Span("Drift:", "bold red"),
            f" {plural(len(findings), 'resource')} not as the manifests say, "
            f"{plan.unchanged} as they should be{waiting}.",
        )
    else:
        yield line(
            Span("No drift", "bold green"),
            f": No changes, {plural(plan.unchanged, 'resource')} as the manifests say{waiting}.",
        )
