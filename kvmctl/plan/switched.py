"""The plan for what is defined, and switched on and off: a virtual network or a storage pool."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, cast

from kvmctl.actions import Disruption, Operation
from kvmctl.diff import diff
from kvmctl.fields import Source
from kvmctl.plan import equivalent as virsh
from kvmctl.plan.steps import Steps
from kvmctl.plan.waiting import waits

if TYPE_CHECKING:
    from kvmctl.inventory import Live, Resource


class _Words(NamedTuple):
    """What virsh calls the kind's commands begin with, and what starting and stopping means to those who use it."""

    prefix: str
    started: str
    stopped: str


_WORDS: Final = {
    "network": _Words("net", "running guests on it are plugged in again", "its guests lose their link"),
    "pool": _Words("pool", "", "its files stay; machines that run keep their disks"),
}


def plan_switched(want: Resource, have: Resource) -> Steps:
    """Return the steps from an existing network or pool to the wanted one; what is active is never restarted."""
    steps = Steps(want.address)
    kind, words = want.address.kind, _WORDS[want.address.kind]
    active = cast("Live", have.live).active
    changes = diff(have.spec, want.spec)
    config = steps.refuse_by_row([change for change in changes if change.row.source is Source.XML])
    persistent = cast("Live", have.live).persistent
    if config or not persistent:
        disruption = Disruption.NEXT_BOOT if active and config else Disruption.NONE
        notes = [f"effective when the {kind} is next started"] if active and config else []
        notes += [] if persistent else [f"makes the {kind} persistent"]
        note = "; ".join(notes)
        steps.add(Operation.REDEFINE, disruption, config, virsh.redefine(want.address, config), note)
    planned = {change.path for change in config}
    steps.pending = [change for change in waits(have, want.spec) if change.path not in planned]
    for change in changes:
        match change.path:
            case ("autostart",):
                command = virsh.domain(want, f"{words.prefix}-autostart", "" if change.after else "--disable")
                steps.add(Operation.AUTOSTART, Disruption.NONE, [change], command, value=change.after)
            case ("active",) if change.after:
                command = virsh.domain(want, f"{words.prefix}-start")
                steps.add(Operation.START, Disruption.NONE, [change], command, words.started)
            case ("active",):
                command = virsh.domain(want, f"{words.prefix}-destroy")
                steps.add(Operation.STOP, Disruption.INTERRUPT, [change], command, words.stopped)
            case _:
                continue
    return steps
