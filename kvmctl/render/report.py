"""What a command has to tell, for the formats that tell all commands' results alike."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kvmctl.errors import Problem, plural
from kvmctl.plan.drift import NOTHING
from kvmctl.render import drift_text, plan_text, results_text
from kvmctl.render.findings import Finding, drifted, ended, planned
from kvmctl.render.line import plain
from kvmctl.render.plan_json import counts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kvmctl.apply.result import Result
    from kvmctl.inventory import Resource
    from kvmctl.plan import Plan
    from kvmctl.plan.drift import Beside


@dataclass(frozen=True, slots=True)
class Report:
    """The rows of one run. `command` is its name; `summary` are its closing lines in words, `counts` in numbers.

    `same` are the wanted resources that no finding is about. `problems` are those of manifests that can't be used; then
    there is no plan.
    """

    command: str
    summary: tuple[str, ...]
    findings: tuple[Finding, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    same: tuple[Resource, ...] = ()
    problems: tuple[Problem, ...] = ()
    plan: Plan | None = None


def of_plan(plan: Plan) -> Report:
    """Return the report of a plan."""
    return _report("plan", plan, plain(plan_text.summary(plan)), [*planned(plan)])


def of_drift(plan: Plan, beside: Beside = NOTHING) -> Report:
    """Return the report of a drift, for which a plan stands, and what was found beside it."""
    return _report("drift", plan, plain([drift_text.summary(plan, beside)]), [*drifted(plan, beside)])


def of_apply(plan: Plan, results: Sequence[Result], closing: Sequence[Result] = ()) -> Report:
    """Return the report of an apply; one that did nothing tells its plan."""
    said = plain([results_text.counts(results)] if results else plan_text.summary(plan))
    return _report("apply", plan, said, [*ended(plan, results, closing)])


def of_problems(command: str, problems: Sequence[Problem], valid: Sequence[Resource] = ()) -> Report:
    """Return the report of manifests that were only read: what is wrong with them, or which resources are valid."""
    said = f"{plural(len(problems), 'problem')} in the manifests."
    if not problems:
        said = f"{plural(len(valid), 'resource')} in the manifests, all valid."
    return Report(command, (said,), same=tuple(valid), problems=tuple(problems))


def _report(command: str, plan: Plan, summary: str, findings: Sequence[Finding]) -> Report:
    touched = {finding.address for finding in findings}
    same = tuple(resource for address, resource in plan.want.items() if address not in touched)
    said = tuple(filter(None, summary.splitlines()))
    return Report(command, said, tuple(findings), counts(plan), same, (), plan)
