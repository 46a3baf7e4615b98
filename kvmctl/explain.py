"""What a field of a manifest is, told from its row alone: the answer to `kvmctl explain`."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kvmctl import wording
from kvmctl.codec import Choice
from kvmctl.errors import KvmctlError
from kvmctl.fields import Model, Row, Source, deciding, rows
from kvmctl.models import PROFILE, WRITTEN, Kind
from kvmctl.models.metadata import Metadata

if TYPE_CHECKING:
    from collections.abc import Sequence

_INDEX: Final = re.compile(r"\[[^\]]*\]")
OLDEST: Final = "9.0"
"""The oldest libvirt that kvmctl is made for; what it has needs no version."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a group, in a line: its name, its type in words, and what it means."""

    name: str
    type: str
    required: bool
    doc: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """All that kvmctl knows of one field, in words; '' where there is nothing to say.

    `path` is how a user addresses it (`vm.disks.cache`), `accepts` what to write, `unit` what a bare number
    counts, `initial` the value on creation when the manifest is silent and `initial_from` who gives it, `place` the
    path in libvirt's XML from its root element, or where else the value lives. `update` is the word of
    `kvmctl.fields.Update` ('' for a whole kind) and `disturbs` says the same as a sentence; `live` is the call by which
    a running guest takes it, with the conditions. `null` is whether null takes the value away. `only_with` are the
    types of device that have the field, if not all of them. `fields` are those below a group.
    """

    path: str
    type: str
    doc: str
    accepts: str = ""
    values: tuple[str, ...] = ()
    unit: str = ""
    initial: str = ""
    initial_from: str = ""
    null: bool = False
    required: bool = False
    refers: str = ""
    keys: str = ""
    place: str = ""
    update: str = ""
    disturbs: str = ""
    live: str = ""
    reason: str = ""
    since: str = ""
    only_with: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    fields: tuple[Field, ...] = ()


def find(path: str) -> Explanation:
    """Return what there is to say of a path: `vm`, `vm.disks.cache`, `VirtualMachine.spec.disks[0].cache`.

    Kinds are found by any of their names, whatever the case; a leading `spec` and list indexes are ignored.
    Raises KvmctlError for a path that leads nowhere, with the nearest name and the fields that there are.
    """
    parts = [part for part in _INDEX.sub("", path).strip(" .").split(".") if not part.isdecimal()]
    kind = _kind(parts[0] if parts else "")
    names = parts[2:] if len(parts) > 1 and parts[1].lower() == "spec" else parts[1:]
    if kind is PROFILE and len(names) > 1 and names[0].lower() in rows(kind.model):
        return find(".".join(names))  # the fields of a part are those of its kind
    if names and names[0].lower() == wording.METADATA.yaml:
        return explain_row(kind, wording.METADATA, *_walk(Metadata, names[1:], f"{kind.short}.metadata"))
    return explain_row(kind, *_walk(kind.model, names, kind.short)) if names else _explain_kind(kind)


def _kind(word: str) -> Kind:
    kinds = {name: kind for kind in WRITTEN for name in (*kind.words, kind.name.lower())}
    if word.lower() in kinds:
        return kinds[word.lower()]
    near = difflib.get_close_matches(word.lower(), kinds, n=1, cutoff=0.5)
    guess = f"did you mean {kinds[near[0]].short}? " if near else ""
    raise KvmctlError(f"there is no kind {word!r}", f"{guess}The kinds are {', '.join(kind.short for kind in WRITTEN)}")


def _walk(model: type[Model] | None, names: Sequence[str], here: str) -> list[Row]:
    """Return the rows on the way to a field, outermost first; `here` is the path of the model."""
    trail: list[Row] = []
    for name in names:
        if model is None:
            raise KvmctlError(f"{here} is a single value and has no field {name!r}", f"see `kvmctl explain {here}`")
        trail.append(_row(model, name, here))
        model = trail[-1].model
        here = f"{here}.{trail[-1].yaml}"
    return trail


def _row(model: type[Model], name: str, here: str) -> Row:
    """Return the row of a name, written in whatever case; `here` is the path so far, for the message."""
    known = {yaml.lower(): row for yaml, row in rows(model).items()}
    if name.lower() in known:
        return known[name.lower()]
    near = difflib.get_close_matches(name.lower(), known, n=1)
    guess = f"did you mean {here}.{known[near[0]].yaml}? " if near else ""
    raise KvmctlError(f"{here} has no field {name!r}", f"{guess}Its fields are {', '.join(rows(model))}")


