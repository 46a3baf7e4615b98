"""Models read from libvirt's XML, by readers that are compiled once a row: thousands of machines pass through here."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable
from functools import cache
from operator import attrgetter, methodcaller
from typing import Any, NamedTuple, TypeVar, cast

from kvmctl.codec import Choice, Codec, ElementCodec, Presence, Size, Text
from kvmctl.fields import UNSET, Model, Row, Shape, Source, make, rows
from kvmctl.xmlio import partial
from kvmctl.xmlio.places import Step, descend, split

M = TypeVar("M", bound=Model)
Element = ET.Element
Read = Callable[[Element], Any]
Find = Callable[[Element], Element | None]


def read(model: type[M], element: Element, mask: M | None = None, **beside: Any) -> M:
    """Return the model that an element says.

    Places that the XML lacks read as None, or as the row's `absent` value. With a `mask` only the fields that it
    states are read, and the others are UNSET: comparing a thousand machines must not cost more than it has to.
    `beside` are the values of fields that don't come from XML.
    """
    plan = _plan(cast("Any", model))
    if mask is None:
        return make(model, {name: read_one(element) for name, read_one in plan.whole} | beside)
    found = beside
    for wanted, (name, read_one, group) in zip(plan.values(mask), plan.parts, strict=True):
        if wanted is UNSET:
            continue
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


class _Plan(NamedTuple):
    """A model's rows that live in XML: their readers, and a function that takes their values from an instance."""

    whole: tuple[tuple[str, Read], ...]
    parts: tuple[tuple[str, Read, _Group | None], ...]
    values: Callable[[Model], tuple[Any, ...]]


@cache
def _plan(model: type[Any]) -> _Plan:
    mine = [
        row for row in rows(model).values()
        if row.source is Source.XML and row.place and row.shape is not Shape.DOCUMENT
    ]  # fmt: skip
    parts = tuple((row.name, reader(row), _group(row)) for row in mine)
    names = [row.name for row in mine]
    values: Any = attrgetter(*names) if len(names) > 1 else lambda instance: (getattr(instance, names[0]),)
    return _Plan(tuple((name, read_one) for name, read_one, _ in parts), parts, values)


def _group(row: Row) -> _Group | None:
    if row.shape is not Shape.MODEL:
        return None
    return _Group(_finder(split(row.place)[0]), cast("type[Model]", row.model))


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
            leaf, find_all = _leaf_reader(row, split(row.place)[1]), _all_finder(row)
            return lambda element: tuple([value for each in find_all(element) if (value := leaf(each)) is not None])
        case Shape.MAP | Shape.DOCUMENT:
            raise TypeError(row.name)


def _items_reader(row: Row) -> Read:
    item, find_all = cast("type[Model]", row.model), _all_finder(row)

    def read_items(element: Element) -> tuple[Model, ...]:
        plan = _plan(cast("Any", item)).whole
        return tuple([make(item, {name: read_one(each) for name, read_one in plan}) for each in find_all(element)])

    return read_items


def _all_finder(row: Row) -> Callable[[Element], list[Element]]:
    """Return a function from the model's element to those behind a list row, in document order."""
    *parents, last = split(row.place)[0]
    find_holder = _finder(tuple(parents))

    def find_all(element: Element) -> list[Element]:
        holder = find_holder(element)
        return [] if holder is None else holder.findall(last.tag)

    return find_all


def _group_reader(row: Row) -> Read:
    group = cast("_Group", _group(row))

    def read_group(element: Element) -> Any:
        found = group.find(element)
        return row.absent if found is None else read(group.model, found)

    return read_group


def _scalar_reader(row: Row) -> Read:
    kind = next((text for place, text in row.implies if place == "@type"), "")
    absent = row.absent
    ways = [_place_reader(row, place) for place in (row.place, row.also, row.fallback) if place]
    if len(ways) == 1 and absent is None and not kind:
        return ways[0]

    def read_scalar(element: Element) -> Any:
        # A running interface on a network also names the network's bridge: it isn't of type bridge for that.
        if kind and element.get("type", kind) != kind:
            return absent
        for way in ways:
            value = way(element)
            if value is not None:
                return value
        return absent

    return read_scalar


def _place_reader(row: Row, place: str) -> Read:
    """Return a function from the model's element to the value at one place, None where there is none."""
    path, attribute = split(place)
    leaf = _leaf_reader(row, attribute)
    if not path:
        return leaf
    find = _finder(path)

    def read_place(element: Element) -> Any:
        found = find(element)
        return None if found is None else leaf(found)

    return read_place


def _finder(path: tuple[Step, ...]) -> Find:
    """Return a function from an element to the one below it; the commonest case is all in C."""
    if not path:
        return lambda element: element
    if len(path) == 1 and not path[0].attribute:
        return methodcaller("find", path[0].tag)
    return lambda element: descend(element, path)


def _leaf_reader(row: Row, attribute: str) -> Read:
    """Return a function from an element to the value at its attribute or in its text, None where there is none."""
    codec = row.codec
    if attribute:
        return _attribute_reader(codec, attribute)
    if isinstance(codec, ElementCodec):
        return codec.read_element
    if isinstance(codec, Presence):
        return lambda _element: True
    if isinstance(codec, Size):
        return _size_reader(codec, row.xml_unit)

    def read_text(element: Element) -> Any:
        text = element.text
        return codec.read(text) if text and (text := text.strip()) else None

    return read_text


def _attribute_reader(codec: Codec[Any], attribute: str) -> Read:
    if _is_verbatim(codec):
        return methodcaller("get", attribute)
    convert = codec.read

    def read_attribute(element: Element) -> Any:
        text = element.get(attribute)
        return None if text is None else convert(text)

    return read_attribute


def _is_verbatim(codec: Codec[Any]) -> bool:
    """Say whether the codec reads every text as itself."""
    return type(codec).read is Text.read or (isinstance(codec, Choice) and not codec.xml)


def _size_reader(codec: Size, default: str) -> Read:
    def read_size(element: Element) -> Any:
        text = element.text
        if text is None or not (text := text.strip()):
            return None
        return codec.read_scaled(text, element.get("unit"), default)

    return read_size
