"""All rules, applied to an inventory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, Final

from kvmctl.errors import Problem
from kvmctl.inventory import Address, Inventory, Origin, Resource, path_text
from kvmctl.layering import Place, place_of
from kvmctl.rules import (
    devices,
    firmware,
    first_boot,
    machine,
    network,
    partial,
    secret,
    snapshots,
    storage,
    together,
    tuning,
)
from kvmctl.rules.finding import ABOUT, Finding, Path

Locate = Callable[[Origin, Path], tuple[int, int]]

_RULES: Final[dict[str, tuple[Callable[[Any], Iterator[Finding]], ...]]] = {
    "vm": (*machine.RULES, *devices.RULES, *tuning.RULES, *firmware.RULES, *first_boot.RULES, *snapshots.RULES),
    "network": network.RULES,
    "pool": storage.POOL_RULES,
    "disk": storage.DISK_RULES,
    "nwfilter": (),
    "secret": (),
}
# What is about the name too.
_WHOLE_RULES: Final[dict[str, tuple[Callable[[Resource], Iterator[Finding]], ...]]] = {"secret": secret.RULES}


def check(inventory: Inventory, locate: Locate) -> list[Problem]:
    """Return what the rules refuse; `locate` gives the line and column of a path in a document (manifest.locate)."""
    found = [
        (resource, finding)
        for resource in inventory.values()
        for rule in _rules(resource.address.kind, tuple(resource.spec.__dict__))
        for finding in rule(resource.spec)
    ]
    found += [
        (resource, finding)
        for resource in inventory.values()
        for rule in _WHOLE_RULES.get(resource.address.kind, ())
        for finding in rule(resource)
    ]
    found += [(each.resource, each.finding) for rule in together.RULES for each in rule(inventory)]
    return list(_problems(found, locate))


@cache
def _rules(kind: str, stated: tuple[str, ...]) -> tuple[Callable[[Any], Iterator[Finding]], ...]:
    """Return the rules that may have something to say of a spec with these fields."""
    rules = (*_RULES[kind], partial.document)
    return tuple(rule for rule in rules if rule not in ABOUT or not ABOUT[rule].isdisjoint(stated))


def _problems(found: list[tuple[Resource, Finding]], locate: Locate) -> Iterator[Problem]:
    """Yield a problem for each finding; one for all resources that have it from the same place in a profile."""
    shared: dict[tuple[Place, Finding], list[Address]] = {}
    for resource, finding in found:
        place = place_of(resource, finding.path)
        if place is None:
            yield Problem(finding.message, finding.hint, str(resource.address), field=path_text(finding.path))
        elif place.profile:
            shared.setdefault((place, finding), []).append(resource.address)
        else:
            yield _problem(place, finding.message, finding.hint, locate)
    for (place, finding), addresses in shared.items():
        more = f" and {len(addresses) - 1} more" if len(addresses) > 1 else ""
        yield _problem(place, f"{addresses[0]}{more}: {finding.message}", finding.hint, locate)


def _problem(place: Place, message: str, hint: str, locate: Locate) -> Problem:
    line, column = locate(place.origin, place.path)
    return Problem(message, hint, place.origin.file, line, column, path_text(place.path))
