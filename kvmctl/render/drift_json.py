"""Drift as JSON: the plan that would remove it, and beside that each finding with its class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kvmctl.render import plan_json
from kvmctl.render.findings import Finding, drifted

if TYPE_CHECKING:
    from kvmctl.plan import Plan
    from kvmctl.plan.drift import Beside


def document(plan: Plan, beside: Beside) -> dict[str, Any]:
    """Return the drift as plain data."""
    return plan_json.document(plan) | {"drift": [_finding(finding) for finding in drifted(plan, beside)]}


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "address": str(finding.address), "class": str(finding.drift), "finding": finding.sort.value,
        "because": plan_json.because(finding.changes), "said": finding.said, "hint": finding.hint,
    }  # fmt: skip
