"""The plan for what is defined, and switched on and off: a storage pool, and what a virtual network shares with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, cast

from kvmctl.actions import Disruption, Operation
from kvmctl.diff import diff
from kvmctl.fields import Source
from kvmctl.plan import equivalent as virsh
from kvmctl.plan.steps import Steps
from kvmctl.plan.waiting import waits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvmctl.diff import Change
    from kvmctl.inventory import Live, Resource


class _Words(NamedTuple):
    """What virsh calls the kind's commands begin with, and what starting and stopping means to those who use it."""

    prefix: str
    started: str
    stopped: str


_WORDS: Final = {
    "network": _Words("net", "running guests on it are plugged in again", "no running guest is on it"),
    "pool": _Words("pool", "", "its files stay; machines that run keep their disks"),
}


def plan_pool(want: Resource, have: Resource) -> Steps:
    """Return the steps from an existing pool to the wanted one; what is active is never restarted."""
    steps = Steps(want.address)
    config, switched = split(steps, have, want)
    define(steps, want, have, config, waits=cast("Live", have.live).active)
    planned = {change.path for change in config}
    steps.pending = [change for change in waits(have, want.spec) if change.path not in planned]
    switch(steps, want, switched)
    return steps


def split(steps: Steps, have: Resource, want: Resource) -> tuple[list[Change], list[Change]]:
    """Return the differences of the definition that aren't refused, and those of what libvirt keeps beside it."""
    changes = diff(have.spec, want.spec)
    config = steps.refuse_by_row([change for change in changes if change.row.source is Source.XML])
    return config, [change for change in changes if change.row.source is not Source.XML]


def define(steps: Steps, want: Resource, have: Resource, config: Sequence[Change], *, waits: bool) -> None:
    """Plan to write the differences into the definition, if there are any or it isn't persistent.

    With `waits` what runs doesn't have them yet.
    """
    kind, persistent = want.address.kind, cast("Live", have.live).persistent
    if config or not persistent:
        disruption = Disruption.NEXT_BOOT if waits and config else Disruption.NONE
        notes = [f"effective when the {kind} is next started"] if waits and config else []
        notes += [] if persistent else [f"makes the {kind} persistent"]
        steps.add(Operation.REDEFINE, disruption, config, virsh.redefine(want.address, config), "; ".join(notes))


def switch(steps: Steps, want: Resource, changes: Sequence[Change], *, stopped: str = "") -> None:
    """Plan to start, to stop, and to set the autostart; `stopped` tells what stopping means here."""
    words = _WORDS[want.address.kind]
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
                steps.add(Operation.STOP, Disruption.INTERRUPT, [change], command, stopped or words.stopped)
            case _:
                continue
