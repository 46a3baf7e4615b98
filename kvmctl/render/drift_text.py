"""Drift as the one on call reads it: what each resource should be, and what it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from kvmctl.actions import Operation
from kvmctl.errors import plural
from kvmctl.inventory import Address
from kvmctl.render import plan_text
from kvmctl.render.line import Line, Span, line
from kvmctl.render.value import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvmctl.actions import Action, Pending, Refusal
    from kvmctl.diff import Change
    from kvmctl.models.disk import Disk
    from kvmctl.plan import Plan


def lines(plan: Plan) -> Iterator[Line]:
    """Yield a line for each resource that is missing or differs, and one for each field; then the sum."""
    missing = {action.address for action in plan.actions if action.operation is Operation.CREATE}
    findings: dict[Address, list[Change]] = {}
    every: tuple[Action | Refusal, ...] = (*plan.actions, *plan.refused, *plan.kept)
    for each in every:
        findings.setdefault(each.address, []).extend(each.because if each.address not in missing else ())
    notes = {action.address: action.note for action in plan.actions if not action.because and action.note}
    for address, changes in findings.items():
        yield line("  ", Span(str(address), "bold"), "  ", _word(address, plan, missing))
        if address in notes:
            yield line(f"      apply {notes[address]}")
        for change in changes:
            yield line(
                f"      {change.text}: is ",
                Span(shown(change.before), "red"),
                ", should be ",
                Span(shown(change.after), "green"),
                plan_text.given(change),
            )
    for pending in plan.pending:
        yield from _pending(pending)
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


def _pending(pending: Pending) -> Iterator[Line]:
    yield line("  ", Span(str(pending.address), "bold"), "  ", Span("pending until its next start", "cyan"))
    for change in pending.because:
        yield line(
            f"      {change.text}: running with ",
            Span(shown(change.before), "red"),
            ", defined as ",
            Span(shown(change.after), "green"),
        )


def _word(address: Address, plan: Plan, missing: set[Address]) -> Span:
    """Return what is wrong with a resource; a disk may well be there while its pool is stopped."""
    if address not in missing:
        return Span("differs", "yellow")
    if address.kind == "disk" and address in plan.want:
        pool = plan.have.get(Address("pool", str(cast("Disk", plan.want[address].spec).pool)))
        if pool is not None and pool.live is not None and not pool.live.active:
            return Span(f"can't be seen: {pool.address} is not active", "yellow")
    return Span("missing", "bold red")
