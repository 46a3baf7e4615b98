"""What a running guest can take: for each change the call that its row names, where the row's conditions hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from kvmctl.actions import Disruption, Operation
from kvmctl.fields import deciding, trail_of
from kvmctl.live import LiveCall
from kvmctl.models.vm import VirtualMachine
from kvmctl.plan import equivalent as virsh
from kvmctl.plan import live_tuning as tuning
from kvmctl.plan.guest import Call, Group, Guest
from kvmctl.plan.live_memory import DEVICES, followers
from kvmctl.plan.live_when import can_unplug, holds

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from kvmctl.diff import Change
    from kvmctl.models.cputune import Vcpus
    from kvmctl.models.interface import Interface
    from kvmctl.models.memory import Memory
    from kvmctl.plan.steps import Steps

# Which changes are made by one call: all of the machine, all of one device, or each by its own.
_OF_THE_MACHINE: Final = frozenset(
    {LiveCall.SCHEDULER, LiveCall.MEMORY_LIMITS, LiveCall.BLOCK_SHARES, LiveCall.NODES, LiveCall.IOTHREADS}
)
_OF_A_DEVICE: Final = frozenset({LiveCall.IOTUNE, LiveCall.BANDWIDTH, LiveCall.UPDATE})


def plan_live(
    steps: Steps, guest: Guest, changes: Sequence[Change], config: Collection[tuple[str, ...]]
) -> list[Change]:
    """Add the actions that make changes in the running guest, and return these changes.

    `config` are the paths of those that the definition needs too.
    """
    groups: dict[tuple[LiveCall, tuple[str, ...]], Group] = {}
    following = followers(guest, changes)
    for change in changes:
        if change in following:
            continue
        row = deciding(trail_of(VirtualMachine, change.field))
        in_both = change.path in config
        if row.live is None or row.live not in _CALLS or not holds(guest, change, row.when, config=in_both):
            continue
        key = (row.live, _scope(row.live, change))
        before = groups.get(key, Group([], config=False))
        groups[key] = Group([*before.changes, change], config=before.config or in_both)
    devices = next((group for group in reversed(groups.values()) if group.first.path[0] == DEVICES), None)
    if devices is not None:
        devices.changes.extend(following)
    for (call, _), group in groups.items():
        made = _CALLS[call](guest, group)
        steps.add(
            made.operation, made.disruption, group.changes, made.command, made.note,
            live=True, config=group.config, **made.details,
        )  # fmt: skip
    return [change for group in groups.values() for change in group.changes]


def _scope(call: LiveCall, change: Change) -> tuple[str, ...]:
    if call in _OF_THE_MACHINE:
        return ()
    return (change.path[0], change.item) if call in _OF_A_DEVICE else change.path


def _memory(guest: Guest, group: Group) -> Call:
    size = cast("int", cast("Memory", guest.spec.memory).current) // 1024
    return Call(Operation.SET_MEMORY, virsh.domain(guest.want, "setmem", f"{size}KiB {group.flags}"), {"value": size})


def _vcpus(guest: Guest, group: Group) -> Call:
    now, count = (cast("int", cast("Vcpus", each.vcpus).current) for each in (guest.running, guest.spec))
    if count > now or can_unplug(guest, count):
        command = virsh.domain(guest.want, "setvcpus", f"{count} {group.flags}")
        return Call(Operation.SET_VCPUS, command, {"value": count, "agent": False})
    command = (
        *virsh.domain(guest.want, "setvcpus", f"{count} --guest"),
        *virsh.domain(guest.want, "setvcpus", f"{count} --config"),
    )
    note = "the guest's agent takes CPUs offline; they are unplugged at the next start"
    return Call(Operation.SET_VCPUS, command, {"value": count, "agent": True}, note=note)


def _text(guest: Guest, group: Group) -> Call:
    change = group.first
    option = "--title " if change.field == ("title",) else ""
    text = str(change.after or "")
    command = virsh.domain(guest.want, "desc", f"{option}{group.flags} {virsh.quote(text)}")
    return Call(Operation.SET_TEXT, command, {"field": change.field[0], "value": text}, Disruption.NONE)


def _plug(guest: Guest, group: Group) -> Call:
    change = group.first
    operation = Operation.ATTACH if change.before is None else Operation.DETACH
    command = virsh.device(guest.want, operation.value, change, group.flags)
    return Call(operation, command, _device(change))


def _medium(guest: Guest, group: Group) -> Call:
    command = virsh.change_medium(guest.want, group.first, group.flags)
    return Call(Operation.UPDATE_DEVICE, command, _device(group.first) | {"parts": ["disk", "file", "block", "format"]})


def _update(guest: Guest, group: Group) -> Call:
    change = group.first
    if [each.field for each in group.changes] == [("interfaces", "link")]:
        mac = str(cast("Interface", guest.item(change)).mac)
        command = virsh.set_link(guest.want, mac, change, config=group.config)
    else:
        command = virsh.device(guest.want, "update-device", change, group.flags)
    parts = [each.field[1] for each in group.changes if each.field[0] == change.field[0]]
    return Call(Operation.UPDATE_DEVICE, command, _device(change) | {"parts": parts})


def _device(change: Change) -> dict[str, Any]:
    return {"field": change.field[0], "item": change.item}


_CALLS: Final[dict[LiveCall, Callable[[Guest, Group], Call]]] = {
    LiveCall.TEXT: _text,
    LiveCall.MEMORY: _memory,
    LiveCall.VCPUS: _vcpus,
    LiveCall.PLUG: _plug,
    LiveCall.MEDIUM: _medium,
    LiveCall.UPDATE: _update,
    LiveCall.SCHEDULER: tuning.schedule,
    LiveCall.MEMORY_LIMITS: tuning.limit_memory,
    LiveCall.BLOCK_SHARES: tuning.share_blocks,
    LiveCall.NODES: tuning.choose_nodes,
    LiveCall.PIN_VCPU: tuning.pin_vcpu,
    LiveCall.PIN_EMULATOR: tuning.pin_emulator,
    LiveCall.PIN_IOTHREAD: tuning.pin_iothread,
    LiveCall.IOTHREADS: tuning.set_iothreads,
    LiveCall.IOTUNE: tuning.throttle,
    LiveCall.BANDWIDTH: tuning.limit_traffic,
}
