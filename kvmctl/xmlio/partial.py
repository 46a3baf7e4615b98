"""The partial document of a spec beside its fields: what it says of a live tree, and which devices only it names."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from functools import cache
from typing import Any, TypeVar, cast

from kvmctl.fields import Model, Row, Shape, changed, known, rows
from kvmctl.pairing import pair
from kvmctl.parsing import parse
from kvmctl.xmlio.overlay import claimed, flat, projected
from kvmctl.xmlio.places import elements

M = TypeVar("M", bound=Model)


def overlay_of(spec: Model | None) -> ET.Element | None:
    """Return the root of the partial document that a spec states, or None."""
    row = None if spec is None else _document(cast("Any", type(spec)))
    text = getattr(spec, row.name) if row else None
    return parse(text) if isinstance(text, str) else None


@cache
def _document(model: type[Any]) -> Row | None:
    return next((row for row in rows(model).values() if row.shape is Shape.DOCUMENT), None)


def claims(element: ET.Element, overlay: ET.Element | None) -> frozenset[int]:
    """Return the identities of the elements that a partial document says something of."""
    return frozenset() if overlay is None else frozenset(id(each) for each in claimed(element, overlay))


def beside(made: M, element: ET.Element, wanted: Model | None) -> M:
    """Return what was read of an element with what a spec's partial document says of it."""
    overlay = overlay_of(wanted)
    return made if wanted is None or overlay is None else _beside(made, element, wanted, overlay)


def _beside(made: M, element: ET.Element, wanted: Model, overlay: ET.Element) -> M:
    """Return the model with the live text of the document, and without the list items that only the document names."""
    row = cast("Row", _document(cast("Any", type(wanted))))
    live = projected(element, overlay)
    text = getattr(wanted, row.name) if flat(live) == flat(overlay) else ET.tostring(live, encoding="unicode")
    values: dict[str, Any] = {row.name: text}
    taken = claims(element, overlay)
    for each in rows(type(wanted)).values():
        items = getattr(made, each.name)
        if each.shape is Shape.MODELS and items:
            extra = pair(known(getattr(wanted, each.name)) or (), items).extra
            places = list(elements(element, each))
            left = {at for at in extra if id(places[at]) in taken}
            values[each.name] = tuple(item for at, item in enumerate(items) if at not in left)
    return changed(made, **values)
