"""The snapshots of `apply --guard`: taken before a machine is disturbed, reverted to or removed when all is over."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from kvmctl.actions import Action, Disruption, Operation, Refusal
from kvmctl.fields import stating
from kvmctl.models.snapshot import Snapshot
from kvmctl.plan import equivalent as virsh
from kvmctl.plan.build import Plan
from kvmctl.plan.snapshots import GUARD, of_existing, take_action
from kvmctl.plan.taking import Impossible

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from kvmctl.inventory import Address

_UNGUARDED: Final = frozenset({Operation.CREATE, Operation.DELETE, Operation.SNAPSHOT, Operation.UNSNAPSHOT})
"""What no snapshot could undo, or needs none."""


def to_guard(plan: Plan) -> tuple[Address, ...]:
    """Return the machines that the plan restarts or worse."""
    found = [
        action.address
        for action in plan.actions
        if action.address.kind == "vm"
        and action.disruption >= Disruption.RESTART
        and action.operation not in _UNGUARDED
    ]
    return tuple(dict.fromkeys(found))


def guarded(plan: Plan, existing: Mapping[str, Collection[str]]) -> Plan:
    """Return the plan with a snapshot before the first action of each machine to guard; refused where none can be had.

    `existing` are the names of each machine's snapshots.
    """
    refused: list[Refusal] = []
    guards: dict[Address, Action] = {}
    for address in to_guard(plan):
        found = _guard(plan, address, existing.get(address.name, ()))
        if isinstance(found, Refusal):
            refused.append(found)
        else:
            guards[address] = found
    return replace(_inserted(plan, guards), refused=(*plan.refused, *refused))


def _guard(plan: Plan, address: Address, existing: Collection[str]) -> Action | Refusal:
    have = plan.have[address]
    if GUARD in existing:
        reason = f"--guard: snapshot {GUARD} of an apply that was cut short is still there"
        return Refusal(
            address, (), Disruption.NONE, reason,
            f"kvmctl revert {address}@{GUARD}, or remove it: virsh snapshot-delete {virsh.quote(address.name)} {GUARD}",
        )  # fmt: skip
    how = of_existing(have, stating(Snapshot, name=GUARD, description="taken by kvmctl apply --guard"))
    if isinstance(how, Impossible):
        hint = f"{how.hint}; or apply without --guard"
        return Refusal(address, (), Disruption.NONE, f"--guard: no snapshot of it can be taken: {how.reason}", hint)
    note = (
        "the guard: removed when all is checked; should an action on the machine fail, it is reverted to, "
        "and what the guest wrote meanwhile is lost"
    )
    return take_action(have, how, (), note)


def _inserted(plan: Plan, guards: Mapping[Address, Action]) -> Plan:
    """Return the plan with each guard before its machine's first action, which needs it."""
    actions: list[Action] = []
    place: dict[int, int] = {}
    guard_of: dict[int, int] = {}
    waiting = dict(guards)
    for index, action in enumerate(plan.actions):
        guard = waiting.pop(action.address, None)
        if guard is not None:
            guard_of[index] = len(actions)
            actions.append(guard)
        place[index] = len(actions)
        actions.append(action)
    needs = dict.fromkeys(guard_of.values(), frozenset[int]())
    for index, others in plan.needs.items():
        own = {guard_of[index]} if index in guard_of else set()
        needs[place[index]] = frozenset({place[other] for other in others} | own)
    return replace(plan, actions=tuple(actions), needs=needs)


def is_guard(action: Action) -> bool:
    """Say whether an action takes the guard of a machine."""
    return action.operation is Operation.SNAPSHOT and action.details["snapshot"].name == GUARD


def closing(plan: Plan, failed: Collection[Address], well: Collection[Address]) -> Plan:
    """Return the plan that ends the guards: those of machines that failed are reverted to, then all of them removed.

    Those of machines neither `failed` nor `well` stay.
    """
    actions: list[Action] = []
    needs: dict[int, frozenset[int]] = {}
    for address in (*failed, *well):
        have, details = plan.have[address], {"snapshot": GUARD}
        if address in failed:
            command = virsh.domain(have, "snapshot-revert", GUARD)
            needs[len(actions)] = frozenset()
            actions.append(Action(address, Operation.REVERT, Disruption.DATA_LOSS, (), command, "", details))
        command = virsh.domain(have, "snapshot-delete", GUARD)
        needs[len(actions)] = frozenset({len(actions) - 1} if address in failed else ())
        actions.append(Action(address, Operation.UNSNAPSHOT, Disruption.NONE, (), command, "", details))
    return Plan(tuple(actions), needs)
