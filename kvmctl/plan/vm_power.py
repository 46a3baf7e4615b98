"""Starting, stopping, suspending and resuming a machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from kvmctl.actions import Disruption, Operation
from kvmctl.fields import known
from kvmctl.plan import equivalent as virsh

if TYPE_CHECKING:
    from kvmctl.diff import Change
    from kvmctl.inventory import Live, Resource
    from kvmctl.models.vm import VirtualMachine
    from kvmctl.plan.steps import Steps

SHUTDOWN_SECONDS: Final = 60


def plan_power(steps: Steps, want: Resource, have: Resource, change: Change) -> None:
    """Add the action that brings a machine from one power state to another."""
    match (change.before, change.after):
        case (_, "Off"):
            stop, note = stop_policy(want)
            steps.add(Operation.STOP, Disruption.RESTART, [change], virsh.domain(want, "shutdown"), note, **stop)
        case ("Off", after):
            paused = after == "Paused"
            command = virsh.domain(want, "start", "--paused" if paused else "")
            saved = cast("Live", have.live).facts.get("managed_save")
            note = (
                "goes on from its saved memory; what was changed since takes effect at the start after" if saved else ""
            )
            steps.add(Operation.START, Disruption.NONE, [change], command, note, paused=paused)
        case (_, "Paused"):
            steps.add(Operation.SUSPEND, Disruption.INTERRUPT, [change], virsh.domain(want, "suspend"))
        case _:
            steps.add(Operation.RESUME, Disruption.NONE, [change], virsh.domain(want, "resume"))


def stop_policy(want: Resource | None, *, force: bool = False) -> tuple[dict[str, Any], str]:
    """Return how a machine is stopped (mode, timeout in seconds, force) and the same in words for the plan."""
    policy = known(cast("VirtualMachine", want.spec).shutdown) if want is not None else None
    mode, timeout, forced = (policy.mode, policy.timeout, policy.force) if policy else (None, None, None)
    stop = {
        "mode": known(mode) or "default",
        "timeout": SHUTDOWN_SECONDS if known(timeout) is None else timeout,
        "force": force if known(forced) is None else forced,
    }
    end = "then the power is cut" if stop["force"] else "and is left running if it hasn't stopped by then"
    return stop, f"the guest is asked to shut down and has {stop['timeout']} s, {end}"
