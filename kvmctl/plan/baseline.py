"""What changed since the last apply in fields that a manifest leaves alone: the definition of then beside now's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from kvmctl import xmlio
from kvmctl.change import Change
from kvmctl.diff import diff, flat_text
from kvmctl.fields import UNSET, Model, Shape, key_of, rows
from kvmctl.models import BY_SHORT
from kvmctl.models.vm import VirtualMachine
from kvmctl.ownership import remembered
from kvmctl.plan.vm import rekeyed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from xml.etree.ElementTree import Element

    from kvmctl.inventory import Live, Resource

_DOCUMENT: Final = "xml"


def changed_since(want: Resource, have: Resource) -> tuple[Change, ...]:
    """Return what is otherwise than the mark remembers it, but for what the manifest states; `before` is of then.

    Places beyond the fields are told as those of `spec.xml`.
    """
    live = cast("Live", have.live)
    former = remembered(live.mark) if live.mark else ""
    if not former or former == live.xml:
        return ()
    model = BY_SHORT[want.address.kind].model
    then, now = xmlio.parse(former), xmlio.parse(live.xml)
    before, after = xmlio.read(model, then), xmlio.read(model, now)
    found = [*diff(before, after), *_beyond(then, now, after)]
    if isinstance(after, VirtualMachine):
        found = [rekeyed(change, after, cast("VirtualMachine", want.spec)) for change in found]
    return tuple(change for change in found if not states(want.spec, change.path))


def _beyond(then: Element, now: Element, after: Model) -> Iterator[Change]:
    """Yield what differs in places that no field is for: what is left once now's fields are written into `then`."""
    xmlio.write(then, after)
    before, places = xmlio.flat(then), xmlio.flat(now)
    row = rows(type(after))[_DOCUMENT]
    for place in dict.fromkeys((*places, *before)):
        if before.get(place) != places.get(place):
            yield Change((_DOCUMENT, f"[{place}]"), before.get(place), places.get(place), row)


def states(spec: Model, path: tuple[str, ...]) -> bool:
    """Say whether a spec states what is at the path of a change, or anything in it."""
    row = rows(type(spec))[path[0]]
    value: Any = getattr(spec, row.name)
    if value is UNSET:
        return False
    if len(path) == 1 or value is None:
        return True
    match row.shape:
        case Shape.MODEL:
            return states(value, path[1:])
        case Shape.MODELS:
            return len(path) == 2 or _item_states(value, path[1], path[2:])  # noqa: PLR2004 - the list and the item
        case Shape.DOCUMENT:
            return path[1] in flat_text(value)
        case _:
            return True


def _item_states(items: tuple[Model, ...], key: str, path: tuple[str, ...]) -> bool:
    """Say whether that one of a list's items states what is at a path; one that isn't listed is the list's matter."""
    at = next((at for at, item in enumerate(items) if key == f"[{key_of(item)[1] or at}]"), None)
    return at is None or states(items[at], path)
