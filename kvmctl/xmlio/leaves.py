"""Single values read from an element: its text, one of its attributes, or all of it."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable
from operator import methodcaller
from typing import TYPE_CHECKING, Any, Final

from kvmctl.codec import Choice, Codec, ElementCodec, Presence, Size, Text

if TYPE_CHECKING:
    from kvmctl.fields import Row

Element = ET.Element
Read = Callable[[Element], Any]

# A value that a notation doesn't know, of a newer libvirt perhaps, is none to it: import then tells it in the partial
# document, and a plan shows what the manifest wants there. No machine is beyond reach for one odd attribute.
_UNREADABLE: Final = (ValueError, KeyError)


def leaf_reader(row: Row, attribute: str) -> Read:
    """Return a function from an element to the value at its attribute or in its text, None where there is none."""
    codec = row.codec
    if isinstance(codec, Size):
        return _size_reader(codec, attribute, row.xml_unit)
    if attribute:
        return _attribute_reader(codec, attribute)
    if isinstance(codec, ElementCodec):
        return _element_reader(codec)
    if isinstance(codec, Presence):
        return lambda _element: True

    def read_text(element: Element) -> Any:
        text = element.text
        try:
            return codec.read(text) if text and (text := text.strip()) else None
        except _UNREADABLE:
            return None

    return read_text


def _element_reader(codec: ElementCodec) -> Read:
    def read_element(element: Element) -> Any:
        try:
            return codec.read_element(element)
        except _UNREADABLE:
            return None

    return read_element


def _attribute_reader(codec: Codec[Any], attribute: str) -> Read:
    if _is_verbatim(codec):
        return methodcaller("get", attribute)
    convert = codec.read

    def read_attribute(element: Element) -> Any:
        text = element.get(attribute)
        try:
            return None if text is None else convert(text)
        except _UNREADABLE:
            return None

    return read_attribute


def _is_verbatim(codec: Codec[Any]) -> bool:
    """Say whether the codec reads every text as itself."""
    return type(codec).read is Text.read or (isinstance(codec, Choice) and not codec.xml)


def _size_reader(codec: Size, attribute: str, default: str) -> Read:
    """Return a function to the size in an attribute or the text of an element, whose `unit` counts for both."""

    def read_size(element: Element) -> Any:
        text = element.get(attribute) if attribute else element.text
        if text is None or not (text := text.strip()):
            return None
        try:
            return codec.read_scaled(text, element.get("unit"), default)
        except _UNREADABLE:
            return None

    return read_size
