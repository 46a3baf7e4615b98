"""The removal of what left the manifests: what the project has made or adopted, and nothing of anybody else."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from kvmctl.actions import Disruption, Refusal
from kvmctl.plan.removal import Asked, build_removal

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from kvmctl.inventory import Address, Inventory, Live, Resource
    from kvmctl.observe import Observation
    from kvmctl.ownership import Mark
    from kvmctl.plan.build import Plan

MOST_PERCENT: Final = 30
MANY: Final = 10
"""Of so many resources or more, to remove a larger part than that is more likely a mistake than meant."""


class Pruning(NamedTuple):
    """What may be removed: what the project has, but for what comes from `unread` manifests, which are there still.

    `force` allows to remove a large part.
    """

    project: str
    unread: Collection[str] = ()
    force: bool = False


def with_removals(plan: Plan, seen: Observation, pruning: Pruning, *, allow_data_loss: bool) -> Plan:
    """Return the plan with the removal, after all else, of what the project has and its manifests no longer name.

    `seen` is all that there is on the host.
    """
    have = seen.inventory
    left = [
        address for address in unnamed(plan, have)
        if (mark := cast("Live", have[address].live).mark) and mark.project == pruning.project
    ]  # fmt: skip
    going = [address for address in left if _mark(have[address]).manifest not in pruning.unread]
    removal = build_removal(going, seen, plan.want, allow_data_loss=allow_data_loss, asked=Asked.AS_LEFT)
    unread = [_unread(address, _mark(have[address])) for address in left if address not in going]
    refused = [*removal.refused, *_too_many(plan, removal, pruning)]
    first = len(plan.actions)
    every = frozenset(range(first))
    needs = {first + index: every | {first + each for each in others} for index, others in removal.needs.items()}
    gone = {action.address: have[action.address] for action in removal.actions}
    return replace(
        plan, actions=(*plan.actions, *removal.actions), needs={**plan.needs, **needs},
        refused=(*plan.refused, *refused), kept=(*plan.kept, *removal.kept, *unread), have={**gone, **plan.have},
    )  # fmt: skip


def unnamed(plan: Plan, have: Inventory) -> Iterator[Address]:
    """Yield what exists and is not wanted, neither by its address nor under another one that a manifest has for it."""
    wanted = {_identity(plan.have[address]) for address in plan.want if address in plan.have}
    disks = {
        ("disk", str(cast("Any", each.spec).pool), address.name)
        for address, each in plan.want.items() if address.kind == "disk"
    }  # fmt: skip
    named = wanted | disks
    for address, resource in have.items():
        if address not in plan.want and _identity(resource) not in named:
            yield address


def _identity(resource: Resource) -> tuple[str, ...]:
    facts = cast("Live", resource.live).facts
    told = (facts["pool"], facts["volume"]) if resource.address.kind == "disk" else (facts["uuid"],)
    return resource.address.kind, *map(str, told)


def _mark(resource: Resource) -> Mark:
    return cast("Mark", cast("Live", resource.live).mark)


def _unread(address: Address, mark: Mark) -> Refusal:
    reason = f"it comes from {mark.manifest}, which was not read"
    return Refusal(address, (), Disruption.NONE, reason, "name all of the project's manifests with -f to remove it")


def _too_many(plan: Plan, removal: Plan, pruning: Pruning) -> Sequence[Refusal]:
    """Return the refusal of a removal that takes a large part of a large plan."""
    gone = len(removal.actions)
    total = len(plan.want) + gone
    if pruning.force or total < MANY or gone * 100 <= total * MOST_PERCENT:
        return ()
    reason = f"--prune would remove {gone} of {total} resources, more than {MOST_PERCENT} %"
    return (
        Refusal(removal.actions[0].address, (), Disruption.DESTROY, reason, "say --force-prune if that is meant"),
    )  # fmt: skip
