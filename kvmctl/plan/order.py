"""The order of actions: what is needed first, removals the other way round."""

from __future__ import annotations

import itertools
import posixpath
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING, Final, cast

from kvmctl.actions import Action, Operation
from kvmctl.fields import known
from kvmctl.inventory import Address, Inventory, meant, references
from kvmctl.resolve import disk_place
from kvmctl.usage import Disks, disks_of, stands_on

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvmctl.models.disk import Disk

Needs = dict[int, frozenset[int]]
_REMOVALS: Final = frozenset({Operation.DELETE, Operation.DISCARD})


def ordered(actions: Sequence[Action], want: Inventory, have: Inventory) -> tuple[tuple[Action, ...], Needs]:
    """Return the actions in an order in which they can be done, and which of them (by position) each one needs.

    The order is stable: independent actions stay as they came.
    """
    if not actions:
        return (), {}
    edges = _edges(actions, want, have)
    sorter = TopologicalSorter(edges)
    sorter.prepare()
    order: list[int] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        order += ready
        sorter.done(*ready)
    place = {index: position for position, index in enumerate(order)}
    needs = {place[index]: frozenset(place[other] for other in others) for index, others in edges.items()}
    return tuple(actions[index] for index in order), needs


def _edges(actions: Sequence[Action], want: Inventory, have: Inventory) -> dict[int, set[int]]:
    by_address: dict[Address, list[int]] = {}
    for index, action in enumerate(actions):
        by_address.setdefault(action.address, []).append(index)
    edges: dict[int, set[int]] = {index: set() for index in range(len(actions))}
    for indexes in by_address.values():
        for before, after in itertools.pairwise(indexes):
            edges[after].add(before)
    disks = disks_of(have)
    for index, action in enumerate(actions):
        removes = action.operation in _REMOVALS
        for target in _targets(action.address, have, disks) if removes else _wanted(action.address, want, have):
            for other in by_address.get(target, ()):
                if actions[other].operation in _REMOVALS:
                    edges[other].add(index)
                elif not removes:
                    edges[index].add(other)
    return edges


def _targets(address: Address, have: Inventory, disks: Disks) -> set[Address]:
    """Return what an existing resource stands on, and the pools of its disks: those go last."""
    found = {meant(target, have) for target in stands_on(have[address], disks)} if address in have else set()
    below = [stands_on(have[target], disks) for target in found if target.kind == "disk" and target in have]
    return found | {target for each in below for target in each if target.kind == "pool"}


def _wanted(address: Address, want: Inventory, have: Inventory) -> set[Address]:
    if address not in want:
        return set()
    below = _below(address, want, have)
    return below | {meant(reference.target, want) for reference in references(want[address].spec)}


def _below(address: Address, want: Inventory, have: Inventory) -> set[Address]:
    """Return the wanted Disk that a disk stands on, also where only its path is stated; none of a ring of disks."""
    base = _base(address, want, have)
    seen, below = {address}, base
    while below is not None and below not in seen:
        seen.add(below)
        below = _base(below, want, have)
    return {base} if base is not None and below is None else set()


def _base(address: Address, want: Inventory, have: Inventory) -> Address | None:
    backing = known(cast("Disk", want[address].spec).backing) if address.kind == "disk" else None
    path = known(backing.path) if backing else None
    base = Address("disk", posixpath.basename(path or ""))
    return base if base in want and disk_place(base.name, want, have).path == path else None
