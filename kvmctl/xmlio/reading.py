"""Models read from libvirt's XML, by readers that are compiled once a row: thousands of machines pass through here."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable
from functools import cache
from operator import methodcaller
from typing import Any, NamedTuple, TypeVar, cast

from kvmctl.fields import UNSET, Model, Row, Shape, Source, make, rows
from kvmctl.xmlio import partial
from kvmctl.xmlio.leaves import leaf_reader
from kvmctl.xmlio.places import Step, children, descend, elements, split

M = TypeVar("M", bound=Model)
Element = ET.Element
Read = Callable[[Element], Any]
Find = Callable[[Element], Element | None]


def read(model: type[M], element: Element, mask: M | None = None, **beside: Any) -> M:
    """Return the model that an element says.

    Places that the XML lacks read as None, or as the row's `absent` value. With a `mask` only the fields that it
    states are read (of a whole model all), and the others are UNSET: comparing a thousand machines must not cost more
    than it has to.
    `beside` are the values of fields that don't come from XML.
    """
    if mask is None or model.whole:
        return make(model, _whole(cast("Any", model))(element) | beside)
    parts = _parts(cast("Any", model))
    found = beside
    for name, wanted in mask.__dict__.items():
        if wanted is UNSET or name not in parts:
            continue
        read_one, group = parts[name]
        if group is None or wanted is None:
            found[name] = read_one(element)
        else:
            held = group.find(element)
            found[name] = read(group.model, _NOTHING if held is None else held, wanted)
    return partial.beside(make(model, found), element, mask)


_NOTHING = ET.Element("nothing")


class _Group(NamedTuple):
    """A row that holds a model of its own: where its element is, and the model."""

    find: Find
    model: type[Model]


@cache
def _parts(model: type[Any]) -> dict[str, tuple[Read, _Group | None]]:
    """Return the readers of a model's rows by their Python names, and what those with a model of their own hold."""
    return {row.name: (reader(row), _group(row)) for row in _in_xml(model)}


def _in_xml(model: type[Any]) -> list[Row]:
    found = rows(model).values()
    return [row for row in found if row.source is Source.XML and row.place and row.shape is not Shape.DOCUMENT]


class _Table(NamedTuple):
    """A model's rows by where they look: attributes of the element and of its children, by tag; the others as readers.

    A child's text is under ''. `deep` are readers of what can only be there where a child with that tag is.
    """

    absent: dict[str, Any]
    own: dict[str, _Leaf]
    below: dict[str, dict[str, _Leaf]]
    deep: dict[str, dict[str, Read]]
    others: tuple[tuple[str, Read], ...]


class _Leaf(NamedTuple):
    """What one attribute, or one child's text, says: the row's name, and a reader of the element that has it."""

    name: str
    read: Read


@cache
def _whole(model: type[Any]) -> Callable[[Element], dict[str, Any]]:
    """Return a function that reads all rows of a model: it goes by what an element has, which is far less than rows."""
    absent, own, below, deep, others = _table(model)

    def read_whole(element: Element) -> dict[str, Any]:
        found = absent.copy()
        _add(found, element, own)
        seen = set()
        for child in element:
            tag = child.tag
            if tag in seen:
                continue  # of several with one tag the first counts
            seen.add(tag)
            if tag in below:
                _add(found, child, below[tag])
            if tag in deep:
                for field, read_one in deep[tag].items():
                    found[field] = read_one(element)
        for field, read_one in others:
            found[field] = read_one(element)
        return found

    return read_whole


def _add(found: dict[str, Any], element: Element, leaves: dict[str, _Leaf]) -> None:
    """Add what an element's attributes and its text say."""
    for name in ("", *element.attrib):
        if name in leaves:
            field, leaf = leaves[name]
            value = leaf(element)
            if value is not None:
                found[field] = value


def _table(model: type[Any]) -> _Table:
    absent: dict[str, Any] = {}
    own: dict[str, _Leaf] = {}
    below: dict[str, dict[str, _Leaf]] = {}
    deep: dict[str, dict[str, Read]] = {}
    others = []
    for row in _in_xml(model):
        path, attribute = split(row.place)
        leaves = own if not path else below.get(path[0].tag, {})
        if _is_simple(row) and attribute not in leaves and len(path) <= 1:
            absent[row.name] = row.absent
            leaves[attribute] = _Leaf(row.name, leaf_reader(row, attribute))
            if path:
                below[path[0].tag] = leaves
        elif path and _is_within(row):
            absent[row.name] = () if row.shape in (Shape.MODELS, Shape.SCALARS) else row.absent
            deep.setdefault(path[0].tag, {})[row.name] = reader(row)
        else:
            others.append((row.name, reader(row)))
    return _Table(absent, own, below, deep, tuple(others))


