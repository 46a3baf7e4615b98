"""Places in libvirt's XML: `driver/@cache`, `memory`, `feature[@name=smm]/@enabled`, found in an element."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from kvmctl.fields import UNSET

if TYPE_CHECKING:
    from collections.abc import Iterator
    from xml.etree.ElementTree import Element

    from kvmctl.fields import Model, Row


NAMESPACES: Final = {
    "bhyve": "http://libvirt.org/schemas/domain/bhyve/1.0",
    "dnsmasq": "http://libvirt.org/schemas/network/dnsmasq/1.0",
    "fs": "http://libvirt.org/schemas/storagepool/fs/1.0",
    "lxc": "http://libvirt.org/schemas/domain/lxc/1.0",
    "qemu": "http://libvirt.org/schemas/domain/qemu/1.0",
    "rbd": "http://libvirt.org/schemas/storagepool/rbd/1.0",
    "xen": "http://libvirt.org/schemas/domain/xen/1.0",
}
"""The namespaces of libvirt's documents beside the one without a name, by the prefixes that libvirt gives them."""

for _prefix, _uri in NAMESPACES.items():
    ET.register_namespace(_prefix, _uri)


class Step(NamedTuple):
    """One step of a place: an element's name and, for `feature[@name=smm]`, an attribute that tells it apart.

    The name of a list's items may be one of several: `rule|filterref`. A name of another namespace has its prefix in a
    place (`dnsmasq:options`) and its address here, as ElementTree has it.
    """

    tag: str
    attribute: str = ""
    value: str = ""


@cache
def split(place: str) -> tuple[tuple[Step, ...], str]:
    """Return the steps and the attribute (or '') of a place."""
    *path, last = place.split("/")
    if last.startswith("@"):
        return tuple(step_of(part) for part in path), last[1:]
    return tuple(step_of(part) for part in (*path, last) if part != "."), ""


def step_of(part: str) -> Step:
    """Return the step that a part of a place says."""
    match = re.fullmatch(r"(?:(\w+):)?([\w|-]+)(?:\[@([\w-]+)=([^\]]+)\])?", part)
    if match is None:
        raise ValueError(part)
    tag = f"{{{NAMESPACES[match[1]]}}}{match[2]}" if match[1] else match[2]
    return Step(tag, match[3] or "", match[4] or "")


def descend(element: Element, path: tuple[Step, ...]) -> Element | None:
    """Return the element at the end of a path, or None."""
    for step in path:
        found = child(element, step)
        if found is None:
            return None
        element = found
    return element


def child(element: Element, step: Step) -> Element | None:
    """Return the element that is one step away, or None."""
    if not step.attribute:
        return element.find(step.tag)
    return next((each for each in element.findall(step.tag) if each.get(step.attribute) == step.value), None)


def is_nothing(row: Row, value: Any) -> bool:
    """Say whether a value means that the place is empty: null, and text that an element can't tell from no text."""
    return value is None or (isinstance(value, str) and not value.strip() and "@" not in row.place)


def elements(element: Element, row: Row) -> Iterator[Element]:
    """Yield the elements behind a list row, in document order."""
    *parents, last = split(row.place)[0]
    holder = descend(element, tuple(parents))
    if holder is not None:
        yield from nested(holder, last.tag) if row.nested else children(holder, last)


def nested(element: Element, tag: str) -> Iterator[Element]:
    """Yield the elements of a chain, in which each one is within the one before."""
    found = element.find(tag)
    while found is not None:
        yield found
        found = found.find(tag)


def children(holder: Element, step: Step) -> list[Element]:
    """Return the elements that are one step away, in document order."""
    if "|" not in step.tag:
        return holder.findall(step.tag)
    tags = step.tag.split("|")
    return [each for each in holder if each.tag in tags]


def tag_of(step: Step, item: Model) -> str:
    """Return the name of a list item's element: of several the one that is a field which the item states."""
    first, *others = step.tag.split("|")
    return next((tag for tag in others if getattr(item, tag) not in (None, UNSET)), first)
