"""Manifests to an inventory, or to every problem in them."""

from __future__ import annotations

import contextlib
import gc
from functools import lru_cache
from typing import TYPE_CHECKING

from kvmctl import layering, rules
from kvmctl.document import Mismatch
from kvmctl.errors import ManifestError, Problem
from kvmctl.files import Files, read_files
from kvmctl.inventory import Address, Inventory, Origin, Resource, path_text
from kvmctl.manifest.documents import concerns_profiles, resource, split
from kvmctl.manifest.lines import SurpriseError
from kvmctl.manifest.quick import Quick
from kvmctl.manifest.scalars import OddError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from kvmctl.manifest.careful import Path as FieldPath
    from kvmctl.manifest.careful import Reading


def load(paths: Sequence[Path | str], stdin: str | None = None) -> Inventory:
    """Return the resources of all manifests by address, with what follows from their fields filled in.

    `paths` are files, folders (searched for *.yaml and *.yml, hidden ones left out) and `-` for the text `stdin`.
    Raises ManifestError with every problem of all files at once.
    """
    return understand(read_files(paths, stdin))


def understand(files: Files) -> Inventory:
    """Return the resources of the manifests in files that were read; raises ManifestError as `load` does."""
    with _collector_paused():
        batch = _Batch(files.problems)
        for source in files.sources:
            for origin in split(source.text, source.file):
                batch.add(origin)
        inventory = rules.complete(batch.resources())
        batch.problems += rules.check(inventory, locate)
    if not batch.found and not batch.problems:
        names = ", ".join("standard input" if name == "-" else name for name in files.names)
        hint = "look at what writes to it" if files.names == ("-",) else "name files or folders with --file"
        batch.problems.append(Problem(f"no manifests found in {names or 'nothing'}", hint))
    if batch.problems:
        raise ManifestError(tuple(batch.problems))
    return inventory


@contextlib.contextmanager
def _collector_paused() -> Iterator[None]:
    """Keep the cycle collector from walking the growing inventory again and again; it would be a fifth of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


class _Batch:
    """What one run of `load` has found so far."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.found: dict[Address, Resource] = {}
        self.problems = list(problems)
        self._lost: set[str] = set()
        self._quick = Quick()

    def add(self, origin: Origin) -> None:
        """Add a document's resources, or its problems."""
        try:
            document = self._quick.read(origin.text)
            made = [] if document is None else [resource(document, origin)]
        except (Mismatch, OddError, SurpriseError, RecursionError):
            from kvmctl.manifest.explain import explain

            made, problems, lost = explain(origin)
            self.problems += problems
            self._lost.update(lost)
        for each in made:
            self._keep(each)

    def resources(self) -> dict[Address, Resource]:
        """Return what was found, with the profiles under the specs that name them and not beside them any more."""
        if not any(map(concerns_profiles, self.found.values())):
            return self.found
        from kvmctl.manifest import profiles
        from kvmctl.manifest.explain import missing

        done, wrong = profiles.apply(self.found, self._lost)
        self.problems += [_problem(each.origin, each.path, each.message, each.hint) for each in wrong]
        lacking = {address: problems for address, each in done.items() if (problems := missing(each))}
        self.problems += [problem for problems in lacking.values() for problem in problems]
        return {address: each for address, each in done.items() if address not in lacking}

    def _keep(self, made: Resource) -> None:
        first = self.found.setdefault(made.address, made)
        if first is made:
            return
        name = ("metadata", "name")
        places = [_place(each, name) for each in (first, made)]
        (file, line, column), (other_file, other_line, other_column) = places
        message = f"{made.address} is declared twice"
        hint = f"the first is at {file}:{line}:{column}; give one of them another name, or take it away"
        self.problems.append(Problem(message, hint, other_file, other_line, other_column, "metadata.name"))


def _place(made: Resource, path: FieldPath) -> tuple[str, int, int]:
    origin = made.origin or Origin("")
    return (origin.file, *locate(origin, path))


def problem_at(resource: Resource, path: FieldPath, message: str, hint: str) -> Problem:
    """Return a problem of a resource with the place that gave the value; without one where it has no manifest."""
    place = layering.place_of(resource, path)
    return _problem(place.origin, place.path, message, hint) if place else Problem(message, hint, field=path_text(path))


def _problem(origin: Origin, path: FieldPath, message: str, hint: str) -> Problem:
    line, column = locate(origin, path)
    return Problem(message, hint, origin.file, line, column, path_text(path))


def locate(origin: Origin, path: FieldPath, *, at_key: bool = False) -> tuple[int, int]:
    """Return (line, column), from 1, of a field's value or of its name; of what is around where it isn't stated.

    Documents keep no places while they are loaded: this one is composed once more.
    """
    return _composed(origin).place(path, at_key=at_key)


@lru_cache(maxsize=8)  # a profile's values are looked up for each resource that uses it
def _composed(origin: Origin) -> Reading:
    from kvmctl.manifest import careful

    return careful.read(origin.text, origin.file, origin.line)
