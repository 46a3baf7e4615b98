"""A row in words: its type, default, place in libvirt, what a change disturbs; for explain and reference."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from kvmctl.codec import Codec, Duration, Size, Text
from kvmctl.document import encode_value
from kvmctl.fields import UNSET, Model, Row, Shape, Source, Update, deciding, rows
from kvmctl.models import BY_SHORT
from kvmctl.models.metadata import Metadata

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvmctl.models import Kind

METADATA: Final = Row(
    name="metadata",
    yaml="metadata",
    shape=Shape.MODEL,
    source=Source.POLICY,
    model=Metadata,
    update=Update.NONE,
    required=True,
    doc="Name, labels and annotations of the resource.",
)
"""What stands beside the spec of every kind; told like a field."""

_NOUNS: Final = {
    "vm": "machine",
    "network": "network",
    "disk": "disk",
    "pool": "pool",
    "secret": "secret",
    "nwfilter": "filter",
}
_TYPES: Final = {
    "ip": "IP address",
    "mac": "MAC address",
    "uuid": "UUID",
    "presence": "boolean",
    "machine": "machine type",
    "prefix": "integer",
}


def summary(model: type[Model]) -> str:
    """Return the first line of a model's documentation."""
    return (model.__doc__ or "").strip().splitlines()[0]


def type_words(row: Row) -> str:
    """Return a row's type in a few words: `size`, `list of choice`, `object`, `size or object`."""
    word = _TYPES.get(row.codec.name, row.codec.name)
    short = _short(row)
    return {
        Shape.SCALAR: word,
        Shape.DOCUMENT: word,
        Shape.SCALARS: f"list of {word}",
        Shape.MAP: f"map of {word}",
        Shape.MODEL: f"{type_words(short[0])} or object" if short else "object",
        Shape.MODELS: "list of objects",
    }[row.shape]


def accepts(row: Row) -> str:
    """Return what to write; for a group only its short form, since its fields are told anyway."""
    if row.refers:
        return f"the name of a {BY_SHORT[row.refers].name}"
    if row.model is None:
        return _codec_words(row.codec)
    short = _short(row)
    if not short:
        return ""
    names = " and ".join(each.yaml for each in short)
    return f"its fields, or just {accepts(short[0])}, which sets {names}"


def _short(row: Row) -> list[Row]:
    """Return the rows that a bare scalar at a row stands for; none where it has no short form."""
    return [each for each in rows(row.model).values() if each.name in row.model.short] if row.model else []


def _codec_words(codec: Codec[Any]) -> str:
    """Return what a codec expects, with the pattern of a text that says no more than that it is one."""
    if isinstance(codec, Text) and codec.pattern and codec.expects == Text.expects:
        return f"text that matches `{codec.pattern}`"
    return codec.expects


def keys(row: Row) -> str:
    """Return by which fields the items of a list are matched, `mac, else name`; '' where the order tells."""
    if row.model is None:
        return ""
    names = {each.name: each.yaml for each in rows(row.model).values()}
    return ", else ".join(" and ".join(names[name] for name in key) for key in row.model.keys)


def unit(row: Row) -> str:
    """Return the unit that a bare number has, '' where the type has none."""
    short = _short(row)
    if short or row.model is not None:
        return unit(short[0]) if short else ""
    units = ((Size, "bytes"), (Duration, "seconds"))
    return next((name for codec, name in units if isinstance(row.codec, codec)), "")


def value(row: Row, given: object) -> str:
    """Return a row's value as YAML would hold it on one line."""
    document: Any = encode_value(row, given)
    return document if isinstance(document, str) else json.dumps(document)


def initial(row: Row) -> str:
    """Return the value on creation when the manifest is silent; '' where libvirt decides or there is none."""
    if row.initial is not UNSET:
        return value(row, row.initial)
    if row.default is not UNSET:
        return value(row, row.default)
    missing = row.absent if row.unsaid is UNSET else row.unsaid
    return value(row, missing) if missing is not None else ""


def initial_from(row: Row) -> str:
    """Return who gives a new object that value."""
    if row.initial is not UNSET:
        return "kvmctl writes it" if row.source is Source.XML else "kvmctl takes it"
    return "libvirt fills it in" if row.default is not UNSET else "that is what leaving it out means to libvirt"


def since(trail: Sequence[Row]) -> str:
    """Return the version of libvirt that the last row needs, the newest that it and the groups around it name."""
    return max((row.since for row in trail), key=lambda version: [int(part) for part in version.split(".") if part])


def place(kind: Kind, trail: Sequence[Row]) -> str:
    """Return the path in libvirt's XML of the last row from its root element, or where else the value is."""
    row = trail[-1]
    if row.source is Source.STATE:
        return f"a document of its own, /{row.place}" if row.place else "a state beside the XML"
    if trail[0] is METADATA and row.name == "name" and kind.element:
        return f"{kind.element}/{kind.named}" if kind.named else "the usage's id, or the UUID"
    if any(each.source is Source.POLICY for each in trail):
        return "nowhere: it steers kvmctl"
    root = next((each.place for each in trail if each.source is Source.STATE), kind.element)
    above = "/".join([root, *(each.place for each in trail[:-1] if each.place not in (".", root))])
    places = row.clears if row.place == "." else (row.place, row.also)
    return " or ".join(f"{above}/{each}" for each in places if each) or above


def disturbs(kind: Kind, trail: Sequence[Row]) -> str:
    """Return what a change of the last row disturbs; of a group, that the whole of it comes or goes."""
    row = trail[-1]
    if row.source is Source.POLICY and row.live is None:
        return "is read when kvmctl acts and isn't compared with what exists"
    words = update_words(kind, deciding(trail).update)
    if live := live_words(trail):
        words += f" ({live})"
    if row.shape is Shape.MODELS:
        return f"an item added or removed {words}; a change within one does as its field says"
    if row.shape is not Shape.MODEL:
        return words
    within = "a change within it does as its field says"
    return within if row.required else f"the whole added or removed {words}; {within}"


def live_words(trail: Sequence[Row]) -> str:
    """Return by which call a running guest takes a change of the last row, and when; '' where it takes none."""
    row = deciding(trail)
    if row.live is None:
        return ""
    return "; ".join([f"virsh {row.live.value}", *(when.value for when in row.when)])


def update_words(kind: Kind, update: Update) -> str:
    """Return what a change with this update does to an object of the kind, as the end of a sentence."""
    noun = _NOUNS[kind.short]
    user = f"a guest next starts with the {noun}" if noun == "disk" else f"the {noun} next starts"
    place = "under a running guest too" if noun == "disk" else f"in a running {noun} too"
    return {
        Update.NONE: "disturbs nothing that runs",
        Update.LIVE: f"takes effect at once, {place}",
        Update.REPLUG: "would need the device plugged anew; takes effect when the machine next starts",
        Update.NEXT_BOOT: f"takes effect when {user}",
        Update.INTERRUPT: f"cuts off for a moment what uses the {noun}",
        Update.RESTART: f"takes the {noun} down",
        Update.REFUSED: "is refused",
    }[update]
