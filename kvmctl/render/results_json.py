"""What an apply did, as JSON: the plan's document, each action with its status."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kvmctl.render import plan_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvmctl.apply.result import Result
    from kvmctl.plan import Plan


def document(plan: Plan, results: Sequence[Result]) -> dict[str, Any]:
    """Return the plan as plain data; actions that were tried carry `status`, `error` and `hint`."""
    data = plan_json.document(plan)
    for action, result in zip(data["actions"], results, strict=False):
        action |= {"status": result.status.value, "error": result.error, "hint": result.hint}
    return data
