"""Those parts of libvirt's XML that a mask asks for, parsed without the rest: most of a domain is its controllers."""

from __future__ import annotations

from collections import defaultdict
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast
from xml.etree.ElementTree import Element, fromstring

from kvmctl.fields import Model, Row, Shape, Source, rows
from kvmctl.parsing import parse
from kvmctl.xmlio.lines import assemble
from kvmctl.xmlio.places import split

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# libvirt writes an element a line and indents each level by two spaces more (util/virbuffer.c). The one exception is
# what users put into <metadata>, which is kept as it stands.
_INDENT: Final = "  "
_METADATA: Final = "metadata"


def parse_excerpt(text: str, model: type[Model], mask: Model, *also: str) -> Element:
    """Return the root element of libvirt's XML with what `read` needs for the fields that the mask states.

    `also` are more places that are needed. Where a partial document is stated, which may name any place, and where the
    text isn't indented as libvirt does it, all is parsed.
    """
    asked = _asked(cast("Any", model), tuple(mask.__dict__), also)
    head, end = text.find("\n"), text.rfind("\n</")
    if asked is None or not text.startswith(f"{_INDENT}<", head + 1):
        return parse(text)
    body = _without_metadata(text[head:end])
    pieces = [text[:head]]
    for holder, tags in asked.holders:
        before, found, rest = body.partition(f"\n{_INDENT}<{holder}>")
        within, closing, after = rest.partition(f"\n{_INDENT}</{holder}>")
        if closing:
            pieces += [found, *_elements(within, f"\n{_INDENT * 2}<", tags), closing]
            body = before + after
    pieces += [*_elements(body, f"\n{_INDENT}<", asked.tags), text[end:]]
    excerpt = "".join(pieces)
    root = assemble(excerpt)
    return fromstring(excerpt) if root is None else root


def _elements(text: str, start: str, tags: tuple[str, ...]) -> list[str]:
    """Return the parts of a text that are elements with these tags, start tags with their content, and end tags."""
    return [start + part for part in text.split(start) if part.startswith(tags)]


def _without_metadata(body: str) -> str:
    """Return the text without its metadata: what users have there may look like anything."""
    before, found, rest = body.partition(f"\n{_INDENT}<{_METADATA}>")
    return before + rest.rpartition(f"\n{_INDENT}</{_METADATA}>")[2] if found else body


class _Asked(NamedTuple):
    """What is asked for, as beginnings of tags: elements right below the root, and those below a holder by its tag."""

    tags: tuple[str, ...]
    holders: tuple[tuple[str, tuple[str, ...]], ...]


@cache
def _asked(model: type[Any], names: tuple[str, ...], also: tuple[str, ...]) -> _Asked | None:
    """Return what the fields of those names ask for, None for all; machines that state the same share one answer."""
    whole: set[str] = set()
    held: defaultdict[str, set[str]] = defaultdict(set)
    stated = [row for row in rows(model).values() if row.name in names]
    if any(row.shape is Shape.DOCUMENT for row in stated):
        return None
    for place in (*_places(stated), *also):
        steps = split(place)[0]
        first, *deeper = (step.tag for step in steps)
        if first.startswith("{"):
            return None  # the text has a prefix of its own for the namespace
        if deeper and not steps[0].attribute:  # a holder is sought without attributes, and there may be several
            held[first].add(deeper[0])
        else:
            whole.update(first.split("|"))
    holders = tuple((tag, _beginnings(tags)) for tag, tags in sorted(held.items()) if tag not in whole)
    return None if _METADATA in {*whole, *held} else _Asked(_beginnings(whole), holders)


def _places(stated: Iterable[Row]) -> Iterator[str]:
    """Yield the places below the root at which the rows look."""
    for row in stated:
        if row.source is not Source.XML:
            continue
        if row.shape is Shape.MODEL and row.model and not split(row.place)[0]:
            yield from _places(rows(row.model).values())
        yield from (place for place in (row.place, row.also, row.fallback) if place and split(place)[0])


def _beginnings(tags: set[str]) -> tuple[str, ...]:
    """Return how the tags of elements with these names go on after their `<`."""
    return tuple(form for tag in sorted(tags) for form in (f"{tag}>", f"{tag} ", f"{tag}/", f"/{tag}>"))
