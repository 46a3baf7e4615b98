"""Why a document can't be used: every problem in it, each with its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmctl import schema
from kvmctl.document import Mismatch
from kvmctl.errors import Problem
from kvmctl.inventory import Origin, Resource, path_text
from kvmctl.manifest import careful
from kvmctl.manifest.documents import LIST, resource

if TYPE_CHECKING:
    from kvmctl.manifest.careful import Path, Reading


def explain(origin: Origin) -> tuple[list[Resource], list[Problem]]:
    """Return the resources in a document that the quick way refused, and its problems; it may be valid all the same."""
    reading = careful.read(origin.text, origin.file, origin.line)
    if reading.root is None or reading.value is None:
        return [], reading.problems
    found = []
    for path in _items(reading):
        made = _judge(reading, path, origin)
        if made is not None:
            found.append(made)
    return found, reading.problems


def _items(reading: Reading) -> list[Path]:
    """Return the paths of the resources in a document: its root, or each item of a List."""
    document = reading.value
    if not isinstance(document, dict) or document.get("kind") != LIST:
        return [()]
    items = document.get("items")
    if not isinstance(items, list):
        reading.blame(("items",), "a List holds its manifests under items, as a list", "write items: and below it - …")
        return []
    return [("items", index) for index, item in enumerate(items) if item is not None]


def _judge(reading: Reading, path: Path, origin: Origin) -> Resource | None:
    """Return the resource at a path of the document, or None and the problems in the reading."""
    document = reading.value
    for part in path:
        document = document[part]  # type: ignore[index]
    place = origin if not path else _item_origin(reading, path)
    blamed = any(blame[: len(path)] == path for blame in reading.blamed)
    if not blamed:
        try:
            return resource(document, place)
        except Mismatch:
            pass
    _blame_fields(reading, path, document, blamed=blamed)
    return None


def _blame_fields(reading: Reading, path: Path, document: object, *, blamed: bool) -> None:
    """Add what the schema has to say of fields that aren't to blame for their YAML already."""
    before = set(reading.blamed)
    found = schema.explain_problems(document, lambda below, value: reading.shown((*path, *below), value))
    for problem in found:
        where = (*path, *problem.path)
        if not any(where[: len(blame)] == blame for blame in before):
            line, column = reading.place(where, at_key=problem.at_key)
            reading.blamed.add(where)
            reading.problems.append(_at(reading, where, problem, line, column))
    if not found and not blamed:
        reading.blame(path, "this document is not valid for its kind", "compare it with kvmctl explain, field by field")


def _at(reading: Reading, where: Path, problem: schema.Finding, line: int, column: int) -> Problem:
    return Problem(problem.message, problem.hint, reading.file, line, column, path_text(where))


def _item_origin(reading: Reading, path: Path) -> Origin:
    """Return the origin of a List's item, whose text keeps its columns."""
    node = reading.node(path)
    start, end = node.start_mark, node.end_mark
    text = " " * start.column + reading.text[start.index : end.index]
    return Origin(reading.file, reading.line + start.line, text)
