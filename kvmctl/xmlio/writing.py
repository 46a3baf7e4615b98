"""Models written onto an existing tree, touching nothing but what they state."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from kvmctl.codec import ElementCodec, Presence, Size
from kvmctl.fields import UNSET, Model, Row, Shape, Source, rows, stated, stating
from kvmctl.ownership import declare
from kvmctl.pairing import is_filled_in, is_implicit, may_stay, pair
from kvmctl.xmlio.overlay import merge
from kvmctl.xmlio.partial import claims, overlay_of
from kvmctl.xmlio.places import Step, child, descend, elements, is_nothing, split, tag_of
from kvmctl.xmlio.reading import read, reader

if TYPE_CHECKING:
    from collections.abc import Iterator


def serialize(root: ET.Element) -> str:
    """Return the XML text of a tree, indented, for libvirt."""
    declare(root)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode")


def write(element: ET.Element, wanted: Model, *, fresh: bool = False) -> None:
    """Make the element say what the model states, where it says otherwise now; everything else stays as it is.

    Fields that are UNSET are not looked at, unless the element is `fresh`: then they get their initial value. None
    removes. List items are matched by their keys: those that match are changed in place, so that addresses and other
    unmanaged parts of a device survive.
    """
    overlay = overlay_of(wanted)
    _write_fields(element, wanted, claims(element, overlay), fresh=fresh)
    if overlay is not None:
        merge(element, overlay)


def contradicted(spec: Model, tag: str) -> Iterator[Row]:
    """Yield the fields of a spec that its own partial document says otherwise; `tag` is the root element's name."""
    root = ET.Element(tag)
    write(root, spec, fresh=True)
    claimed = claims(root, overlay_of(spec))
    said = ET.tostring(root)
    _write_fields(root, spec, claimed, fresh=False)
    if ET.tostring(root) == said:
        return
    root = ET.fromstring(said)
    claimed = claims(root, overlay_of(spec))
    for row in rows(type(spec)).values():
        value = getattr(spec, row.name)
        if value is not UNSET and row.source is Source.XML and row.shape is not Shape.DOCUMENT:
            before = ET.tostring(root)
            _write_fields(root, stating(type(spec), **{row.name: value}), claimed, fresh=False)
            if ET.tostring(root) != before:
                yield row


def _write_fields(element: ET.Element, wanted: Model, claimed: frozenset[int], *, fresh: bool) -> None:
    """Write all but the partial document; the `claimed` list items are its own."""
    kind: Any = type(wanted)
    kept = {} if fresh else _kept(element, wanted)
    for row in rows(type(wanted)).values():
        value = getattr(wanted, row.name)
        if fresh and value is UNSET:
            value = _initial(row)
        if value is UNSET or row.source is not Source.XML:
            continue
        match row.shape:
            case Shape.SCALAR:
                may_miss = is_filled_in(wanted, row) or (value == row.unsaid and not fresh)
                _write_scalar(element, row, value, _telling(kind), may_miss=may_miss)
            case Shape.MODEL:
                _write_model(element, row, value, fresh=fresh)
            case Shape.SCALARS:
                _write_scalars(element, row, value or ())
            case Shape.DOCUMENT:
                continue
            case _ if row.nested:
                _write_chain(element, row, value or ())
            case _:
                _write_models(element, row, value or (), claimed, rows(kind).get(row.echo))
    for name, value in kept.items():
        row = rows(type(wanted))[name]
        # What stays can't stay above a maximum that was lowered: libvirt refuses more CPUs than there may be.
        most = reader(replace(row, place=row.fallback, fallback=""))(element)
        _write_scalar(element, row, min(value, most) if value and most else value)


@cache
def _telling(model: type[Any]) -> frozenset[str]:
    """Return the places whose element says something by being there, though it may be empty."""
    return frozenset(row.place for row in rows(model).values() if isinstance(row.codec, Presence))


