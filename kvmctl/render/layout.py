"""Where the nodes of a topology are drawn: in columns, users left of what they use, with few crossings."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from kvmctl.inventory import Address
    from kvmctl.render.topology import Topology

_COLUMNS: Final = {"vm": 0, "disk": 1, "network": 1, "pool": 2, "nwfilter": 2, "secret": 3}
"""The least column of a kind, so that what nobody uses stands among its like."""
_SWEEPS: Final = 8

Slot = tuple[int, int]
"""A place that an edge passes on its way: the number of the edge, and the column."""


class Layout(NamedTuple):
    """Columns from left to right, each with what stands in it from top to bottom, and the way of each edge."""

    columns: tuple[tuple[Address | Slot, ...], ...]
    ways: tuple[tuple[Address | Slot, ...], ...]


def layout(drawn: Topology) -> Layout:
    """Return the layout: layers by the longest way, dummies where an edge passes, then sorted by their neighbours."""
    column = _columns(drawn)
    edges = [edge for edge in drawn.edges if column[edge[0]] < column[edge[1]]]
    columns: dict[int, list[Address | Slot]] = defaultdict(list)
    for node in drawn.nodes:
        columns[column[node.address]].append(node.address)
    ways: list[tuple[Address | Slot, ...]] = []
    for number, (user, used) in enumerate(edges):
        slots = [(number, between) for between in range(column[user] + 1, column[used])]
        for slot in slots:
            columns[slot[1]].append(slot)
        ways.append((user, *slots, used))
    ordered = [columns[at] for at in range(max(columns, default=-1) + 1)]
    _sort(ordered, ways)
    return Layout(tuple(map(tuple, ordered)), tuple(ways))


def _columns(drawn: Topology) -> dict[Address, int]:
    """Return the column of each node: right of all that use it; in a ring, which no manifest can ask for, anywhere."""
    uses: dict[Address, list[Address]] = defaultdict(list)
    users = dict.fromkeys((node.address for node in drawn.nodes), 0)
    for user, used in drawn.edges:
        uses[user].append(used)
        users[used] += 1
    column = {address: _COLUMNS.get(address.kind, 0) for address in users}
    ready = [address for address, count in users.items() if not count]
    while ready:
        user = ready.pop()
        for used in uses[user]:
            column[used] = max(column[used], column[user] + 1)
            users[used] -= 1
            if not users[used]:
                ready.append(used)
    filled = {old: new for new, old in enumerate(sorted(set(column.values())))}
    return {address: filled[at] for address, at in column.items()}


def _sort(columns: list[list[Address | Slot]], ways: Iterable[tuple[Address | Slot, ...]]) -> None:
    """Sort each column by the middle of its neighbours', to the right and to the left in turn."""
    before: dict[Address | Slot, list[Address | Slot]] = defaultdict(list)
    after: dict[Address | Slot, list[Address | Slot]] = defaultdict(list)
    for way in ways:
        for left, right in pairwise(way):
            before[right].append(left)
            after[left].append(right)
    for sweep in range(_SWEEPS):
        neighbours = after if sweep % 2 else before
        for column in _in_turn(columns, backwards=bool(sweep % 2)):
            place = {item: at for each in columns for at, item in enumerate(each)}
            column.sort(key=lambda item: _middle(item, neighbours, place))


def _in_turn(columns: list[list[Address | Slot]], *, backwards: bool) -> Iterator[list[Address | Slot]]:
    yield from reversed(columns[:-1]) if backwards else columns[1:]


def _middle(
    item: Address | Slot,
    neighbours: Mapping[Address | Slot, list[Address | Slot]],
    place: Mapping[Address | Slot, int],
) -> float:
    found = neighbours.get(item)
    return sum(place[each] for each in found) / len(found) if found else place[item]
