"""Definitions written and read back: what libvirt kept must be what was meant, or the former definition returns."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

from kvmctl import xmlio
from kvmctl.diff import diff
from kvmctl.errors import HypervisorError
from kvmctl.fields import UNSET, Source, rows
from kvmctl.hypervisor import Code
from kvmctl.models import BY_SHORT
from kvmctl.ownership import put

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from kvmctl.fields import Model
    from kvmctl.inventory import Address
    from kvmctl.ownership import Mark

    Complete = Callable[[ET.Element], None]

_MOST_ATTRIBUTES: Final = 11
_UNKNOWN: Final = "this libvirt or hypervisor doesn't know it: change or remove it"


class Define(Protocol):
    """A function that defines an object from XML, checked against libvirt's schema unless `validate` is false."""

    def __call__(self, xml: str, *, validate: bool = True) -> object:
        """Define the object; raises HypervisorError."""


def _as_it_is(_root: ET.Element) -> None:
    """Leave a definition as the spec makes it."""


def fresh_xml(address: Address, spec: Model, mark: Mark | None = None) -> str:
    """Return the libvirt XML of a new object: its name, what the manifest states, initial values, and whose it is."""
    kind = BY_SHORT[address.kind]
    root = ET.Element(kind.element)
    if kind.named.startswith("@"):
        root.set(kind.named[1:], address.name)
    elif kind.named:
        ET.SubElement(root, kind.named).text = address.name
    xmlio.write(root, spec, fresh=True)
    if mark is not None:
        put(root, mark)
    return xmlio.serialize(root)


def define_new(  # noqa: PLR0913 - what is defined, how, and whose it is
    address: Address, spec: Model, define: Define, read: Callable[[], str], undo: Callable[[], None],
    *, mark: Mark | None = None, complete: Complete = _as_it_is,
) -> None:  # fmt: skip
    """Define a new object; where libvirt dropped something of it, take it back and raise HypervisorError.

    `complete` adds to its XML what no spec holds.
    """
    root = xmlio.parse(fresh_xml(address, spec, mark))
    complete(root)
    _define(define, xmlio.serialize(root))
    lost = _lost(spec, read())
    if lost:
        undo()
        raise HypervisorError(f"{address}: libvirt does not keep {lost}; the definition was taken back", _UNKNOWN)


def define_change(  # noqa: PLR0913 - what is defined, how, and from what
    address: Address, spec: Model, define: Define, read: Callable[[], str], *, former: str,
    complete: Complete = _as_it_is,
) -> None:  # fmt: skip
    """Write what the manifest states onto the former definition and define that; `complete` as for `define_new`.

    Where libvirt kept something else, the former definition is put back and HypervisorError raised.
    """
    root = xmlio.parse(former)
    xmlio.write(root, spec)
    complete(root)
    _define(define, xmlio.serialize(root))
    lost = _lost(spec, read())
    if lost:
        define(former, validate=False)
        raise HypervisorError(f"{address}: libvirt does not keep {lost}; the former definition is back", _UNKNOWN)


@contextmanager
def after_the_guest(address: Address) -> Iterator[None]:
    """Let what fails here say that the running guest has been changed already, and its definition has not."""
    try:
        yield
    except HypervisorError as error:
        message = f"{address} was changed as it runs, but its definition was not: {error.message}"
        raise HypervisorError(message, error.hint, error.code) from error


def _define(define: Define, xml: str) -> None:
    """Define, without libvirt's schema where that refuses the document: it says only that something is wrong.

    libvirt then says which value it can't take, or drops what it doesn't know, which reading back finds out. The schema
    also lacks some of what libvirt itself prints, and checking an element takes twice as long for each attribute that
    it has more: with 16 of them a disk's driver isn't through after a minute (libvirt 9.0).
    """
    try:
        define(xml, validate=all(len(each.attrib) <= _MOST_ATTRIBUTES for each in xmlio.parse(xml).iter()))
    except HypervisorError as error:
        if error.code != Code.XML_INVALID_SCHEMA:
            raise
        define(xml, validate=False)


def _lost(spec: Model, xml: str) -> str:
    """Return in words what the definition says otherwise than the spec; '' when it says the same."""
    meant = only_xml(spec)
    kept = xmlio.read(type(meant), xmlio.parse(xml), meant)
    return ", ".join(f"{change.text} = {change.after} (it says {change.before})" for change in diff(kept, meant))


def only_xml(spec: Model) -> Model:
    """Return the spec without what is not in libvirt's XML: power state, autostart, activity."""
    state: Mapping[str, object] = {row.name: UNSET for row in rows(type(spec)).values() if row.source is Source.STATE}
    changed: Model = replace(cast("Any", spec), **state)
    return changed
