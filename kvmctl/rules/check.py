"""All rules, applied to an inventory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from kvmctl.errors import Problem
from kvmctl.inventory import Inventory, Origin, Resource, path_text
from kvmctl.rules import devices, firmware, machine, network, partial, secret, storage, together, tuning
from kvmctl.rules.finding import Finding, Path

Locate = Callable[[Origin, Path], tuple[int, int]]

_RULES: Final[dict[str, tuple[Callable[[Any], Iterator[Finding]], ...]]] = {
    "vm": (*machine.RULES, *devices.RULES, *tuning.RULES, *firmware.RULES),
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
        _problem(resource, finding, locate)
        for resource in inventory.values()
        for rule in (*_RULES[resource.address.kind], partial.document)
        for finding in rule(resource.spec)
    ]
    found += [
        _problem(resource, finding, locate)
        for resource in inventory.values()
        for rule in _WHOLE_RULES.get(resource.address.kind, ())
        for finding in rule(resource)
    ]
    found += [_problem(each.resource, each.finding, locate) for rule in together.RULES for each in rule(inventory)]
    return found


def _problem(resource: Resource, finding: Finding, locate: Locate) -> Problem:
    origin = resource.origin
    if origin is None:
        return Problem(finding.message, finding.hint, str(resource.address), field=path_text(finding.path))
    line, column = locate(origin, finding.path)
    return Problem(finding.message, finding.hint, origin.file, line, column, path_text(finding.path))
