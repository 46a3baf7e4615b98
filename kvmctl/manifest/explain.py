"""Why a document can't be used: every problem in it, each with its place."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, cast

from kvmctl import layering, schema
from kvmctl.document import Mismatch
from kvmctl.errors import Problem
from kvmctl.inventory import Origin, Resource, path_text
from kvmctl.manifest import careful
from kvmctl.manifest.documents import LIST, resource
from kvmctl.models import BY_NAME, BY_SHORT, PROFILE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvmctl.manifest.careful import Path, Reading


class Explained(NamedTuple):
    """What a document comes to that the quick way refused: it may be valid all the same.

    `lost` are the names of profiles that aren't usable; '' stands for any, where nobody can tell what was meant.
    """

    found: list[Resource]
    problems: list[Problem]
    lost: list[str]


def explain(origin: Origin) -> Explained:
    """Return the resources in a document, all problems in it, and the profiles that are lost by them."""
    reading = careful.read(origin.text, origin.file, origin.line)
    if reading.root is None or reading.value is None:
        return Explained([], reading.problems, [""] if reading.problems else [])
    done = Explained([], reading.problems, [])
    for path in _items(reading):
        made = _judge(reading, path, origin)
        if made is not None:
            done.found.append(made)
        else:
            done.lost.extend(_lost(_at(reading, path)))
    return done


def _lost(document: object) -> Iterator[str]:
    """Yield the name of a profile that can't be used, if the document is or may be one."""
    kind = document.get("kind") if isinstance(document, dict) else None
    if not isinstance(document, dict) or kind not in list(BY_NAME):
        yield ""
    elif kind == PROFILE.name:
        metadata = document.get("metadata")
        yield str(metadata.get("name") or "") if isinstance(metadata, dict) else ""


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
    document = _at(reading, path)
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
            told = Problem(problem.message, problem.hint, reading.file, line, column, path_text(where))
            reading.problems.append(told)
    if not found and not blamed:
        reading.blame(path, "this document is not valid for its kind", "compare it with kvmctl explain, field by field")


def missing(resource: Resource) -> list[Problem]:
    """Return a problem for each required field that neither a resource's own spec nor its profiles give."""
    return [_missing(resource, path) for path in layering.missing(resource.spec)]


def _missing(resource: Resource, path: Path) -> Problem:
    around = cast("layering.Place", layering.place_of(resource, path[:-1]))
    origin = around.origin
    line, column = careful.read(origin.text, origin.file, origin.line).place(around.path, at_key=True)
    message = f"{resource.address}: {path[-1]} is missing" if around.profile else f"{path[-1]} is missing"
    hint = f"{schema.missing(BY_SHORT[resource.address.kind], path)}, here or in a profile"
    return Problem(message, hint, origin.file, line, column, path_text(around.path))


def _at(reading: Reading, path: Path) -> object:
    """Return the value at a path of the document."""
    value = reading.value
    for part in path:
        value = value[part]  # type: ignore[index]
    return value


def _item_origin(reading: Reading, path: Path) -> Origin:
    """Return the origin of a List's item, whose text keeps its columns."""
    node = reading.node(path)
    start, end = node.start_mark, node.end_mark
    text = " " * start.column + reading.text[start.index : end.index]
    return Origin(reading.file, reading.line + start.line, text)