def _explain_kind(kind: Kind) -> Explanation:
    return Explanation(
        path=kind.short,
        type=f"kind {kind.name}",
        doc=wording.summary(kind.model),
        place=kind.element or "nowhere: it exists in manifests alone",
        fields=(_field(wording.METADATA), *_fields(kind.model)),
    )


def explain_row(kind: Kind, *trail: Row) -> Explanation:
    """Return the explanation of the last of the rows that lead to it from its kind."""
    row = trail[-1]
    return Explanation(
        path=".".join([kind.short, *(each.yaml for each in trail)]),
        type=wording.type_words(row),
        doc=row.doc,
        accepts=wording.accepts(row),
        values=row.codec.values if row.model is None and isinstance(row.codec, Choice) else (),
        unit=wording.unit(row),
        initial=wording.initial(row),
        initial_from=wording.initial_from(row) if wording.initial(row) else "",
        null=row.source is Source.XML and not row.required,
        required=row.required,
        refers=row.refers,
        keys=wording.keys(row),
        place=wording.place(kind, trail),
        update=deciding(trail).update.value,
        disturbs=wording.disturbs(kind, trail),
        live=wording.live_words(trail),
        reason=row.reason,
        since=wording.since(trail) or (OLDEST if row.source is not Source.POLICY else ""),
        only_with=row.types,
        examples=tuple(wording.value(row, each) for each in row.examples),
        fields=_fields(row.model, part=row.part) if row.model else (),
    )


def _fields(model: type[Model], *, part: bool = False) -> tuple[Field, ...]:
    return tuple(_field(row, part=part) for row in rows(model).values())


def _field(row: Row, *, part: bool = False) -> Field:
    return Field(row.yaml, wording.type_words(row), row.required and not part, row.doc)


def lines(explanation: Explanation) -> list[str]:
    """Return the explanation as plain lines: a heading, the meaning, the facts, the fields below."""
    kind = f"{explanation.type}, required" if explanation.required else explanation.type
    out = [f"{explanation.path}  ({kind})", f"    {explanation.doc}", ""]
    facts = _facts(explanation)
    width = max((len(name) for name, _ in facts), default=0)
    out += [f"{name:<{width}}  {words}" for name, words in facts]
    if explanation.fields:
        out += ["", "fields", *_field_lines(explanation.fields)]
    return out


def _facts(explanation: Explanation) -> list[tuple[str, str]]:
    """Return the (name, words) of all that there is to say besides the meaning."""
    initial = f"{explanation.initial}  ({explanation.initial_from})" if explanation.initial else ""
    facts = [
        ("write", _write(explanation)),
        ("bare number", explanation.unit),
        ("names a", explanation.refers),
        ("matched by", explanation.keys or ("their order" if explanation.type == "list of objects" else "")),
        ("only with", f"type {', '.join(explanation.only_with)}" if explanation.only_with else ""),
        ("on creation", initial),
        ("null", "must not be there" if explanation.null else ""),
        ("libvirt", explanation.place),
        ("a change", _change(explanation)),
        ("since", _since(explanation.since)),
        ("examples", ", ".join(explanation.examples)),
    ]
    return [(name, words) for name, words in facts if words]


def _write(explanation: Explanation) -> str:
    """Return what to write at a field, around what each value of it has to be."""
    kind, each = explanation.type, explanation.accepts
    if kind.startswith("list of "):
        return f"a list, each item {each}" if each else "a list, each item with the fields below"
    if kind.startswith("map of "):
        return f"a mapping of names, each to {each}"
    return each or ("the fields below" if explanation.update else "")


def _since(version: str) -> str:
    return f"every libvirt from {version} on" if version == OLDEST else f"libvirt {version}" if version else ""


def _change(explanation: Explanation) -> str:
    """Return the update's word with what stands behind it: the reason of a refusal, else what it disturbs."""
    words = explanation.reason or explanation.disturbs
    return f"{explanation.update}: {words}" if explanation.update else ""


def _field_lines(fields: Sequence[Field]) -> list[str]:
    names = [f"{field.name}*" if field.required else field.name for field in fields]
    left, middle = max(map(len, names)), max(len(field.type) for field in fields)
    shown = [
        f"  {name:<{left}}  {field.type:<{middle}}  {field.doc}" for name, field in zip(names, fields, strict=True)
    ]
    return [*shown, "  * required"] if any(field.required for field in fields) else shown
