"""What an apply did, as JSON: the plan's document, each action with its status."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kvmctl.render import plan_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvmctl.apply.result import Result
    from kvmctl.plan import Plan


def document(plan: Plan, results: Sequence[Result], closing: Sequence[Result] = ()) -> dict[str, Any]:
    """Return the plan as plain data; actions that were tried carry `status`, `error`, `hint` and `told`.

    `guard` is there where snapshots guarded the apply: what became of them.
    """
    data = plan_json.document(plan)
    for action, result in zip(data["actions"], results, strict=False):
        action.update(_end(result))
    ends = [plan_json.action_document(result.action) | _end(result) for result in closing]
    return data | ({"guard": ends} if ends else {})


def _end(result: Result) -> dict[str, str]:
    return {"status": result.status.value, "error": result.error, "hint": result.hint, "told": result.told}
