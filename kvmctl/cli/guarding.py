"""`apply --guard`: snapshots around an apply, from the plan to the report."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvmctl.apply import Progress, Result
    from kvmctl.hypervisor import Hypervisor
    from kvmctl.plan import Plan


def guarded(plan: Plan, hypervisor: Hypervisor) -> Plan:
    """Return the plan with a snapshot of each machine that it restarts or worse; refused where none can be taken."""
    from kvmctl.observe.snapshots import snapshots_of
    from kvmctl.plan import guard

    names = {address.name for address in guard.to_guard(plan)}
    there = snapshots_of(hypervisor, names) if names else {}
    return guard.guarded(plan, {name: {taken.name for taken in several} for name, several in there.items()})


def close(
    plan: Plan, results: Sequence[Result], left: Plan | None, hypervisor: Hypervisor, progress: Progress
) -> tuple[Result, ...]:
    """End the guards after an apply and return what became of each.

    A machine with a failed action is brought back; the guard of one that is as it should be, by the plan that was made
    afterwards (`left`; None: nobody could look), is removed. All others keep theirs, for somebody to decide.
    """
    from kvmctl.apply import Result, Status, run
    from kvmctl.plan import guard

    guards = [result.action for result in results if result.status is Status.DONE and guard.is_guard(result.action)]
    taken = {action.address: action for action in guards}
    failed = [address for address in taken if _any(results, address, Status.FAILED)]
    differs = set(taken)
    if left is not None:
        differs = {action.address for action in left.actions} | {refusal.address for refusal in left.refused}
    well = [
        address for address in taken
        if address not in failed and address not in differs and not _any(results, address, Status.SKIPPED)
    ]  # fmt: skip
    ended = run(guard.closing(plan, failed, well), hypervisor, progress, threading.Event())
    kept = [
        Result(
            action,
            Status.SKIPPED,
            "the guard is kept, because the machine is not as it should be yet",
            _decide(address),
        )
        for address, action in taken.items()
        if address not in (*failed, *well)
    ]
    return (*ended, *kept)


def without_guards(results: Sequence[Result]) -> list[Result]:
    """Return the results of the plan's own actions: one that only had its guard taken did nothing."""
    from kvmctl.plan import guard

    return [result for result in results if not guard.is_guard(result.action)]


def _any(results: Sequence[Result], address: object, status: object) -> bool:
    return any(result.action.address == address and result.status is status for result in results)


def _decide(address: object) -> str:
    from kvmctl.plan.snapshots import GUARD

    name = str(address).partition("/")[2]
    return f"go back with kvmctl revert {address}@{GUARD}, or remove it with virsh snapshot-delete {name} {GUARD}"
