"""Whose the wanted resources are: what belongs to another project is refused, what isn't marked yet gets its mark."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from kvmctl.actions import Action, Disruption, Operation, Refusal
from kvmctl.names import NAMESPACE, PREFIX
from kvmctl.ownership import DEFAULT_PROJECT, element
from kvmctl.plan import equivalent as virsh
from kvmctl.plan.baseline import changed_since
from kvmctl.record import RECORDED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from kvmctl.inventory import Address, Inventory, Live, Resource
    from kvmctl.ownership import Mark, Owner
    from kvmctl.plan.build import Plan


def without_foreign(plan: Plan, owner: Owner) -> Plan:
    """Return the plan with a refusal for each resource that another project made or adopted."""
    refused = tuple(
        _refusal(address, live.mark, owner)
        for address in plan.want
        if (live := _live(plan.have, address)) and live.mark and not owner.may_take(live.mark)
    )
    if not refused:
        return plan
    return replace(plan, refused=(*plan.refused, *refused), unchanged=plan.unchanged - len(_new(plan, refused)))


def _live(have: Inventory, address: Address) -> Live | None:
    resource = have.get(address)
    return resource.live if resource else None


def _refusal(address: Address, mark: Mark, owner: Owner) -> Refusal:
    where = f" ({mark.manifest})" if mark.manifest else ""
    mine = f"{owner.project}'s" if owner.named else "no project's: neither kvmctl.yaml nor --project names one"
    return Refusal(
        address, (), Disruption.NONE, f"it belongs to project {mark.project}{where}, and these manifests are {mine}",
        f"say --project {mark.project} if they are that one's, or --own to take over what it has",
    )  # fmt: skip


def _new(plan: Plan, touching: Iterable[Action | Refusal]) -> set[Address]:
    """Return the addresses that counted as unchanged so far."""
    several: tuple[Action | Refusal, ...] = (*plan.actions, *plan.refused, *plan.kept)
    return {each.address for each in touching} - {each.address for each in several}


def with_marks(plan: Plan, want: Mapping[Address, Resource], owner: Owner, *, listed: bool) -> Plan:
    """Return the plan with the mark of each resource, and the actions that set what is missing; `listed` as others are.

    `want` is what the manifests say, before anything was filled in. What is new has its mark in its definition, and
    gets it once more: only then there is a definition to remember. So does what the plan changes and the mark says
    already; neither is listed.
    """
    owned = {
        address: owner.mark(each.spec, each.origin.file if each.origin else "", each.annotations)
        for address, each in want.items()
    }
    acted: dict[Address, set[int]] = {}
    for index, action in enumerate(plan.actions):
        acted.setdefault(action.address, set()).add(index)
    missing = {address for address, mark in owned.items() if _is_missing(plan, address, mark)}
    if listed:
        missing |= {address for address in owned if address in plan.have and _has_strayed(plan, address)}
    renewed = acted.keys() & owned.keys()
    marks = tuple(_action(plan, address, mark) for address, mark in owned.items() if address in missing | renewed)
    if not listed:
        return replace(plan, owned=owned, marks=marks)
    shown = [action for action in marks if action.address in missing]
    first = len(plan.actions)
    needs = {first + index: frozenset(acted.get(action.address, ())) for index, action in enumerate(shown)}
    return replace(
        plan, owned=owned, marks=tuple(action for action in marks if action not in shown),
        actions=(*plan.actions, *shown), needs={**plan.needs, **needs},
        unchanged=plan.unchanged - len(_new(plan, shown)),
    )  # fmt: skip


def _is_missing(plan: Plan, address: Address, mark: Mark) -> bool:
    """Say whether an existing object has another mark, or one of a time when marks remembered nothing."""
    live = _live(plan.have, address)
    if live is None:
        return False
    return not mark.says(live.mark) or not (live.mark and (live.mark.baseline or address.kind in RECORDED))


def _has_strayed(plan: Plan, address: Address) -> bool:
    """Say whether somebody changed what the manifest leaves alone, which a new mark takes as it is."""
    return bool(changed_since(plan.want[address], plan.have[address]))


def _action(plan: Plan, address: Address, mark: Mark) -> Action:
    live = _live(plan.have, address)
    former = live.mark if live else None
    note = f"project {mark.project}, {mark.manifest}"
    if former is not None and former.project not in (mark.project, DEFAULT_PROJECT):
        note += f"; taken over from project {former.project}, {former.manifest}"
    return Action(address, Operation.MARK, Disruption.NONE, (), _commands(address, mark, live), note, {"mark": mark})


def _commands(address: Address, mark: Mark, live: Live | None) -> tuple[str, ...]:
    if address.kind in RECORDED:
        return (f"# {address} has no metadata: kvmctl's record on the host tells whose it is",)
    verb = "metadata" if address.kind == "vm" else "net-metadata"
    flags = "--config --live" if live and live.active else "--config"
    words = f"--uri {NAMESPACE} --key {PREFIX} --set {virsh.quote(element(mark))}"
    return (f"virsh {verb} {virsh.quote(address.name)} {words} {flags}",)
