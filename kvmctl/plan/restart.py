"""Restarts that bring what waits for a start into effect, and how far a single machine may be disturbed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from kvmctl.actions import Disruption, Operation, Refusal
from kvmctl.fields import known
from kvmctl.plan import equivalent as virsh
from kvmctl.plan.renaming import plan_rename
from kvmctl.plan.vm_power import stop_policy

if TYPE_CHECKING:
    from kvmctl.diff import Change
    from kvmctl.inventory import Live, Resource
    from kvmctl.models.vm import VirtualMachine
    from kvmctl.plan.steps import Steps

_BY_GUEST: Final = frozenset({("memory", "current")})
"""What a running guest reaches by itself, and no sooner for being started anew: its balloon."""


def end_machine(steps: Steps, want: Resource, have: Resource | None, *, restart: bool) -> None:
    """Complete the steps of an existing machine: its name, a restart where allowed, and what its manifest forbids."""
    if have is None or want.address.kind != "vm":
        return
    plan_rename(steps, want, have)
    if restart:
        _plan_restart(steps, want, have)
    if steps.actions:
        _keep_to_limit(steps, want)


def _plan_restart(steps: Steps, want: Resource, have: Resource) -> None:
    """Add the restart that brings into effect what waits, or say why it is left waiting.

    A machine that the plan stops is left alone; so is one whose manifest doesn't say that it is to run: should an apply
    be cut short between stop and start, nobody would start it again.
    """
    waiting = [change for change in (*steps.delayed, *steps.pending) if change.field not in _BY_GUEST]
    stops = any(action.operation is Operation.STOP for action in steps.actions)
    if not waiting or stops or not cast("Live", have.live).active:
        return
    wanted = known(cast("VirtualMachine", want.spec).power_state)
    if _limit_of(want) < Disruption.RESTART:
        steps.note = f"it is not restarted: spec.updatePolicy.maxDisruption is {_limit_of(want).word}"
    elif wanted not in ("Running", "Paused"):
        steps.note = (
            "it is not restarted: its manifest doesn't say powerState: Running, by which an apply that comes after one "
            "that was cut short would start it again"
        )
    else:
        _add(steps, want, waiting, paused=wanted == "Paused")


def _add(steps: Steps, want: Resource, waiting: list[Change], *, paused: bool) -> None:
    stop, note = stop_policy(want)
    commands = (*virsh.domain(want, "shutdown"), *virsh.domain(want, "start", "--paused" if paused else ""))
    after = "; it is then started again" + ("" if paused else ", and waited for until it is back")
    steps.add(Operation.RESTART, Disruption.RESTART, waiting, commands, note + after, paused=paused, **stop)
    steps.pending = [change for change in steps.pending if change not in waiting]


def _limit_of(want: Resource) -> Disruption:
    """Return the most that a change of the machine may disturb by its own manifest."""
    policy = known(cast("VirtualMachine", want.spec).update_policy)
    word = known(policy.max_disruption) if policy else None
    return Disruption.DATA_LOSS if word is None else Disruption.parse(word)


def _keep_to_limit(steps: Steps, want: Resource) -> None:
    """Refuse the actions that disturb a machine more than its manifest allows."""
    limit = _limit_of(want)
    above = [action for action in steps.actions if action.disruption > limit]
    steps.actions[:] = [action for action in steps.actions if action.disruption <= limit]
    for action in above:
        reason = (
            f"{action.operation.value} is {action.disruption.word}, "
            f"and spec.updatePolicy.maxDisruption allows no more than {limit.word}"
        )
        hint = "raise it in the manifest if the machine may be disturbed that much now"
        steps.refused.append(Refusal(steps.address, action.because, action.disruption, reason, hint))