def _kept(element: ET.Element, wanted: Model) -> dict[str, Any]:
    """Return the values of unmanaged fields that would follow another's change: the current memory its maximum."""
    followers = [row for row in rows(type(wanted)).values() if row.fallback and getattr(wanted, row.name) is UNSET]
    return {row.yaml: reader(row)(element) for row in followers}


def _initial(row: Row) -> Any:
    """Return what an unstated field of a new object is: the row's initial value, or a group that has such values."""
    if row.shape is Shape.MODEL and row.model is not None:
        has = any(_initial(inner) is not UNSET for inner in rows(row.model).values() if inner.source is Source.XML)
        return row.model() if has else UNSET
    return row.initial


def _write_scalar(
    element: ET.Element, row: Row, value: Any, telling: frozenset[str] = frozenset(), *, may_miss: bool = False
) -> None:
    current = reader(row)(element)
    if current is None and may_miss:
        return
    if current == value or (current is not None and value is not None and row.codec.same(current, value)):
        return
    for place in row.clears:
        remove(element, place)
    if row.also:
        remove(element, row.also)
    if is_nothing(row, value) or value == row.absent or (isinstance(row.codec, Presence) and not value):
        if isinstance(row.codec, Size) and "@" in row.place:
            remove(element, f"{row.place.rpartition('@')[0]}@unit", telling)
        remove(element, row.place, telling)
        return
    path, attribute = split(row.place)
    _set_leaf(_ensure(element, path), attribute, row, value)
    for place, text in row.implies:
        parents, implied = split(place)
        _ensure(element, parents).set(implied, text)


def _set_leaf(target: ET.Element, attribute: str, row: Row, value: Any) -> None:
    if isinstance(row.codec, Size):
        text, unit = row.codec.write_scaled(value, row.xml_unit)
        target.set("unit", unit)
        if attribute:
            target.set(attribute, text)
        else:
            target.text = text
    elif attribute:
        target.set(attribute, row.codec.write(value))
    elif isinstance(row.codec, ElementCodec):
        row.codec.write_element(target, value)
    elif not isinstance(row.codec, Presence):
        target.text = row.codec.write(value)


def _write_model(element: ET.Element, row: Row, value: Model | None, *, fresh: bool) -> None:
    if value is None:
        remove(element, row.place)
        return
    path = split(row.place)[0]
    found = descend(element, path)
    if found is None and not fresh and _is_unsaid(value):
        return
    target = _ensure(element, path) if found is None else found
    write(target, value, fresh=fresh or (found is None and row.place != "."))
    if type(value).in_order:
        places = [split(each.place)[0][0].tag for each in rows(type(value)).values()]
        target[:] = sorted(target, key=lambda each: places.index(each.tag) if each.tag in places else len(places))
    if found is None and not type(value).whole and _is_empty(target, path[-1]):
        remove(element, row.place)


def _is_unsaid(group: Model) -> bool:
    """Say whether a group states something, but nothing that its absence doesn't mean too."""
    said = [(row, getattr(group, row.name)) for row in rows(type(group)).values() if row.name in stated(group)]
    return bool(said) and all(value == row.unsaid for row, value in said)


def _write_scalars(element: ET.Element, row: Row, values: tuple[Any, ...]) -> None:
    if tuple(reader(row)(element)) == values:
        return
    for place in row.clears:
        if not values or element.get(split(place)[1]) != row.codec.write(values[0]):
            remove(element, place)  # an attribute that names the first of them, another one now
    path, attribute = split(row.place)
    holder = _ensure(element, path[:-1])
    for each in holder.findall(path[-1].tag):
        holder.remove(each)
    for value in values:
        _set_leaf(ET.SubElement(holder, path[-1].tag), attribute, row, value)


