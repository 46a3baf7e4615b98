"""The plan for one network filter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmctl.actions import Disruption, Operation
from kvmctl.diff import diff
from kvmctl.plan import equivalent as virsh
from kvmctl.plan.steps import Steps

if TYPE_CHECKING:
    from kvmctl.inventory import Resource


def plan_nwfilter(want: Resource, have: Resource) -> Steps:
    """Return the steps from an existing filter to the wanted one."""
    steps = Steps(want.address)
    changes = steps.refuse_by_row(diff(have.spec, want.spec))
    if changes:
        note = "running guests that use it get the new rules at once"
        steps.add(Operation.REDEFINE, Disruption.LIVE, changes, virsh.redefine(want.address, changes), note)
    return steps
