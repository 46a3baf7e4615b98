"""A plan as a runbook: the virsh and qemu-img commands that do the same by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmctl.render.value import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvmctl.plan import Plan


def lines(plan: Plan) -> Iterator[str]:
    """Yield the runbook, one shell line each; comments say what a command is for and what it disturbs."""
    for action in plan.actions:
        yield _comment(f"{action.address}: {action.operation.value} [{action.disruption.word}]")
        for change in action.because:
            yield _comment(f"  {change.text}: {shown(change.before)} -> {shown(change.after)}")
        if action.note:
            yield _comment(f"  {action.note}")
        yield from action.equivalent
        yield ""
    for refusal in plan.refused:
        hint = f"; {refusal.hint}" if refusal.hint else ""
        yield _comment(f"{refusal.address}: refused: {refusal.reason}{hint}")
    if not plan.actions:
        yield "# No changes"


def _comment(text: str) -> str:
    """Return the text as one comment line: what follows a line break would be a command."""
    return "# " + "\\n".join(text.splitlines())
