"""Carries out a plan: each action once all that it needs has succeeded, independent ones side by side."""

from __future__ import annotations

import threading
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Final, Protocol

from kvmctl.actions import Operation
from kvmctl.apply import execute, marks
from kvmctl.apply.result import Result, Status
from kvmctl.errors import KvmctlError

if TYPE_CHECKING:
    from kvmctl.actions import Action
    from kvmctl.hypervisor import Hypervisor
    from kvmctl.plan import Plan

LANES: Final = 4
"""How many actions run side by side; more would only queue at libvirtd and at the storage."""
LISTEN_SECONDS: Final = 0.2
"""How often the waiting main thread looks up: Python handles a signal there, also one that another thread received."""


class Progress(Protocol):
    """Who is told how an apply goes; called from several threads."""

    def started(self, action: Action) -> None:
        """Hear that an action begins."""

    def advanced(self, action: Action, percent: float, doing: str = "") -> None:
        """Hear how far a long action is, and what it is about."""

    def finished(self, result: Result) -> None:
        """Hear what became of an action."""


def run(
    plan: Plan, hypervisor: Hypervisor, progress: Progress, interrupted: threading.Event | None = None
) -> tuple[Result, ...]:
    """Return what became of each action, in the plan's order.

    An action that fails doesn't stop those that don't need it; those that do are skipped, and say because of what.
    Once `interrupted` is set (Ctrl-C), the running actions end, and no other begins.
    """
    results: dict[int, Result] = {}
    running: dict[Future[Result], int] = {}
    waiting = list(range(len(plan.actions)))
    context = execute.Context(plan, hypervisor, progress, interrupted or threading.Event())
    with ThreadPoolExecutor(LANES, "apply") as pool:
        while running or (waiting and not context.interrupted.is_set()):
            waiting = _settle(plan, waiting, results, progress)
            for index in [index for index in waiting if plan.needs[index] <= results.keys()]:
                if not context.interrupted.is_set():
                    waiting.remove(index)
                    running[pool.submit(_one, plan.actions[index], context)] = index
            for future in wait(running, LISTEN_SECONDS, FIRST_COMPLETED).done if running else ():
                results[running.pop(future)] = future.result()
    for index in range(len(plan.actions)):
        results.setdefault(index, Result(plan.actions[index], Status.SKIPPED, "interrupted"))
    failure = marks.write(context)
    if failure is not None:
        _blame(results, context, failure)
    return tuple(results[index] for index in range(len(plan.actions)))


def _blame(results: dict[int, Result], context: execute.Context, failure: KvmctlError) -> None:
    """Let the actions that needed the record have failed, because it couldn't be written."""
    for index, result in results.items():
        action = result.action
        if action.operation in (Operation.MARK, Operation.DELETE) and action.address in context.marks:
            results[index] = Result(action, Status.FAILED, failure.message, failure.hint)


def _settle(plan: Plan, waiting: list[int], results: dict[int, Result], progress: Progress) -> list[int]:
    """Skip what can't be done any more; return what is still waiting."""
    left = []
    for index in waiting:
        culprit = next(
            (need for need in sorted(plan.needs[index]) if need in results and results[need].status is not Status.DONE),
            None,
        )
        if culprit is None:
            left.append(index)
            continue
        blamed = plan.actions[culprit]
        word = results[culprit].status.value
        results[index] = Result(
            plan.actions[index],
            Status.SKIPPED,
            f"needs {blamed.address} {blamed.operation.value}, which {'was ' if word == 'skipped' else ''}{word}",
        )
        progress.finished(results[index])
    return left


def _one(action: Action, context: execute.Context) -> Result:
    context.progress.started(action)
    try:
        told = execute.execute(action, context)
    except KvmctlError as error:
        result = Result(action, Status.FAILED, error.message, error.hint)
    except OSError as error:
        result = Result(action, Status.FAILED, f"{error.filename or action.address}: {error.strerror or error}")
    else:
        result = Result(action, Status.DONE, told=told)
    context.progress.finished(result)
    return result
