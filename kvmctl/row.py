"""What a field's declaration says: one row, with all that kvmctl knows of the field."""

from __future__ import annotations

import dataclasses
from enum import Enum, StrEnum
from typing import Any, Final

from kvmctl.codec import Codec, Text


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
    nested: bool = False
    implies: tuple[tuple[str, str], ...] = ()
    clears: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    xml_unit: str = "KiB"
    examples: tuple[object, ...] = ()
