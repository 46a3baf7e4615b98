"""The plan for a whole inventory: what each resource needs, put in order by what depends on what."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple, cast

from kvmctl.actions import MILD
from kvmctl.fields import known
from kvmctl.inventory import Address
from kvmctl.plan.creation import plan_creation, refuse_type, with_defaults
from kvmctl.plan.cut_off import plan_cut_off
from kvmctl.plan.disk import plan_disk, refuse_move, refuse_unseen
from kvmctl.plan.disk_move import Around, moved_paths
from kvmctl.plan.given import with_profiles
from kvmctl.plan.moved import as_moved
from kvmctl.plan.network import plan_network
from kvmctl.plan.nwfilter import plan_nwfilter
from kvmctl.plan.order import ordered
from kvmctl.plan.restart import end_machine
from kvmctl.plan.secret import plan_secret, set_value
from kvmctl.plan.seeds import plan_seeds, with_seeds
from kvmctl.plan.snapshots import plan_snapshots, without_snapshots
from kvmctl.plan.steps import Steps
from kvmctl.plan.switched import plan_pool
from kvmctl.plan.vm import plan_vm
from kvmctl.plan.wait import plan_wait
from kvmctl.resolve import asks_for_a_type

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kvmctl.actions import Action, Allowed, Disruption, Pending, Refusal
    from kvmctl.credentials import Passwords
    from kvmctl.images import ImageInfo
    from kvmctl.inventory import Inventory, Resource
    from kvmctl.models.disk import Disk
    from kvmctl.models.pool import StoragePool
    from kvmctl.observe import Observation
    from kvmctl.ownership import Mark
    from kvmctl.seeding import Seeds

_PLANNERS = {
    "network": plan_network,
    "pool": plan_pool,
    "secret": plan_secret,
    "nwfilter": plan_nwfilter,
}


@dataclass(frozen=True, slots=True)
class Plan:
    """All that an apply will do, in order.

    `needs` tells for each action (by position) which others must have succeeded; those that don't depend on each other
    may run side by side. `kept` is what is left for want of a flag, which nobody has to be told no for.
    `want` and `have` are what the plan was made from. `owned` are the marks that say whose each wanted resource is;
    `marks` the actions that set those which are missing, where nobody asked to have them listed.
    """

    actions: tuple[Action, ...]
    needs: Mapping[int, frozenset[int]]
    refused: tuple[Refusal, ...] = ()
    pending: tuple[Pending, ...] = ()
    unchanged: int = 0
    want: Mapping[Address, Resource] = field(default_factory=dict)
    have: Inventory = field(default_factory=dict)
    kept: tuple[Refusal, ...] = ()
    owned: Mapping[Address, Mark] = field(default_factory=dict)
    marks: tuple[Action, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether there is neither anything to do nor anything that was refused."""
        return not self.actions and not self.refused

    def count(self, verb: str) -> int:
        """Return how many resources the plan will create, update or delete."""
        return len({action.address for action in self.actions if action.operation.verb == verb})

    def above(self, limit: Disruption) -> tuple[Action, ...]:
        """Return the actions that disturb more than the limit allows."""
        return tuple(action for action in self.actions if action.disruption > limit)


class Looked(NamedTuple):
    """What was looked at beside the host's objects.

    The `images` of new disks; the existing secrets to be given their `values`, and whether they have none; the `seeds`
    that tell guests what to do at their first start; the `passwords` of existing machines' graphics.
    """

    images: Mapping[Address, ImageInfo] = MappingProxyType({})
    values: Mapping[Address, bool] = MappingProxyType({})
    seeds: Mapping[Address, Seeds] = MappingProxyType({})
    passwords: Mapping[Address, Passwords] = MappingProxyType({})


_ALONE: Final = Looked()


