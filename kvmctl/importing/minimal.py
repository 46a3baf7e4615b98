"""What of a live object has to be written down: not what is absent, and not what libvirt would fill in again."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from kvmctl import xmlio
from kvmctl.codec import Presence
from kvmctl.fields import UNSET, Model, Row, Shape, Source, known, make, row_of, rows
from kvmctl.models.vm import VirtualMachine
from kvmctl.pairing import is_implicit
from kvmctl.rules import added_audios

if TYPE_CHECKING:
    from collections.abc import Iterator
    from xml.etree.ElementTree import Element

M = TypeVar("M", bound=Model)
_HEARD: Final = ("graphics", "audios")
_MEASURED: Final = ("capacity", "allocation", "available")


def plain(model: type[Model], root: Element) -> Element:
    """Return a copy of a definition without its name, what libvirt measures, and what its absence says just as well."""
    copied = copy.deepcopy(root)
    for name in copied.findall("name"):
        copied.remove(name)
    if copied.tag == "pool":
        for place in _MEASURED:
            xmlio.remove(copied, place)
        for device in copied.findall("source/device"):
            for extent in device.findall("freeExtent"):
                device.remove(extent)
        source = copied.find("source")  # libvirt prints one of a folder too
        if source is not None and not len(source):
            copied.remove(source)
    if copied.tag == "filter":
        del copied.attrib["name"]
    _make_plain(model, copied)
    return copied


def _make_plain(model: type[Model], element: Element) -> None:
    for row in rows(model).values():
        if row.source is not Source.XML or row.shape is Shape.DOCUMENT:
            continue
        if row.model is not None:
            for each in [element] if row.place == "." else xmlio.elements(element, row):
                _make_plain(row.model, each)
        elif row.shape is Shape.SCALAR and (row.default is not UNSET or row.fallback):
            _leave_out(element, row)


def _leave_out(element: Element, row: Row) -> None:
    """Take away a place that libvirt fills in, when its value is the one that its absence stands for."""
    said = xmlio.read_row(row, element)
    silent = copy.deepcopy(element)
    xmlio.remove(silent, row.place)
    if said == xmlio.read_row(row, silent):
        xmlio.remove(element, row.place)


def told(whole: M) -> M:
    """Return the spec that says all that is there, and null only where kvmctl would put something else there."""
    return make(type(whole), dict(_told(whole)))


def _told(whole: Model) -> Iterator[tuple[str, Any]]:
    implied = set(_implied(whole))
    for row in rows(type(whole)).values():
        kept = _kept(row, getattr(whole, row.name))
        follows = row.shape is Shape.SCALAR and isinstance(kept, str) and (row.place, row.codec.write(kept)) in implied
        if kept is not UNSET and not follows:
            yield row.name, kept


def _implied(whole: Model) -> Iterator[tuple[str, str]]:
    """Yield the attributes that the fields set along: a block device makes a disk one of type block."""
    for row in rows(type(whole)).values():
        value = getattr(whole, row.name)
        if value is UNSET or value is None:
            continue
        yield from row.implies
        if row.place == "." and isinstance(value, Model):
            yield from _implied(value)


def _kept(row: Row, value: Any) -> Any:
    """Return what to say of a field; UNSET for nothing."""
    if value is UNSET or row.source is Source.POLICY:
        return value
    if value is None or value == () or (row.shape is Shape.SCALAR and value == row.absent):
        return value if has_initial(row) else UNSET
    match row.shape:
        case Shape.MODEL:
            group = told(value)
            return group if group.__dict__ or type(group).whole or has_initial(row) else UNSET
        case Shape.MODELS:
            return tuple(told(item) for item in value)
        case _:
            return value


def has_initial(row: Row) -> bool:
    """Say whether a new object gets something here when the manifest is silent."""
    if row.shape is not Shape.MODEL:
        return row.initial is not UNSET and row.source is Source.XML
    return any(has_initial(inner) for inner in rows(cast("type[Model]", row.model)).values())


def spare(spec: M) -> M:
    """Return the spec without what is filled in again: defaults and initial values of XML, and devices libvirt adds."""
    return make(type(spec), dict(_spare(spec, xmlio.overlay_of(spec))))


def _spare(spec: Model, overlay: Element | None) -> Iterator[tuple[str, Any]]:
    for row in rows(type(spec)).values():
        value = getattr(spec, row.name)
        if value is UNSET or _is_filled_in(row, value):
            continue
        if isinstance(value, Model):
            value = spare(value)
            if not value.__dict__ and not (row.required or type(value).whole):
                continue
        elif row.shape is Shape.MODELS and value:
            if value == _added_audios(spec, overlay):
                continue
            if not _is_told(overlay, row) and all(is_implicit(item) for item in value):
                continue
            value = tuple(spare(item) for item in value)
        yield row.name, value


def _is_told(overlay: Element | None, row: Row) -> bool:
    """Say whether the partial document has items of a list."""
    return overlay is not None and any(True for _ in xmlio.elements(overlay, row))


def _added_audios(spec: Model, overlay: Element | None) -> tuple[Model, ...]:
    """Return the audio backends that libvirt gives the machine; none where its graphics are not all known."""
    if not isinstance(spec, VirtualMachine) or any(_is_told(overlay, row_of(type(spec), name)) for name in _HEARD):
        return ()
    return added_audios(known(spec.graphics) or ())


def _is_filled_in(row: Row, value: Any) -> bool:
    """Say whether a new object gets the value without its being written.

    Presences are written: which of them kvmctl adds depends on the architecture. So are states: what a manifest doesn't
    say is left alone, and that somebody stopped a network would be no difference.
    """
    if row.source is Source.STATE:
        return False
    is_initial = row.initial is not UNSET and value == row.initial and not isinstance(row.codec, Presence)
    return is_initial or (row.default is not UNSET and value == row.default)
