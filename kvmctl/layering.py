"""Specs over specs: how the parts that profiles hold become one spec, and which part gave a value."""

from __future__ import annotations

from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from kvmctl.fields import UNSET, Model, Shape, key_of, make, rows, stated

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kvmctl.inventory import Layer, Origin, Resource

Path = tuple[str | int, ...]
_SPEC: Final = "spec"


class Place(NamedTuple):
    """Where a value was written: in which document, and at which path there; `profile` is '' for the resource's own.

    `partly` is true of a group whose fields were written in several places, of which this is one.
    """

    profile: str
    origin: Origin
    path: Path
    partly: bool = False


def merged(below: Model, above: Model) -> Model:
    """Return a spec with another one over it: groups merge field by field, all else is replaced, null takes away."""
    both = dict(below.__dict__)
    for name, value in stated(above).items():
        under = both.get(name)
        both[name] = merged(under, value) if isinstance(value, Model) and isinstance(under, Model) else value
    return make(type(above), both)


def missing(spec: Model, path: Path = (_SPEC,)) -> Iterator[Path]:
    """Yield the path of each required field that a merged spec lacks; items of lists were whole from the start."""
    for name, row in rows(type(spec)).items():
        value = getattr(spec, row.name)
        if row.required and value is UNSET:
            yield (*path, name)
        elif row.shape is Shape.MODEL and isinstance(value, Model):
            yield from missing(value, (*path, name))


def place_of(resource: Resource, path: Path) -> Place | None:
    """Return where the value at a path of a resource was written; None where no manifest is known.

    The path begins with `spec`, or leads elsewhere into the resource's own document. List items are named by position
    or, as in the plan, by `[key]`. Of a group that several wrote, a profile is named before the resource itself. What
    nobody wrote belongs to whoever wrote what is around it.
    """
    if resource.origin is None:
        return None
    if path[:1] == (_SPEC,):
        for end in range(len(path), 1, -1):
            givers = _givers(resource.layers, path[1:end])
            if givers:
                layer = next((each for each in givers if each.profile), givers[0])
                within = _positions(layer.spec, path[1:])
                return Place(layer.profile, layer.origin, (*layer.path, *within), partly=len(givers) > 1)
    return Place("", resource.origin, path)


def folder_of(resource: Resource, path: Path) -> FilePath:
    """Return the folder of the file that gives a value: where the value is a relative path, it starts there."""
    place = place_of(resource, path)
    return FilePath(place.origin.file).parent if place else FilePath()


def _givers(layers: Sequence[Layer], path: Path) -> list[Layer]:
    """Return the layers that the value at a path is made of, the upmost first; one unless it is a group."""
    found: list[Layer] = []
    above: Any = UNSET
    for layer in layers:
        value = _at(layer.spec, path)
        if value is UNSET:
            continue
        if not isinstance(value, Model):
            return found or [layer]
        both = value if above is UNSET else merged(value, above)
        if above is UNSET or both != above:
            found.append(layer)
        above = both
    return found


def _at(spec: Model, path: Path) -> Any:
    """Return what a layer says at a path: what it doesn't say is UNSET, what it replaced as a whole is that whole."""
    value: Any = spec
    for part in path:
        if not isinstance(value, Model):
            return value
        row = rows(type(value)).get(str(part))
        value = getattr(value, row.name) if row else UNSET
        if value is UNSET:
            return UNSET
    return value


def _positions(spec: Model, path: Path) -> Path:
    """Return a path with the positions of list items in place of their keys, as far as there are such."""
    value: Any = spec
    found: list[str | int] = []
    for part in path:
        if isinstance(value, tuple):
            position = part if isinstance(part, int) else _position(value, part)
            if position is None or position >= len(value):
                break
            found.append(position)
            value = value[position]
            continue
        row = rows(type(value)).get(str(part)) if isinstance(value, Model) else None
        if row is not None:
            value = getattr(value, row.name)
        found.append(part)
    return tuple(found)


def _position(items: tuple[Any, ...], part: str) -> int | None:
    """Return the position of the item that a plan calls `[key]`, or by its position where it has no key."""
    names = [f"[{(key_of(item)[1] if isinstance(item, Model) else '') or at}]" for at, item in enumerate(items)]
    return names.index(part) if part in names else None
