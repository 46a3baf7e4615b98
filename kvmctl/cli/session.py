"""The corridor as the commands walk it: manifests → what is wanted → what exists → plan."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, NamedTuple, cast

from kvmctl.errors import ManifestError, UsageError
from kvmctl.inventory import Address, Inventory, Resource, meant, references

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from kvmctl.hypervisor import Hypervisor
    from kvmctl.observe import Observation
    from kvmctl.plan import Plan


class Selection(NamedTuple):
    """Which of the manifests' resources a command is about."""

    targets: tuple[Address, ...] = ()
    selectors: tuple[str, ...] = ()


def wanted(
    paths: Sequence[str], targets: Iterable[str], selectors: tuple[str, ...],
    ahead: Callable[[Sequence[str]], None] | None = None,
) -> Inventory:  # fmt: skip
    """Return what the manifests want, of that what the command line selects, and what that needs."""
    from kvmctl.cli.options import address

    return select(load(paths, ahead), Selection(tuple(address(each) for each in targets), selectors))


def read_only_plan(
    uri: str | None, paths: Sequence[str], targets: Iterable[str], selectors: tuple[str, ...],
    *, allow_data_loss: bool = False,
) -> Plan:  # fmt: skip
    """Return the plan for what the manifests want, made over a read-only connection."""
    from kvmctl.foresight import Foresight

    with ExitStack() as stack:
        begun: list[Foresight] = []

        def look_ahead(texts: Sequence[str]) -> None:
            foresight = Foresight.of(uri, texts)
            if foresight is not None:
                begun.append(stack.enter_context(foresight))

        want = wanted(paths, targets, selectors, look_ahead)
        hypervisor = cast("Hypervisor", begun[0]) if begun else stack.enter_context(_read_only(uri))
        return make_plan(hypervisor, want, allow_data_loss=allow_data_loss)


def _read_only(uri: str | None) -> Hypervisor:
    from kvmctl.hypervisor import Hypervisor

    return Hypervisor.open(uri, readonly=True)


def load(paths: Sequence[str], ahead: Callable[[Sequence[str]], None] | None = None) -> Inventory:
    """Return what the manifests want; ManifestError carries every problem of all files."""
    from kvmctl import manifest
    from kvmctl.cli.options import DEFAULT_MANIFESTS

    stdin = sys.stdin.read() if "-" in paths else None
    return manifest.load(list(paths) or [DEFAULT_MANIFESTS], stdin, ahead)


def select(want: Inventory, selection: Selection) -> Inventory:
    """Return the selected resources and, of the manifests, all that they need."""
    if not selection.targets and not selection.selectors:
        return want
    unknown = [str(target) for target in selection.targets if target not in want]
    if unknown:
        there = ", ".join(str(address) for address in sorted(want)[:20])
        raise UsageError(f"--target {', '.join(unknown)}: not in the manifests", f"there are: {there}")
    matchers = [_matcher(part) for selector in selection.selectors for part in selector.split(",")]
    chosen = [
        address for address, resource in want.items()
        if (not selection.targets or address in selection.targets)
        and all(matches(resource.labels) for matches in matchers)
    ]  # fmt: skip
    if not chosen:
        raise UsageError(f"no resource has the labels {' '.join(selection.selectors)}", "look at metadata.labels")
    needed = _closure(chosen, want)
    return {address: resource for address, resource in want.items() if address in needed}


def _matcher(text: str) -> _Matcher:
    for sign in ("!=", "==", "="):
        name, found, value = text.partition(sign)
        if found and name.strip():
            return _Matcher(name.strip(), value.strip(), equal=sign != "!=")
    raise UsageError(
        f"--selector {text!r} is not a selector",
        "write NAME=VALUE or NAME!=VALUE, several separated by commas",
    )


class _Matcher(NamedTuple):
    name: str
    value: str
    equal: bool

    def __call__(self, labels: Mapping[str, str]) -> bool:
        return (labels.get(self.name) == self.value) is self.equal


def _closure(chosen: Iterable[Address], want: Inventory) -> set[Address]:
    found: set[Address] = set()
    queue = list(chosen)
    while queue:
        address = queue.pop()
        if address in want and address not in found:
            found.add(address)
            queue += [meant(reference.target, want) for reference in references(want[address].spec)]
    return found


def look(hypervisor: Hypervisor, want: Inventory) -> tuple[Mapping[Address, Resource], Observation]:
    """Return the wanted resources, resolved, and what exists of them and of what they refer to."""
    from kvmctl.observe import observe
    from kvmctl.resolve import resolve

    seen = observe(hypervisor, want)
    resolved, problems = resolve(want, seen.inventory)
    if problems:
        raise ManifestError(tuple(problems))
    return resolved, seen


def make_plan(hypervisor: Hypervisor, want: Inventory, *, allow_data_loss: bool = False) -> Plan:
    """Return the plan for what is wanted on the host; with `allow_data_loss` old images and snapshots go."""
    from kvmctl.plan import build
    from kvmctl.sources import look_at_sources

    resolved, seen = look(hypervisor, want)
    images = look_at_sources(resolved, {**seen.inventory, **seen.elsewhere})
    values = _values(hypervisor, resolved, seen)
    return build(resolved, seen, images, values, allow_data_loss=allow_data_loss)


def _values(hypervisor: Hypervisor, want: Mapping[Address, Resource], seen: Observation) -> Mapping[Address, bool]:
    """Return the secrets whose value differs; loaded only where there are secrets."""
    if not any(address.kind == "secret" for address in want):
        return {}
    from kvmctl.credentials import differing

    return differing(hypervisor, want, seen.inventory)
