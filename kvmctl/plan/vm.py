"""The plan for one virtual machine: its definition, its running guest, its autostart and its power state."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from kvmctl.actions import Disruption, Operation
from kvmctl.codec import board_of
from kvmctl.diff import Change, diff, is_left_open
from kvmctl.fields import UNSET, Shape, Source, key_of, known, rows
from kvmctl.models.vm import VirtualMachine
from kvmctl.pairing import pair
from kvmctl.plan import equivalent as virsh
from kvmctl.plan.guest import Guest
from kvmctl.plan.headroom import hints
from kvmctl.plan.passwords import other_passwords
from kvmctl.plan.ports import NO_ROOM
from kvmctl.plan.seeds import as_seed
from kvmctl.plan.steps import Steps
from kvmctl.plan.vm_live import plan_live
from kvmctl.plan.vm_power import plan_power
from kvmctl.plan.waiting import both, differences

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from kvmctl.credentials import Passwords
    from kvmctl.inventory import Live, Resource


def plan_vm(want: Resource, have: Resource, passwords: Passwords | None = None) -> Steps:
    """Return the steps from an existing machine to the wanted one; `passwords` tells of its graphics, where it can."""
    steps = Steps(want.address)
    spec = cast("VirtualMachine", want.spec)
    changes = [as_written(change, spec) for change in diff(have.spec, spec)]
    config = steps.refuse_by_row([change for change in changes if change.row.source is Source.XML])
    config = _refuse_other_board(steps, config) + (other_passwords(spec, passwords.defined) if passwords else [])
    stops = any(change.path == ("powerState",) and change.after == "Off" for change in changes)
    found = both(have, spec)
    if found is None:
        _redefine(steps, have, config, at_next_boot=False)
    else:
        running, persistent = cast("tuple[VirtualMachine, VirtualMachine]", found)
        live = _running_changes(spec, running, passwords)
        guest = Guest(running, persistent, want, cast("Live", have.live).running_xml, live)
        _plan_running(steps, guest, have, config, stops=stops)
    for change in changes:
        if change.path == ("autostart",):
            command = virsh.domain(want, "autostart", "" if change.after else "--disable")
            steps.add(Operation.AUTOSTART, Disruption.NONE, [change], command, value=change.after)
        elif change.path == ("powerState",):
            plan_power(steps, want, have, change)
    return steps


def _refuse_other_board(steps: Steps, changes: list[Change]) -> list[Change]:
    """Refuse another mainboard, whose PCI buses the devices' addresses don't fit; return the other changes."""
    others = [change for change in changes if change.field == ("os", "machine") and _has_other_buses(change)]
    for change in others:
        steps.refuse(
            change,
            f"{change.before} and {change.after} have other PCI buses, and the devices' addresses don't fit both",
            "write the machine that it has, or delete it (its disks stay) and create it anew",
        )
    return [change for change in changes if change not in others]


def _has_other_buses(change: Change) -> bool:
    boards = {board_of(name) for name in (change.before, change.after) if name}
    return len(boards) > 1 and None not in boards


def as_written(change: Change, spec: VirtualMachine) -> Change:
    """Return the change under the name that the manifest uses: paths of Disks and of seeds follow from others."""
    change = as_seed(change)
    if change.field not in (("disks", "file"), ("disks", "block")):
        return change
    if any(disk.target == change.item and known(disk.disk) for disk in spec.disks or ()):
        return replace(change, path=(*change.path[:-1], "disk"))
    return change


def _redefine(
    steps: Steps, have: Resource, changes: Sequence[Change], *, at_next_boot: bool, notes: Iterable[str] = ()
) -> None:
    persistent = cast("Live", have.live).persistent
    if not changes and persistent:
        return
    disruption = Disruption.NEXT_BOOT if at_next_boot else Disruption.NONE
    note = "; ".join(notes if persistent else ["makes the machine persistent"])
    steps.add(Operation.REDEFINE, disruption, changes, virsh.redefine(steps.address, changes), note)


def _running_changes(spec: VirtualMachine, running: VirtualMachine, passwords: Passwords | None) -> list[Change]:
    """Return what differs between the running machine and the wanted one."""
    wanted = replace(spec, power_state=cast("Any", UNSET), autostart=cast("Any", UNSET))
    found = [as_written(change, spec) for change in diff(running, wanted, running=True)]
    return found + (other_passwords(spec, passwords.running) if passwords else [])


def _plan_running(steps: Steps, guest: Guest, have: Resource, config: list[Change], *, stops: bool) -> None:
    """Plan a machine that runs: what the guest can take now by mild calls, the rest for its next start.

    Changes that the running guest already has (somebody changed the definition only) disturb nothing.
    """
    running, persistent, spec, live = guest.running, guest.persistent, guest.spec, guest.changes
    done = [] if stops else plan_live(steps, guest, live, _paths(config))
    left = [change for change in config if change.path not in _paths(done)]
    # What libvirt fills in while a machine runs can't be compared with what runs: it may well wait for the next start.
    delayed = [change for change in left if change.path in _paths(live) or _is_replaced(change)]
    notes = [] if stops else [*([NO_ROOM] if guest.ports.lacking else []), *hints(running, spec, delayed)]
    _redefine(steps, have, left, at_next_boot=bool(delayed) and not stops, notes=notes)
    steps.delayed = delayed
    planned = _paths(done) | _paths(config)
    waiting = [rekeyed(change, persistent, spec) for change in differences(running, persistent)]
    # What only the running definition has may be libvirt's own doing, but not where the manifest wants it gone.
    waiting += [change for change in live if change.path not in _paths(waiting)]
    steps.pending = [change for change in waiting if change.path not in planned]


def _is_replaced(change: Change) -> bool:
    """Say whether libvirt puts something else in the place of the wanted value while the machine runs."""
    return change.row.volatile or is_left_open(change.row, change.after)


def _paths(changes: Iterable[Change]) -> set[tuple[str, ...]]:
    return {change.path for change in changes}


def rekeyed(change: Change, persistent: VirtualMachine, spec: VirtualMachine) -> Change:
    """Return the change with a list item under the key that the manifest gives it, where it lists it."""
    row = rows(VirtualMachine)[change.path[0]]
    if not change.item or row.shape is not Shape.MODELS:
        return change
    attribute = row.name
    items, wishes = getattr(persistent, attribute) or (), known(getattr(spec, attribute)) or ()
    for wish, at in pair(wishes, items).matched:
        if change.item == (key_of(items[at])[1] or str(at)):
            key = f"[{key_of(wishes[wish])[1] or wish}]"
            return as_written(replace(change, path=(change.path[0], key, *change.path[2:])), spec)
    return change
