"""Whether libvirt's XML surely says what a model states, found out without making a model of the XML."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from kvmctl.fields import UNSET, Model, Row, Shape, Source, rows
from kvmctl.xmlio.places import split
from kvmctl.xmlio.reading import all_finder, finder, reader

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

Check = Callable[["Element", Any], bool]


def says(element: Element, want: Model, **beside: Any) -> bool:
    """Say whether an element surely says all that a model states; where it may not, what it says has to be read.

    Most machines of a fleet are as they should be, and this reads of each only what its manifest states: of a device a
    third of what reading it whole costs. `beside` are the values of fields that don't come from XML.
    """
    if type(want).whole:
        return False  # what it doesn't state counts too
    checks = _checks(cast("Any", type(want)))
    for name, wanted in want.__dict__.items():
        if wanted is UNSET:
            continue
        check = checks[name]
        if wanted is None or not (beside.get(name) == wanted if check is None else check(element, wanted)):
            return False
    return True


@cache
def _checks(model: type[Any]) -> dict[str, Check | None]:
    """Return for each attribute of a model how its wanted value is compared; None for one that is beside the XML."""
    return {row.name: None if row.source is Source.STATE else _check(row) for row in rows(model).values()}


def _never(_element: Element, _wanted: Any) -> bool:
    """Say that the value isn't one to be found in one place of the XML."""
    return False


def _always(_element: Element, _wanted: Any) -> bool:
    """Say that the value is nothing that exists: it steers kvmctl."""
    return True


def _check(row: Row) -> Check:
    if row.source is Source.POLICY:
        return _never if row.refers else _always
    match row.shape:
        case Shape.SCALAR:
            return _scalar(row)
        case Shape.SCALARS:
            read = reader(row)
            return lambda element, wanted: bool(read(element) == wanted)
        case Shape.MODEL:
            find = finder(split(row.place)[0])
            return lambda element, wanted: (found := find(element)) is not None and says(found, wanted)
        case Shape.MODELS:
            return _items(row)
        case _:
            return _never


def _scalar(row: Row) -> Check:
    read, same = reader(row), row.codec.comparison
    return lambda element, wanted: (value := read(element)) is not None and bool(same(value, wanted))


def _items(row: Row) -> Check:
    find_all = all_finder(row)

    def says_items(element: Element, wanted: tuple[Model, ...]) -> bool:
        found = find_all(element)
        return len(found) == len(wanted) and all(map(says, found, wanted))

    return says_items