def _write_models(
    element: ET.Element, row: Row, values: tuple[Model, ...], claimed: frozenset[int], echo: Row | None
) -> None:
    model = cast("type[Model]", row.model)
    existing = list(elements(element, row))
    items = [read(model, each) for each in existing]
    if not values and not existing:
        return
    if echo and not values:
        _remove_echo(element, echo)
    pairs = pair(values, items)
    *parents, last = split(row.place)[0]
    holder = _ensure(element, tuple(parents))
    for wanted, position in pairs.matched:
        write(existing[position], values[wanted], fresh=_become(existing[position], tag_of(last, values[wanted])))
    for position in pairs.extra:
        if not may_stay(items[position]) and id(existing[position]) not in claimed:
            holder.remove(existing[position])
    for wanted in pairs.missing:
        write(ET.SubElement(holder, tag_of(last, values[wanted])), values[wanted], fresh=True)


def _remove_echo(element: ET.Element, row: Row) -> None:
    """Remove what libvirt added because of items that are gone, and makes them of again: a port's console (9.0)."""
    holder = descend(element, split(row.place)[0][:-1])
    for each in list(elements(element, row)):
        if holder is not None and is_implicit(read(cast("type[Model]", row.model), each)):
            holder.remove(each)


def _become(element: ET.Element, tag: str) -> bool:
    """Empty an element that has to be one of another name, and give it that name; False where it has it."""
    if element.tag == tag:
        return False
    element.clear()
    element.tag = tag
    return True


def _write_chain(element: ET.Element, row: Row, values: tuple[Model, ...]) -> None:
    """Make each item's element say it, each within the one before; what is left below the last one goes."""
    (step,) = split(row.place)[0]
    holder = element
    for value in values:
        found = child(holder, step)
        target = ET.SubElement(holder, step.tag) if found is None else found
        write(target, value, fresh=found is None)
        holder = target
    rest = child(holder, step)
    if rest is not None:
        holder.remove(rest)


def new_element(row: Row, value: Model) -> ET.Element:
    """Return the element of one new list item, for the calls that attach a device."""
    fresh = ET.Element(tag_of(split(row.place)[0][-1], value))
    write(fresh, value, fresh=True)
    return fresh


def remove(element: ET.Element, place: str, telling: frozenset[str] = frozenset()) -> None:
    """Take a place away, and the parents that it leaves empty (below the model's own element).

    Parents whose place is in `telling` say something even when they are empty, and stay.
    """
    path, attribute = split(place)
    trail = [element]
    for step in path:
        found = child(trail[-1], step)
        if found is None:
            return
        trail.append(found)
    if attribute:
        trail[-1].attrib.pop(attribute, None)
    elif len(trail) > 1:
        trail[-2].remove(trail.pop())
    parts = place.split("/")
    while len(trail) > 1 and _is_empty(trail[-1], path[len(trail) - 2]):
        if "/".join(parts[: len(trail) - 1]) in telling:
            break
        trail[-2].remove(trail.pop())


def _is_empty(element: ET.Element, step: Step) -> bool:
    """Say whether an element says nothing but what tells it from its like."""
    told = {step.attribute} if step.attribute else set()
    return set(element.attrib) <= told and not len(element) and not (element.text or "").strip()


def _ensure(element: ET.Element, path: tuple[Step, ...]) -> ET.Element:
    for step in path:
        found = child(element, step)
        if found is None:
            found = ET.Element(step.tag, {step.attribute: step.value} if step.attribute else {})
            element.insert(_place_for(element, step.tag), found)
        element = found
    return element


# Below these elements the order counts in libvirt's schema: the child named here is the last (9.0).
_LAST = {"smartcard": "address", "model": "resolution", "source": "seclabel"}


def _place_for(element: ET.Element, tag: str) -> int:
    """Return the position for a new child: behind all but those of other namespaces, or the one that has to be last."""
    last, count = _LAST.get(element.tag), len(element)
    if tag == last or tag.startswith("{"):
        return count
    return next((at for at in range(count) if element[at].tag == last or element[at].tag.startswith("{")), count)
