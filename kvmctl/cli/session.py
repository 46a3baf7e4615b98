"""The corridor as the commands walk it: manifests → what is wanted → what exists → plan."""

from __future__ import annotations

import sys
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, NamedTuple, Self, cast

from kvmctl.actions import MILD, Allowed
from kvmctl.cli import first_boot
from kvmctl.errors import ManifestError, UsageError
from kvmctl.files import Files, read_files

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from kvmctl.credentials import Passwords
    from kvmctl.hypervisor import Hypervisor
    from kvmctl.inventory import Address, Inventory, Resource
    from kvmctl.observe import Observation
    from kvmctl.ownership import Owner
    from kvmctl.plan import Plan


class Owning(NamedTuple):
    """How a command deals with whose objects are: the manifests' paths, and the project that was named.

    `own` lists marks and takes over what is another project's; `marks` makes them where they aren't listed, too. With
    `prune` goes what left the manifests, of which `read` are the files.
    """

    paths: Sequence[str]
    project: str | None
    own: bool = False
    marks: bool = False
    prune: bool = False
    force_prune: bool = False
    read: Sequence[str] = ()

    def owner(self) -> Owner:
        """Return who works now."""
        from kvmctl.cli.options import DEFAULT_MANIFESTS
        from kvmctl.project import owner_of

        return owner_of(list(self.paths) or [DEFAULT_MANIFESTS], self.project)

    def having_read(self, files: Files) -> Self:
        """Return the same with the files that were read."""
        return self._replace(read=[source.file for source in files.sources])


def wanted(files: Files, targets: Iterable[str], selectors: tuple[str, ...]) -> Inventory:
    """Return what the manifests want, of that what the command line selects, and what that needs."""
    from kvmctl.cli.selection import Selection, address, select

    return select(first_boot.understood(files), Selection(tuple(address(each) for each in targets), selectors))


class Reading(NamedTuple):
    """What reading commands go by: the host, what is wanted, and the texts of the manifests."""

    hypervisor: Hypervisor
    want: Inventory
    files: Files


def read_only_plan(
    uri: str | None, paths: Sequence[str], targets: Iterable[str], selectors: tuple[str, ...],
    *, allowed: Allowed = MILD, owning: Owning | None = None, against: Path | None = None,
) -> Plan:  # fmt: skip
    """Return the plan for what the manifests want, made over a read-only connection, or `against` a host's snapshot."""
    with reading(uri, paths, targets, selectors, against=against) as found:
        owning = owning.having_read(found.files) if owning else None
        return make_plan(found.hypervisor, found.want, allowed=allowed, owning=owning)


@contextmanager
def reading(
    uri: str | None, paths: Sequence[str], targets: Iterable[str], selectors: tuple[str, ...], *, against: Path | None
) -> Iterator[Reading]:
    """Give what the manifests want, and the host over a read-only connection, or in place of it one's snapshot.

    What the manifests name is asked for by a second process before even the models are loaded here.
    """
    from kvmctl.foresight import Foresight

    files = read(paths)
    if against is not None:
        yield Reading(_on_file(against, uri), wanted(files, targets, selectors), files)
        return
    with ExitStack() as stack:
        foresight = Foresight.of(uri, [source.text for source in files.sources])
        if foresight is not None:
            stack.enter_context(foresight)
        want = wanted(files, targets, selectors)
        hypervisor = cast("Hypervisor", foresight) if foresight else stack.enter_context(_read_only(uri))
        yield Reading(hypervisor, want, files)


def _read_only(uri: str | None) -> Hypervisor:
    from kvmctl.hypervisor import Hypervisor

    return Hypervisor.open(uri, readonly=True)


def _on_file(against: Path, uri: str | None) -> Hypervisor:
    if uri is not None:
        raise UsageError("--against and -c name two hosts", "leave one of them out")
    from kvmctl.hostfile import HostFile

    return cast("Hypervisor", HostFile.read(against))


def load(paths: Sequence[str]) -> Inventory:
    """Return what the manifests want; ManifestError carries every problem of all files."""
    return first_boot.understood(read(paths))


def read(paths: Sequence[str]) -> Files:
    """Return the texts of the manifests that a command line names."""
    from kvmctl.cli.options import DEFAULT_MANIFESTS

    stdin = sys.stdin.read() if "-" in paths else None
    return read_files(list(paths) or [DEFAULT_MANIFESTS], stdin)


def look(hypervisor: Hypervisor, want: Inventory) -> tuple[Mapping[Address, Resource], Observation]:
    """Return the wanted resources, resolved, and what exists of them and of what they refer to."""
    from kvmctl.observe import observe
    from kvmctl.resolve import resolve

    seen = observe(hypervisor, want)
    resolved, problems = resolve(want, seen.inventory)
    if problems:
        raise ManifestError(tuple(problems))
    return resolved, seen


def make_plan(
    hypervisor: Hypervisor, want: Inventory, *, allowed: Allowed = MILD, owning: Owning | None = None
) -> Plan:
    """Return the plan for what is wanted on the host, as far as it may go."""
    from kvmctl.plan import Looked, build, with_marks, without_foreign
    from kvmctl.sources import look_at_sources

    owner = owning.owner() if owning else None
    resolved, seen = look(hypervisor, want)
    images = look_at_sources(resolved, {**seen.inventory, **seen.elsewhere})
    values = _values(hypervisor, resolved, seen)
    passwords = _passwords(hypervisor, resolved, seen)
    seeds = first_boot.seeds(hypervisor, resolved, seen.inventory)
    plan = build(resolved, seen, Looked(images, values, seeds, passwords), allowed)
    if owning is None or owner is None:
        return plan
    if owning.prune:
        from kvmctl.cli.pruning import pruned

        plan = pruned(plan, hypervisor, owner, owning, allow_data_loss=allowed.data_loss)
    if not owning.own:
        plan = without_foreign(plan, owner)
    return with_marks(plan, want, owner, listed=owning.own) if owning.own or owning.marks else plan


def _values(hypervisor: Hypervisor, want: Mapping[Address, Resource], seen: Observation) -> Mapping[Address, bool]:
    """Return the secrets whose value differs; loaded only where there are secrets."""
    if not any(address.kind == "secret" for address in want):
        return {}
    from kvmctl.credentials import differing

    return differing(hypervisor, want, seen.inventory)


def _passwords(
    hypervisor: Hypervisor, want: Mapping[Address, Resource], seen: Observation
) -> Mapping[Address, Passwords]:
    """Return the passwords of graphics; loaded only where there are some to manage."""
    graphics = (item for each in want.values() for item in each.spec.__dict__.get("graphics") or ())
    if not any("password" in item.__dict__ for item in graphics):
        return {}
    from kvmctl.credentials import differing_passwords

    return differing_passwords(hypervisor, want, seen.inventory)