def build(
    want: Mapping[Address, Resource], seen: Observation, looked: Looked = _ALONE, allowed: Allowed = MILD
) -> Plan:
    """Return the plan that turns what was seen into what is wanted."""
    complete = _complete(want, seen, looked.seeds)
    around = Around(want, seen.inventory, allowed.data_loss)
    disks = {
        address: _disk_steps(wish, seen, looked.images.get(address), around)
        for address, wish in complete.items()
        if address.kind == "disk"
    }
    moved = moved_paths([action for each in disks.values() for action in each.actions])
    steps = []
    for address, wish in complete.items():
        mine = disks.get(address) or _steps(without_snapshots(wish), seen, moved, looked.passwords.get(address))
        if address in looked.values:
            set_value(mine, want[address], seen.inventory[address], missing=looked.values[address])
        if address.kind == "vm":
            _complete_machine(mine, wish, seen.inventory.get(address), looked.seeds.get(address, ()), allowed)
        steps.append(with_profiles(mine, wish))
    plan_cut_off(steps, complete, seen.inventory)
    actions = [action for each in steps for action in each.actions]
    touched = {each.address for each in steps if each.actions or each.refused or each.kept}
    in_order, needs = ordered(actions, complete, seen.inventory)
    pending = tuple(waits for each in steps if (waits := each.waiting()))
    refused = tuple(refusal for each in steps for refusal in each.refused)
    kept = tuple(each for step in steps for each in step.kept)
    return Plan(in_order, needs, refused, pending, len(complete) - len(touched), complete, seen.inventory, kept)


def _complete_machine(steps: Steps, wish: Resource, have: Resource | None, seeds: Seeds, allowed: Allowed) -> None:
    """Add what comes beside a machine's definition and state: its seeds, its snapshots, a restart, waiting for it."""
    plan_seeds(steps, wish, have, seeds)
    plan_snapshots(steps, wish, have, allow_data_loss=allowed.data_loss)
    end_machine(steps, wish, have, restart=allowed.restart)
    plan_wait(steps, wish)


def _complete(
    want: Mapping[Address, Resource], seen: Observation, seeds: Mapping[Address, Seeds]
) -> Mapping[Address, Resource]:
    """Return what is wanted with what new machines need, and with the devices by which guests get their seeds."""
    complete = {
        address: resource if address in seen.inventory else with_defaults(resource, seen.host)
        for address, resource in want.items()
    }
    return with_seeds(complete, seen.inventory, seeds, seen.host.arch) if seeds else complete


def _steps(
    wish: Resource, seen: Observation, moved: Mapping[str, tuple[str, str]], passwords: Passwords | None
) -> Steps:
    """Return the steps of what is no disk; a machine is planned as it is once its disks have moved."""
    have = seen.inventory.get(wish.address)
    if have is None:
        return plan_creation(wish, seen.host, None, hidden=False)
    steps = Steps(wish.address)
    if asks_for_a_type(have, wish) and refuse_type(steps, wish, seen.host):
        return steps
    have = as_moved(have, wish, moved) if moved else have
    return plan_vm(wish, have, passwords) if wish.address.kind == "vm" else _PLANNERS[wish.address.kind](wish, have)


def _disk_steps(wish: Resource, seen: Observation, image: ImageInfo | None, around: Around) -> Steps:
    have = seen.inventory.get(wish.address) or seen.elsewhere.get(wish.address)
    if have is not None:
        return plan_disk(wish, have, around)
    hidden = wish.address in seen.hidden or _has_no_pool(wish, seen.inventory)
    if wish.address in seen.hidden and not _comes_up(cast("Disk", wish.spec), around.want):
        return refuse_unseen(wish)
    if moved := refuse_move(wish, around.want, seen.inventory):
        return moved
    return plan_creation(wish, seen.host, image, hidden=hidden)


def _has_no_pool(wish: Resource, have: Inventory) -> bool:
    """Say whether a disk's pool doesn't exist yet; its folder may, with the disk in it."""
    return wish.address.kind == "disk" and Address("pool", str(cast("Disk", wish.spec).pool)) not in have


def _comes_up(disk: Disk, want: Mapping[Address, Resource]) -> bool:
    """Say whether the manifests start the pool of a disk."""
    pool = want.get(Address("pool", str(disk.pool)))
    return pool is not None and known(cast("StoragePool", pool.spec).active) is True
