"""A spec that rebuilds an object exactly: fields where they can, the partial document for the rest.

What is made here is proved here: the spec is written as a new object would be, and has to equal the live definition.
Fields whose values can't be told back without a change are left to the partial document, so that nothing is beyond
reach however little of it the models know.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING, Any, TypeVar, cast

from kvmctl import xmlio
from kvmctl.fields import UNSET, Model, Row, Shape, Source, changed, make, rows, stated
from kvmctl.importing.minimal import has_initial, plain, told

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

M = TypeVar("M", bound=Model)


def faithful(whole: M, root: ET.Element, without: Iterable[str] = ()) -> M:
    """Return the spec that rebuilds the definition `root`, of which `whole` is what was read.

    `without` names fields (by their Python names) that are left to the partial document.
    """
    root = plain(type(whole), root)
    for names in _attempts(whole, root, set(without)):
        spec = _with_rest(told(_without(whole, names)), root)
        if xmlio.same(_built(spec, root.tag), root):
            break
    return spec


def _attempts(whole: M, root: ET.Element, without: set[str]) -> Iterator[set[str]]:
    """Yield which fields to leave to the partial document: as few as can be, at last all."""
    yield without
    spec = told(_without(whole, without))
    given = _xml_rows(spec)
    broken = without | {row.name for row in given if not _is_true(spec, row, root)}
    yield broken
    # Each field is true, yet together they come out in another order: one of them is in the way.
    for row in given:
        if row.name not in broken and not row.required:
            yield broken | {row.name}
    yield {row.name for row in given if not row.required and not has_initial(row)}


def _without(whole: M, names: set[str]) -> M:
    """Return the spec without the values of fields; groups and lists go whole, and null stays null."""
    values = whole.__dict__
    return changed(whole, **{name: UNSET for name in names if values.get(name) not in (None, ())})


def _with_rest(spec: M, root: ET.Element) -> M:
    """Return the spec with a partial document of all that the definition says beyond its fields."""
    row = next((row for row in rows(type(spec)).values() if row.shape is Shape.DOCUMENT), None)
    if row is None:
        return spec
    rest = xmlio.beyond(root, _built(spec, root.tag))
    if rest is None:
        return spec
    return changed(spec, **{row.name: xmlio.serialize(rest) + "\n"})


def _built(spec: Model, tag: str) -> ET.Element:
    """Return the definition that a new object of this spec would be given, its name left out."""
    root = ET.Element(tag)
    xmlio.write(root, spec, fresh=True)
    return root


def _xml_rows(spec: Model) -> list[Row]:
    given = stated(spec)
    return [
        row for row in rows(type(spec)).values()
        if row.name in given and row.source is Source.XML and row.shape is not Shape.DOCUMENT
    ]  # fmt: skip


def _is_true(spec: Model, row: Row, root: ET.Element) -> bool:
    """Say whether a field alone writes nothing that the definition doesn't say."""
    lone = ET.Element(root.tag)
    xmlio.write(lone, make(cast("Any", type(spec)), {row.name: getattr(spec, row.name)}))
    return xmlio.beyond(lone, root) is None
