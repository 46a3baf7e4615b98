"""What a field's declaration says, and the row that it becomes, with all that kvmctl knows of the field."""

from __future__ import annotations

import dataclasses
from enum import Enum, StrEnum
from typing import TYPE_CHECKING, Any, Final

from kvmctl.codec import Codec, Document, Text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvmctl.live import LiveCall, When


class Unset(Enum):
    """The type of UNSET."""

    UNSET = "unset"

    def __repr__(self) -> str:
        return "UNSET"

    def __bool__(self) -> bool:
        return False


UNSET: Final = Unset.UNSET
"""What the manifest doesn't say: not managed, left alone, no difference. None is different: must not be there."""


class Update(StrEnum):
    """How a change of a field takes effect; the values are the words of the reference pages."""

    NONE = "none"  # nothing that runs can notice
    LIVE = "live"  # changed in the running guest by a mild call, and in the definition
    REPLUG = "replug"  # a property of a device: the device would have to be unplugged and plugged again
    NEXT_BOOT = "next-boot"  # changed in the definition, effective at the next start
    INTERRUPT = "interrupt"  # the guest is paused, or its network cut, for a moment
    RESTART = "restart"  # the guest goes down
    REFUSED = "refused"  # kvmctl can't or won't; `reason` says what to do


class Shape(StrEnum):
    """What a row holds."""

    SCALAR = "scalar"
    SCALARS = "scalars"
    MODEL = "model"
    MODELS = "models"
    MAP = "map"
    DOCUMENT = "document"


class Source(StrEnum):
    """Where the live value of a row comes from."""

    XML = "xml"  # libvirt's XML
    STATE = "state"  # a libvirt call beside the XML: power state, autostart
    POLICY = "policy"  # nowhere: it steers kvmctl


PLAIN: Final = Text()
"""The codec of rows that state none: the type of the field decides."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Everything that kvmctl knows of one field."""

    name: str = ""
    yaml: str = ""
    shape: Shape = Shape.SCALAR
    source: Source = Source.XML
    place: str = ""
    codec: Codec[Any] = PLAIN
    model: type[Any] | None = None
    update: Update = Update.NEXT_BOOT
    live: LiveCall | None = None
    when: tuple[When, ...] = ()
    parameter: str = ""
    doc: str = ""
    reason: str = ""
    since: str = ""
    required: bool = False
    part: bool = False
    refers: str = ""
    loose: bool = False
    initial: object = UNSET
    default: object = UNSET
    absent: object = None
    unsaid: object = UNSET
    also: str = ""
    fallback: str = ""
    volatile: bool = False
    left_open: tuple[object, ...] | None = None
    nested: bool = False
    section: str = ""
    implies: tuple[tuple[str, str], ...] = ()
    clears: tuple[str, ...] = ()
    echo: str = ""
    types: tuple[str, ...] = ()
    xml_unit: str = "KiB"
    examples: tuple[object, ...] = ()


class Declaration(dict[str, Any]):
    """What a declaration says of a field, kept as it was said: most runs need the rows of few models."""


def deciding(trail: Sequence[Row]) -> Row:
    """Return the row that says how a change takes effect: the last one, or a group or list around it.

    That is a live group; a list whose items are updated while a network runs; and where the last one would wait for the
    next start, a group of a network, all of which takes effect at once when the network is started anew.
    """
    for row in reversed(trail):
        if row.section:
            return row
        if row.live is not None:
            is_around = row is trail[-1] or row.shape is Shape.MODEL
            return row if is_around else trail[-1]
    if trail[-1].update is not Update.NEXT_BOOT:
        return trail[-1]
    is_cut = (row for row in trail if row.update is Update.INTERRUPT and row.source is Source.XML)
    return next(is_cut, trail[-1])


def xml(place: str, *, doc: str, update: Update | None = None, **more: Any) -> Any:
    """Return the declaration of a field that lives in libvirt's XML.

    `place` is a path below the model's element: `driver/@cache` an attribute, `memory` an element's text, `.` the
    model's own element (for groups). `more` takes the other attributes of `Row`: `codec`, `required`, `refers` (the
    kind of resource that the value names), `loose` (libvirt looks the name up at the start only, so that it may lead
    nowhere before), `initial` (what kvmctl writes on creation when the manifest is silent), `default` (what libvirt
    then fills in by itself, on whatever host), `absent` (what a missing place stands for), `unsaid` (the same where
    libvirt keeps such a value if it is said), `also` (a second place where libvirt may keep the value), `fallback` (a
    place that gives the value while this one is missing), `volatile` (libvirt fills it in while the object runs, so
    that it is no difference then), `left_open` (the same, but only where the definition has no value, or one of these),
    `implies` (attributes that are set along), `clears` (places that are emptied first), `echo` (the list to which
    libvirt adds items because of this one's, of which it makes this one's again), `nested` (each item of a list is
    within the one before), `section` (what virNetworkUpdate calls a list whose items it changes while the network
    runs), `types` (the words of the element's own `type` with which the place means this field), `since` (a libvirt
    version), `live` (the call by which a running guest takes a change; of a group also one of the fields within),
    `when` (the conditions for that), `parameter` (what that call names the field, where it isn't its place).
    """
    how = update or (Update.LIVE if "live" in more else Update.NEXT_BOOT)
    return Declaration(place=place, doc=doc, update=how, **more)


def state(*, doc: str, update: Update = Update.NONE, **more: Any) -> Any:
    """Return the declaration of a field that libvirt keeps outside the XML: power state, autostart, activity."""
    return Declaration(source=Source.STATE, doc=doc, update=update, **more)


def policy(*, doc: str, update: Update | None = None, **more: Any) -> Any:
    """Return the declaration of a field that steers kvmctl and that libvirt never sees.

    With `part` the model in it may lack fields that are required elsewhere.
    """
    how = update or (Update.LIVE if "live" in more else Update.NONE)
    return Declaration(source=Source.POLICY, doc=doc, update=how, **more)


def document(*, doc: str, update: Update = Update.NEXT_BOOT, **more: Any) -> Any:
    """Return the declaration of a field that holds a partial libvirt document, merged onto the model's own element.

    It has to be a model's last row: what it says is written after all other fields.
    """
    return Declaration(place=".", shape=Shape.DOCUMENT, codec=Document(), doc=doc, update=update, **more)
