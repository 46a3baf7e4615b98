"""Manifests to an inventory, or to every problem in them."""

from __future__ import annotations

import contextlib
import gc
from typing import TYPE_CHECKING

import yaml

from kvmctl import rules
from kvmctl.document import Mismatch
from kvmctl.errors import ManifestError, Problem
from kvmctl.inventory import Address, Inventory, Origin, Resource, path_text
from kvmctl.manifest import careful, quick
from kvmctl.manifest.documents import resource, split
from kvmctl.manifest.scalars import OddError, PlainWords
from kvmctl.manifest.sources import sources

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from kvmctl.manifest.careful import Path as FieldPath


def load(paths: Sequence[Path | str], stdin: str | None = None) -> Inventory:
    """Return the resources of all manifests by address, with what follows from their fields filled in.

    `paths` are files, folders (searched for *.yaml and *.yml, hidden ones left out) and `-` for the text `stdin`.
    Raises ManifestError with every problem of all files at once.
    """
    with _collector_paused():
        batch = _Batch()
        for source in sources(paths, stdin, batch.problems):
            for origin in split(source.text, source.file):
                batch.add(origin)
        inventory = rules.complete(batch.found)
        batch.problems += rules.check(inventory, locate)
    if not inventory and not batch.problems:
        names = ", ".join(str(path) for path in paths)
        batch.problems.append(
            Problem(f"no manifests found in {names or 'nothing'}", "name files or folders with --file")
        )
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

    def __init__(self) -> None:
        self.found: dict[Address, Resource] = {}
        self.problems: list[Problem] = []
        self._resolve = quick.resolver(PlainWords())

    def add(self, origin: Origin) -> None:
        """Add a document's resources, or its problems."""
        try:
            document = quick.read(origin.text, self._resolve)
            made = [] if document is None else [resource(document, origin)]
        except (Mismatch, OddError, quick.SurpriseError, RecursionError, yaml.YAMLError):
            from kvmctl.manifest.explain import explain

            made, problems = explain(origin)
            self.problems += problems
        for each in made:
            self._keep(each)

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


def problem_at(resource: Resource, path: tuple[str | int, ...], message: str, hint: str) -> Problem:
    """Return a problem of a resource with the place in its manifest; without one where it has no manifest."""
    if resource.origin is None:
        return Problem(message, hint, field=path_text(path))
    line, column = locate(resource.origin, path)
    return Problem(message, hint, resource.origin.file, line, column, path_text(path))


def locate(origin: Origin, path: FieldPath) -> tuple[int, int]:
    """Return (line, column), from 1, of a field; of what surrounds it where the document doesn't state it.

    Documents keep no places while they are loaded: this one is composed once more.
    """
    return careful.read(origin.text, origin.file, origin.line).place(path)
