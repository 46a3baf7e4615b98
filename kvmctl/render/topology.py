"""What uses what: resources and the references between them, for the formats that draw them."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

from kvmctl.actions import Operation
from kvmctl.inventory import Address, meant, references
from kvmctl.render.findings import Level, Sort

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from kvmctl.inventory import Resource
    from kvmctl.render.findings import Finding


class State(StrEnum):
    """How a resource is drawn; the later ones go before the earlier, where several findings are about one."""

    SAME = "same"
    OUTSIDE = "outside"
    CHANGED = "changed"
    NEW = "new"
    GONE = "gone"
    WRONG = "wrong"


_ORDER: Final = list(State)


class Node(NamedTuple):
    """A resource, or what one refers to that no manifest describes (`OUTSIDE`)."""

    address: Address
    state: State


class Topology(NamedTuple):
    """Nodes in the order of the manifests, and (user, used) pairs, each once."""

    nodes: tuple[Node, ...]
    edges: tuple[tuple[Address, Address], ...]


def topology(resources: Mapping[Address, Resource], findings: Iterable[Finding] = ()) -> Topology:
    """Return the picture of the resources, coloured by what was found of them."""
    states = dict.fromkeys(resources, State.SAME)
    edges = {
        (address, meant(reference.target, resources)): None
        for address, resource in resources.items()
        for reference in references(resource.spec)
    }
    for _, used in edges:
        states.setdefault(used, State.OUTSIDE)
    for finding in findings:
        states[finding.address] = max(states.get(finding.address, State.SAME), _state(finding), key=_ORDER.index)
    return Topology(tuple(Node(address, state) for address, state in states.items()), tuple(edges))


def _state(finding: Finding) -> State:
    if finding.level is Level.ERROR:
        return State.WRONG
    if finding.operation == Operation.DELETE:
        return State.GONE
    is_new = finding.operation == Operation.CREATE or finding.sort is Sort.MISSING
    return State.NEW if is_new else State.CHANGED
