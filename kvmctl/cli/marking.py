"""The marks that say whose objects are, set after an apply without being listed: what runs doesn't notice them."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from kvmctl.errors import plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvmctl.actions import Action
    from kvmctl.apply import Result
    from kvmctl.hypervisor import Hypervisor
    from kvmctl.ownership import Mark
    from kvmctl.plan import Plan


class Silent:
    """Hears how it goes, and tells nobody."""

    def started(self, action: Action) -> None:
        """Say nothing."""

    def advanced(self, action: Action, percent: float, doing: str = "") -> None:
        """Say nothing."""

    def finished(self, result: Result) -> None:
        """Say nothing."""


def mark(plan: Plan, results: Sequence[Result], hypervisor: Hypervisor) -> bool:
    """Mark what the plan found unmarked, unless an action on it wasn't done; say whether all went well."""
    from kvmctl.apply import Status, run

    undone = {result.action.address for result in results if result.status is not Status.DONE}
    marks = tuple(action for action in plan.marks if action.address not in undone)
    if not marks:
        return True
    needs = {index: frozenset[int]() for index in range(len(marks))}
    ended = run(replace(plan, actions=marks, needs=needs), hypervisor, Silent(), threading.Event())
    failed = [result for result in ended if result.status is not Status.DONE]
    for result in failed:
        hint = f"; {result.hint}" if result.hint else ""
        click.echo(f"kvmctl: {result.action.address} can't be marked: {result.error}{hint}", err=True)
    done = [
        result.action.details["mark"] for result in ended if result.status is Status.DONE and _is_new(result, plan)
    ]  # fmt: skip
    if done:
        click.echo(f"kvmctl: marked {plural(len(done), 'object')} as project {done[0].project}'s", err=True)
    return not failed


def _is_new(result: Result, plan: Plan) -> bool:
    """Say whether an object had no such mark before; one that only remembers anew has."""
    have = plan.have.get(result.action.address)
    former = have.live.mark if have is not None and have.live is not None else None
    mark: Mark = result.action.details["mark"]
    return not mark.says(former)
