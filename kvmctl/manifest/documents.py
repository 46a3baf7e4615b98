"""Documents: where each one starts in a file, and how its envelope makes a resource of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from kvmctl.document import Mismatch, decode
from kvmctl.fields import known
from kvmctl.inventory import Address, Origin, Resource
from kvmctl.models import BY_NAME, PROFILE
from kvmctl.models.metadata import Metadata

if TYPE_CHECKING:
    from collections.abc import Iterator

API_VERSION: Final = "kvmctl/v1"
LIST: Final = "List"
PROFILES: Final = "profiles"
_FIELDS: Final = {"apiVersion", "kind", "metadata", "spec"}
# A line that starts with --- or ... ends the document even within a quoted or a block scalar
# (yaml.org/spec/1.2.2, section 9.1.2), so that documents can be told apart without parsing them.
_BOUNDARY: Final = re.compile(r"^(?=---(?:\s|$))|^\.\.\.(?=\s|$)", re.MULTILINE)


def split(text: str, file: str) -> Iterator[Origin]:
    """Yield the place and text of each document that holds more than a marker or spaces."""
    line = 1
    for part in _BOUNDARY.split(text):
        if part and not part.isspace():
            yield Origin(file, line, part)
        line += part.count("\n")


def resource(document: Any, origin: Origin) -> Resource:
    """Return the resource of a document; raises Mismatch on the first thing that doesn't fit."""
    if type(document) is not dict or document.keys() != _FIELDS or document["apiVersion"] != API_VERSION:
        raise Mismatch
    name = document["kind"]
    kind = BY_NAME.get(name) if type(name) is str else None
    if kind is None:
        raise Mismatch
    metadata, spec = decode(Metadata, document["metadata"]), document["spec"]
    # What is required may come from a profile: `profiles` looks again when all of them are read.
    has_profiles = type(spec) is dict and type(spec.get(PROFILES)) is list
    return Resource(
        Address(kind.short, str(metadata.name)),
        decode(kind.model, spec, part=has_profiles),
        known(metadata.labels) or {},
        known(metadata.annotations) or {},
        origin,
    )


def concerns_profiles(found: Resource) -> bool:
    """Say whether something is a profile or names some."""
    return type(found.spec.__dict__.get(PROFILES)) is tuple or found.address.kind == PROFILE.short
