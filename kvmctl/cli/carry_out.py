"""From a plan to its results: shown, allowed, confirmed, done, checked."""

from __future__ import annotations

import os
import signal
import sys
import threading
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from kvmctl.actions import Disruption, Operation
from kvmctl.cli import guarding, locking, marking, show
from kvmctl.cli.progress import reporter
from kvmctl.errors import ExitCode, KvmctlError, RefusedError, plural

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import FrameType

    from kvmctl.actions import Action, Refusal
    from kvmctl.apply import Result
    from kvmctl.hypervisor import Hypervisor
    from kvmctl.plan import Plan


@dataclass(frozen=True, slots=True)
class Order:
    """How the user wants it: format, colour, without asking, the strongest disruption that is allowed, guarded.

    Who asks to `prune` allows that objects go, though not their data. `doing` is told to whom the lock keeps waiting,
    and `lock_seconds` is how long this one waits for it.
    """

    output: str
    color: bool
    yes: bool
    limit: Disruption
    doing: str
    lock_seconds: int
    guard: bool = False
    prune: bool = False


def carry_out(make: Callable[[], Plan], hypervisor: Hypervisor, order: Order, check: Callable[[Plan], Plan]) -> int:
    """Carry out the plan that `make` makes and return the exit code; `check` makes one that must be empty afterwards.

    It is made without the lock on the host, and where it says that there is something to do, again with it: whoever had
    the lock before may have changed what this one was made of.
    """
    # A CI job's SIGTERM is Ctrl-C by another name: either way the lock is released.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    plan, stop = make(), threading.Event()
    if plan.is_empty and not plan.marks:
        return _carry_out(plan, hypervisor, order, check, stop)
    with ExitStack() as stack:
        with _told_where_refused(plan, order):
            stack.enter_context(locking.held(hypervisor, order.doing, order.lock_seconds, stop))
        return _carry_out(make(), hypervisor, order, check, stop)


def _carry_out(
    plan: Plan, hypervisor: Hypervisor, order: Order, check: Callable[[Plan], Plan], stop: threading.Event
) -> int:
    if order.output == "text":
        show.plan(plan, "text", color=order.color)
    if plan.is_empty:
        if order.output != "text":
            show.results(plan, (), (), order.output, color=order.color)
        return ExitCode.OK if marking.mark(plan, (), hypervisor) else ExitCode.ERROR
    with _told_where_refused(plan, order):
        _must_be_allowed(plan, order)
        locking.must_be_held(stop)
    from kvmctl.apply import run

    sys.stdout.flush()
    with reporter(color=order.color) as progress:
        _listen_for_interrupts(stop)
        results = run(plan, hypervisor, progress, stop)
    marked = marking.mark(plan, results, hypervisor)
    left, unknown = _checked(check, plan)
    closing: tuple[Result, ...] = ()
    if order.guard:
        with reporter(color=order.color) as progress:
            closing = guarding.close(plan, results, left, hypervisor, progress)
    show.results(plan, results, closing, order.output, color=order.color)
    sys.stdout.flush()
    if left is None:
        click.echo(f"kvmctl: what this came to can't be checked: {unknown}", err=True)
    else:
        _tell_left(results, left)
    own = guarding.without_guards(results) if order.guard else results
    return max(exit_code(own, left), ExitCode.OK if marked and _all_well(closing) else ExitCode.ERROR)


@contextmanager
def _told_where_refused(plan: Plan, order: Order) -> Iterator[None]:
    """Tell programs, too, that nothing was done of a plan."""
    try:
        yield
    except RefusedError:
        if order.output != "text":
            show.results(plan, (), (), order.output, color=order.color)
        raise


def _checked(check: Callable[[Plan], Plan], plan: Plan) -> tuple[Plan | None, KvmctlError | None]:
    """Return the plan made after the apply, or the error why there is none."""
    try:
        return check(plan), None
    except KvmctlError as error:
        return None, error


def _all_well(closing: Sequence[Result]) -> bool:
    """Say whether no guard failed to be ended."""
    from kvmctl.apply import Status

    return all(result.status is not Status.FAILED for result in closing)


def _listen_for_interrupts(stop: threading.Event) -> None:
    """Have Ctrl-C and SIGTERM raise a flag; a second one ends the process at once."""
    asked = threading.Event()

    def heard(_number: int, _frame: FrameType | None) -> None:
        if asked.is_set():
            _say(b"stopped at once; apply again to finish")
            os._exit(ExitCode.ERROR)
        asked.set()
        stop.set()
        _say(b"finishing what has begun; once more stops at once")

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, heard)


def _say(text: bytes) -> None:
    """Write a line past all buffers, which a handler of signals must not touch, and show the cursor that bars hide."""
    shown = b"\x1b[?25h" if sys.stderr.isatty() else b""
    os.write(sys.stderr.fileno(), shown + b"kvmctl: " + text + b"\n")


def _must_be_allowed(plan: Plan, order: Order) -> None:
    """Raise RefusedError, before anything was changed, for what the user hasn't allowed."""
    if plan.refused:
        told = "; ".join(f"{refusal.address}: {refusal.reason}" for refusal in plan.refused)
        raise RefusedError(
            f"nothing was changed: {told}",
            "; ".join(dict.fromkeys(refusal.hint for refusal in plan.refused if refusal.hint)),
        )
    above = [action for action in plan.above(order.limit) if not (order.prune and _only_goes(action))]
    if above:
        told = ", ".join(f"{action.address} {action.operation.value} [{action.disruption.word}]" for action in above)
        worst = max(action.disruption for action in above)
        flag = "--allow-data-loss" if worst is Disruption.DATA_LOSS else f"--max-disruption {worst.word}"
        raise RefusedError(
            f"nothing was changed: {told} disturbs more than {order.limit.word}", f"allow it with {flag}"
        )
    if not order.yes:
        _confirm(plan)


def _only_goes(action: Action) -> bool:
    return action.operation is Operation.DELETE and action.disruption <= Disruption.DESTROY


def _confirm(plan: Plan) -> None:
    if not sys.stdin.isatty() or not sys.stderr.isatty():
        raise RefusedError(
            "nothing was changed: there is no terminal to ask on", "say --yes if the plan is what you want"
        )
    if not click.confirm(f"Do {plural(len(plan.actions), 'action')}?", err=True):
        raise RefusedError("nothing was changed: you said no")


def _tell_left(results: Sequence[Result], left: Plan) -> None:
    """Tell what still differs though all actions succeeded."""
    if not left.is_empty and _all_done(results):
        click.echo(
            "kvmctl: all actions succeeded, but this still differs; run plan to see whether it comes back:",
            err=True,
        )
        remaining: tuple[Action | Refusal, ...] = (*left.actions, *left.refused)
        for each in remaining:
            click.echo(
                f"  {each.address}: {', '.join(change.text for change in each.because) or 'missing'}",
                err=True,
            )


def _all_done(results: Sequence[Result]) -> bool:
    from kvmctl.apply import Status

    return all(result.status is Status.DONE for result in results)


def exit_code(results: Sequence[Result], left: Plan | None) -> int:
    """Return 0 when all was done and nothing is left, 4 when only some was done, else 1; None: nobody could look."""
    from kvmctl.apply import Status

    if _all_done(results):
        return ExitCode.OK if left is not None and left.is_empty else ExitCode.ERROR
    return ExitCode.PARTIAL if any(result.status is Status.DONE for result in results) else ExitCode.ERROR
