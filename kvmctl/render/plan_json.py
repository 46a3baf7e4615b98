"""A plan as JSON, the contract with programs: sorted keys, no clock, no secret; equal input gives equal bytes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from kvmctl.actions import Action, Pending, Refusal
    from kvmctl.change import Change, Given
    from kvmctl.errors import Problem
    from kvmctl.plan import Plan

FORMAT_VERSION: Final = "1.0"


def document(plan: Plan, problems: Sequence[Problem] = ()) -> dict[str, Any]:
    """Return the plan as plain data; `kept` is there where a removal keeps disks."""
    return {
        "formatVersion": FORMAT_VERSION,
        "summary": counts(plan),
        "actions": [action_document(action) for action in plan.actions],
        "refused": [_refusal(refusal) for refusal in plan.refused],
        "pending": [_pending(pending) for pending in plan.pending],
        "problems": problem_documents(problems),
    } | ({"kept": [_refusal(kept) for kept in plan.kept]} if plan.kept else {})  # fmt: skip


def counts(plan: Plan) -> dict[str, int]:
    """Return the plan in numbers."""
    return {
        "create": plan.count("create"), "update": plan.count("update"), "delete": plan.count("delete"),
        "unchanged": plan.unchanged, "pending": len(plan.pending), "refused": len(plan.refused),
    }  # fmt: skip


def action_document(action: Action) -> dict[str, Any]:
    """Return one action as plain data."""
    return {
        "address": str(action.address), "action": action.operation.verb, "operation": action.operation.value,
        "disruption": action.disruption.word, "because": because(action.because),
        "equivalent": list(action.equivalent), "note": action.note,
    }  # fmt: skip


def because(changes: Iterable[Change]) -> list[dict[str, Any]]:
    """Return differences as plain data."""
    return [
        {"path": change.text, "before": change.before, "after": change.after}
        | ({"source": _source(change.given)} if change.given else {})
        for change in changes
    ]


def _source(given: Given) -> dict[str, Any]:
    """Return the profile that a wanted value comes from; `partly` where it gives some of a group's fields only."""
    found = {"profile": given.profile, "file": given.file, "line": given.line}
    return found | ({"partly": True} if given.partly else {})


def _refusal(refusal: Refusal) -> dict[str, Any]:
    return {
        "address": str(refusal.address), "because": because(refusal.because), "disruption": refusal.disruption.word,
        "reason": refusal.reason, "hint": refusal.hint,
    }  # fmt: skip


def _pending(pending: Pending) -> dict[str, Any]:
    found: dict[str, Any] = {"address": str(pending.address), "because": because(pending.because)}
    return found | ({"note": pending.note} if pending.note else {})


def problem_documents(problems: Sequence[Problem]) -> list[dict[str, Any]]:
    """Return problems as plain data."""
    return [
        {
            "file": problem.file, "line": problem.line, "column": problem.column, "field": problem.field,
            "message": problem.message, "hint": problem.hint,
        }
        for problem in problems
    ]  # fmt: skip


def problems_document(problems: Sequence[Problem]) -> dict[str, Any]:
    """Return the document of a run that ended before there was a plan."""
    nothing = dict.fromkeys(("create", "update", "delete", "unchanged", "pending", "refused"), 0)
    return {
        "formatVersion": FORMAT_VERSION, "summary": nothing, "actions": [], "refused": [], "pending": [],
        "problems": problem_documents(problems),
    }  # fmt: skip


def text(data: Any) -> str:
    """Return plain data as JSON text, the same for the same data."""
    return json.dumps(data, sort_keys=True, indent=2, ensure_ascii=False) + "\n"