def _is_within(row: Row) -> bool:
    """Say whether all that a row says is within the children that its place names first."""
    path, _ = split(row.place)
    return not (row.also or row.fallback or "|" in path[0].tag) and (row.absent is None or not row.types)


def _is_simple(row: Row) -> bool:
    """Say whether the row is one value in one place, whatever else the element says."""
    path, _ = split(row.place)
    told_apart = any(step.attribute for step in path)
    return row.shape is Shape.SCALAR and not (row.also or row.fallback or row.types or _kind(row) or told_apart)


def _group(row: Row) -> _Group | None:
    if row.shape is not Shape.MODEL:
        return None
    return _Group(finder(split(row.place)[0]), cast("type[Model]", row.model))


def read_row(row: Row, element: Element) -> Any:
    """Return the value of one row of a model's element."""
    return reader(row)(element)


def reader(row: Row) -> Read:
    """Return a function from the model's element to one row's value."""
    match row.shape:
        case Shape.SCALAR:
            return _scalar_reader(row)
        case Shape.MODEL:
            return _group_reader(row)
        case Shape.MODELS:
            return _items_reader(row)
        case Shape.SCALARS:
            leaf, find_all = leaf_reader(row, split(row.place)[1]), all_finder(row)
            return lambda element: tuple([value for each in find_all(element) if (value := leaf(each)) is not None])
        case Shape.MAP | Shape.DOCUMENT:
            raise TypeError(row.name)


def _items_reader(row: Row) -> Read:
    item, find_all = cast("type[Model]", row.model), all_finder(row)

    def read_items(element: Element) -> tuple[Model, ...]:
        read_whole = _whole(cast("Any", item))
        return tuple([make(item, read_whole(each)) for each in find_all(element)])

    return read_items


def all_finder(row: Row) -> Callable[[Element], list[Element]]:
    """Return a function from the model's element to those behind a list row, in document order."""
    *parents, last = split(row.place)[0]
    find_holder = finder(tuple(parents))

    def find_all(element: Element) -> list[Element]:
        holder = find_holder(element)
        return [] if holder is None else children(holder, last)

    return find_all if not row.nested else lambda element: list(elements(element, row))


def _group_reader(row: Row) -> Read:
    group = cast("_Group", _group(row))

    def read_group(element: Element) -> Any:
        found = group.find(element)
        return row.absent if found is None else read(group.model, found)

    return read_group


def _scalar_reader(row: Row) -> Read:
    kind, types, absent = _kind(row), row.types, row.absent
    ways = [_place_reader(row, place) for place in (row.place, row.also, row.fallback) if place]
    if len(ways) == 1 and absent is None and not kind and not types:
        return ways[0]

    def read_scalar(element: Element) -> Any:
        # A running interface on a network also names the network's bridge: it isn't of type bridge for that.
        if kind and element.get("type", kind) != kind:
            return absent
        if types and element.get("type") not in types:
            return None
        for way in ways:
            value = way(element)
            if value is not None:
                return value
        return absent

    return read_scalar


def _kind(row: Row) -> str:
    """Return the type of element that the row belongs to, '' where it belongs to all."""
    return next((text for place, text in row.implies if place == "@type"), "")


def _place_reader(row: Row, place: str) -> Read:
    """Return a function from the model's element to the value at one place, None where there is none."""
    path, attribute = split(place)
    leaf = leaf_reader(row, attribute)
    if not path:
        return leaf
    find = finder(path)

    def read_place(element: Element) -> Any:
        found = find(element)
        return None if found is None else leaf(found)

    return read_place


def finder(path: tuple[Step, ...]) -> Find:
    """Return a function from an element to the one below it; the commonest case is all in C."""
    if not path:
        return lambda element: element
    if any(step.attribute for step in path):
        return lambda element: descend(element, path)
    if len(path) == 1:
        return methodcaller("find", path[0].tag)
    tags = tuple(step.tag for step in path)

    def find(element: Element) -> Element | None:
        for tag in tags:
            found = element.find(tag)
            if found is None:
                return None
            element = found
        return element

    return find
