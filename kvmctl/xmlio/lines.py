"""Elements made of libvirt's XML line by line: most lines of a fleet's definitions are alike, and are read once.

libvirt writes a start tag, an end tag, or an element that holds no other, on a line of its own (util/virbuffer.c).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple
from xml.etree.ElementTree import Element, SubElement

if TYPE_CHECKING:
    from collections.abc import Mapping

_MOST_REMEMBERED: Final = 4096
_ATTRIBUTE: Final = re.compile(r" ([\w-]+)='([^'<&\t\r]*)'")
_LINE: Final = re.compile(rf" *<(/?)([\w-]+)((?:{_ATTRIBUTE.pattern})*)(?:(/)>|>(?:([^<>&\r]+)</\2>)?)")


class _Line(NamedTuple):
    """What a line holds: an end tag, or an element that is open (its content follows) or has at most a text."""

    tag: str
    attributes: Mapping[str, str]
    text: str | None = None
    is_end: bool = False
    is_open: bool = False


def assemble(text: str) -> Element | None:
    """Return the root element of a document that is written as libvirt writes it; None where a line isn't.

    White space between elements is left out. It takes half of a parser's time.
    """
    root: Element | None = None
    parents: list[Element] = []
    for line in text.rstrip("\n").split("\n"):
        held = _read(line)
        if held is None or (not parents and (held.is_end or root is not None)):
            return None
        if held.is_end:
            if parents.pop().tag != held.tag:
                return None
            continue
        if root is None:
            root = element = Element(held.tag, held.attributes)  # type: ignore[arg-type]
        else:
            element = SubElement(parents[-1], held.tag, held.attributes)  # type: ignore[arg-type]
        if held.is_open:
            parents.append(element)
        elif held.text:
            element.text = held.text
    return None if parents else root


@lru_cache(maxsize=_MOST_REMEMBERED)
def _read(line: str) -> _Line | None:
    """Return what a line says, None for one that libvirt doesn't write so, or that has an escaped character."""
    found = _LINE.fullmatch(line)
    if found is None:
        return None
    end, tag, attributes, *_, empty, text = found.groups()
    named = _ATTRIBUTE.findall(attributes)
    if len(dict(named)) < len(named) or (end and (named or empty or text)):
        return None
    return _Line(tag, dict(named), text, is_end=bool(end), is_open=not (end or empty or text))
