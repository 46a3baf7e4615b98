"""Rules of `spec.xml`, the partial libvirt document of any kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kvmctl.fields import UNSET, Model, known
from kvmctl.models import KINDS
from kvmctl.rules.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

_FIELD: Final = ("spec", "xml")
_ELEMENTS: Final = {kind.model: kind.element for kind in KINDS}


def document(spec: Model) -> Iterator[Finding]:
    """Refuse a document that isn't XML, isn't one of the kind, or says what a field of the spec says otherwise."""
    text = known(spec.__dict__.get("xml", UNSET))
    if not isinstance(text, str):
        return
    wrong = list(_malformed(text, _ELEMENTS[type(spec)]))
    yield from wrong or _contradictions(spec)


def _malformed(text: str, element: str) -> Iterator[Finding]:
    import xml.etree.ElementTree as ET
    from xml.parsers.expat import ErrorString

    if "<!" in text.replace("<!--", ""):
        yield Finding(_FIELD, "a document type or CDATA has no place here", "write plain elements")
        return
    try:
        root = ET.fromstring(text)
    except ET.ParseError as error:
        line, column = error.position
        message = f"not XML: {ErrorString(error.code)} in its line {line}, column {column + 1}"
        yield Finding(_FIELD, message, "correct it there")
        return
    if root.tag != element:
        hint = f"write <{element}> around what belongs to the {element}"
        yield Finding(_FIELD, f"the document is a <{root.tag}>", hint)
    elif any(each.get("passwd") is not None for each in root.iter()):
        yield Finding(_FIELD, "a password has no place in a manifest", "write password: {env: NAME} in the graphics")
    elif root.find("name") is not None:
        yield Finding(_FIELD, "the name is metadata.name's", "take <name> away")


def _contradictions(spec: Model) -> Iterator[Finding]:
    from kvmctl import xmlio

    for row in xmlio.contradicted(spec, _ELEMENTS[type(spec)]):
        hint = f"say it in one of them; spec.{row.yaml} comes first"
        yield Finding(_FIELD, f"it says otherwise than spec.{row.yaml}", hint)
