"""Waiting for a guest that the plan starts, as the last thing that is done to its machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from kvmctl.actions import Disruption, Operation
from kvmctl.codec import Duration
from kvmctl.fields import known

if TYPE_CHECKING:
    from kvmctl.inventory import Resource
    from kvmctl.models.vm import VirtualMachine
    from kvmctl.plan.steps import Steps

SECONDS: Final = 300
_STARTING: Final = frozenset({Operation.CREATE, Operation.START, Operation.RESTART, Operation.RESUME})
_WORDS: Final = {
    "address": "an address", "agent": "the guest's agent", "ssh": "sshd", "cloudInit": "the end of cloud-init",
}  # fmt: skip


def plan_wait(steps: Steps, want: Resource) -> None:
    """Add the step that waits for the guest, where the plan starts it and the manifest says what for."""
    spec = cast("VirtualMachine", want.spec)
    wait = known(spec.wait) if want.address.kind == "vm" else None
    if wait is None:
        return
    starts = known(spec.power_state) == "Running" and any(each.operation in _STARTING for each in steps.actions)
    if not starts:
        return
    seconds = SECONDS if known(wait.timeout) is None else int(cast("int", wait.timeout))
    what = _WORDS.get(str(wait.for_)) or f"port {wait.port}"
    told = f"waits for {what}, up to {Duration().dump(seconds)}; the machine runs on whatever comes of it"
    details = {"for": wait.for_, "port": known(wait.port), "seconds": seconds}
    steps.add(Operation.WAIT, Disruption.NONE, (), (f"virsh domifaddr {want.address.name}",), told, **details)
