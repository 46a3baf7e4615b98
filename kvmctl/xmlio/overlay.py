"""Partial documents (`spec.xml`): merged by key, compared, made of what a tree says beyond another."""

from __future__ import annotations

import copy
import xml.etree.ElementTree as ET
from collections import Counter
from typing import TYPE_CHECKING

from kvmctl.xmlio.keys import keys_of, local, pairs, values
from kvmctl.xmlio.places import split

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvmctl.xmlio.keys import Alternatives


def merge(element: ET.Element, overlay: ET.Element) -> None:
    """Make the element say what the overlay says; everything else stays as it is."""
    element.attrib.update(overlay.attrib)
    if text := _text(overlay):
        element.text = text
    for wish, found in pairs(element, list(overlay)):
        merge(ET.SubElement(element, wish.tag) if found is None else found, wish)


def projected(element: ET.Element, overlay: ET.Element) -> ET.Element:
    """Return what the element says at the places of the overlay."""
    result = ET.Element(overlay.tag, {name: element.get(name, "") for name in overlay.attrib if name in element.attrib})
    if _text(overlay):
        result.text = element.text
    for wish, found in pairs(element, list(overlay)):
        live = None if found is None else projected(found, wish)
        if live is not None and (says_nothing(wish) or not says_nothing(live)):
            result.append(live)
    return result


def says_nothing(element: ET.Element) -> bool:
    """Say whether an element says no more than that it is there."""
    return not element.attrib and not len(element) and not _text(element)


def claimed(element: ET.Element, overlay: ET.Element) -> Iterator[ET.Element]:
    """Yield every element below that the overlay says something of."""
    for wish, found in pairs(element, list(overlay)):
        if found is not None:
            yield found
            yield from claimed(found, wish)


def flat(element: ET.Element, path: str = "") -> dict[str, str]:
    """Return the texts of a document by their places: `devices/disk[vda]/driver/@iommu`.

    An element that says nothing but that it is there has the text ''.
    """
    found = {f"{path}@{name}": value for name, value in element.attrib.items()}
    text = _text(element)
    if text or says_nothing(element):
        found[path.removesuffix("/")] = text
    for each, step in _steps(element):
        found |= flat(each, f"{path}{step}/")
    return found


def _steps(parent: ET.Element) -> Iterator[tuple[ET.Element, str]]:
    """Yield each child with its name, and with its key or its place where it has one or its like occurs repeatedly."""
    total = Counter(each.tag for each in parent)
    place: Counter[str] = Counter()
    for each in parent:
        keys = keys_of(parent, each)
        told = next((told for key in keys if (told := values(each, key)) is not None), None)
        if told is None and total[each.tag] > 1:
            told = (str(place[each.tag]),)
        place[each.tag] += 1
        yield each, f"{local(each.tag)}[{':'.join(told)}]" if told else local(each.tag)


def beyond(element: ET.Element, built: ET.Element) -> ET.Element | None:
    """Return the overlay that makes what was built say all that the element says; None where it does."""
    result = ET.Element(element.tag, {n: v for n, v in element.attrib.items() if built.get(n) != v})
    if _text(element) != _text(built):
        result.text = _text(element)
    placeholders: dict[str, list[ET.Element]] = {}
    for each, found in pairs(built, list(element)):
        left = copy.deepcopy(each) if found is None else beyond(each, found)
        keys = keys_of(element, each)
        if left is not None and found is not None:
            _tell(left, each, keys)
        if left is None:
            placeholders.setdefault(each.tag, []).append(_placeholder(each, keys))
            continue
        if not any(values(left, key) is not None for key in keys):
            result.extend(placeholders.pop(each.tag, ()))
        result.append(left)
    return result if len(result) or result.attrib or result.text else None


def _tell(left: ET.Element, element: ET.Element, keys: Alternatives) -> None:
    """Add to what is left of an element the key by which it is found."""
    for key in keys:
        told = values(element, key)
        if told is not None:
            for place, value in zip(key, told, strict=True):
                _put(left, place, value)
            return


def _put(element: ET.Element, place: str, value: str) -> None:
    path, attribute = split(place)
    for step in path:
        found = element.find(step.tag)
        element = ET.SubElement(element, step.tag) if found is None else found
    if attribute:
        element.set(attribute, value)
    else:
        element.text = value


def _placeholder(element: ET.Element, keys: Alternatives) -> ET.Element:
    """Return an element that says nothing but which one it is."""
    result = ET.Element(element.tag)
    _tell(result, element, keys)
    return result


def same(one: ET.Element, other: ET.Element) -> bool:
    """Say whether two documents say the same, whatever the order of elements with different names."""
    if one.tag != other.tag or one.attrib != other.attrib or _text(one) != _text(other) or len(one) != len(other):
        return False
    groups: dict[str, list[ET.Element]] = {}
    for each in one:
        groups.setdefault(each.tag, []).append(each)
    for each in other:
        alike = groups.get(each.tag)
        if not alike or not same(_taken(alike, each), each):
            return False
    return True


def _taken(alike: list[ET.Element], element: ET.Element) -> ET.Element:
    """Take the first of its like, but of controllers, whose order libvirt changes by itself, the one with the key."""
    if element.tag == "controller":
        for at, each in enumerate(alike):
            if (each.get("type"), each.get("index")) == (element.get("type"), element.get("index")):
                return alike.pop(at)
    return alike.pop(0)


def _text(element: ET.Element) -> str:
    return (element.text or "").strip()
