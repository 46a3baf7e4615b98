"""Drift beside the plan: what no manifest states and somebody changed by hand, and what no manifest names."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple, cast

from kvmctl.diff import Change, diff
from kvmctl.fields import known, make
from kvmctl.models.vm import VirtualMachine
from kvmctl.plan.baseline import changed_since
from kvmctl.plan.prune import unnamed

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from kvmctl.inventory import Address, Inventory, Live, Resource
    from kvmctl.models.snapshot import Snapshot
    from kvmctl.ownership import Mark, Owner
    from kvmctl.plan.build import Plan


class DriftClass(StrEnum):
    """What a finding of drift is about; the values are the words of `--fail-on` and of the formats.

    A field or an object that the manifests name; a field that they leave alone; what waits for a start, or was plugged
    into the running guest alone; an object that is none of theirs.
    """

    MANAGED = "managed"
    UNMANAGED = "unmanaged"
    PENDING = "pending"
    FOREIGN = "foreign"


class Unmanaged(NamedTuple):
    """What somebody changed of a resource in fields that its manifest doesn't state."""

    address: Address
    changes: tuple[Change, ...]


class Unnamed(NamedTuple):
    """An object that no manifest names, in words whose it is; `ours` where the project has made or adopted it."""

    address: Address
    whose: str
    ours: bool


class Beside(NamedTuple):
    """What drift finds that a plan has no actions for."""

    unmanaged: tuple[Unmanaged, ...] = ()
    unnamed: tuple[Unnamed, ...] = ()


NOTHING = Beside()


def without_stated_snapshots(plan: Plan) -> dict[str, Address]:
    """Return the existing machines whose manifests state no snapshots, by the names that the host has for them."""
    return {
        str(_live(have).facts.get("named", address.name)): address
        for address, want in plan.want.items()
        if address.kind == "vm" and (have := plan.have.get(address)) is not None
        and known(cast("VirtualMachine", want.spec).snapshots) is None
    }  # fmt: skip


def changed(plan: Plan) -> Iterator[Unmanaged]:
    """Yield what somebody changed since the last apply in fields that the manifests leave alone."""
    for address, want in plan.want.items():
        have = plan.have.get(address)
        if have is not None and (found := changed_since(want, have)):
            yield Unmanaged(address, found)


def with_snapshots(machines: Mapping[str, Address], found: Mapping[str, Sequence[Snapshot]]) -> Iterator[Unmanaged]:
    """Yield the machines that have snapshots, which their manifests don't state."""
    nothing = make(VirtualMachine, {"snapshots": ()})
    for name, address in machines.items():
        if several := found.get(name):
            yield Unmanaged(address, diff(nothing, make(VirtualMachine, {"snapshots": tuple(several)})))


def strangers(plan: Plan, have: Inventory, owner: Owner, unread: Collection[str]) -> Iterator[Unnamed]:
    """Yield what exists and no manifest names, but for what libvirt itself brings and what wanted machines use.

    What the project has from `unread` manifests is left out: those are there still.
    """
    used = {path for address in plan.want if address in have for path in _paths(have[address])}
    for address in unnamed(plan, have):
        live = _live(have[address])
        ours = owner.named and live.mark is not None and live.mark.project == owner.project
        if live.facts.get("built_in") or live.facts.get("path") in used:
            continue
        if not (ours and cast("Mark", live.mark).manifest in unread):
            yield Unnamed(address, _whose(live.mark), ours)


def _paths(resource: Resource) -> Collection[str]:
    paths: Mapping[str, str] = _live(resource).facts.get("disk_paths", {})
    return paths.values()


def _whose(mark: Mark | None) -> str:
    if mark is None:
        return "it is nobody's"
    return f"it belongs to project {mark.project}" + (f", {mark.manifest}" if mark.manifest else "")


def _live(resource: Resource) -> Live:
    return cast("Live", resource.live)
