"""Why a document is refused: jsonschema finds the places, and the rows give the words."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from kvmctl.codec import Data, Size, Text, codec_formats
from kvmctl.fields import Shape
from kvmctl.models import BY_NAME, Kind
from kvmctl.models.secret import SecretValue
from kvmctl.schema import hints
from kvmctl.schema.generate import API_VERSION, json_schema

Path = tuple[str | int, ...]
Shown = Callable[[Path, object], str]

_ENVELOPE: Final = ("apiVersion", "kind", "metadata", "spec")
_LISTS: Final = (Shape.SCALARS, Shape.MODELS)
_LATER: Final = ("Host",)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong at a path of a document; `at_key` when the name is to blame and not the value."""

    path: Path
    message: str
    hint: str = ""
    at_key: bool = False


def _as_json(_path: Path, value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def explain_problems(document: object, shown: Shown = _as_json) -> list[Finding]:
    """Return everything that is wrong with a document, whatever it is; empty when it is valid.

    `shown` gives a value as the user wrote it.
    """
    if not isinstance(document, dict):
        message = (
            f"a manifest is a mapping with {', '.join(_ENVELOPE[:-1])} and spec, and this is {shown((), document)}"
        )
        return [Finding((), message, "write name: value, one in a line")]
    found = list(_envelope(document, shown))
    kind = BY_NAME.get(document["kind"]) if isinstance(document.get("kind"), str) else None
    if kind is None:
        return found
    blamed = {finding.path for finding in found}
    for error in _validator(kind).iter_errors(document):
        found += [finding for finding in _translate(error, kind, shown) if finding.path[:1] not in blamed]
    return list({(finding.path, finding.message): finding for finding in found}.values())


def _envelope(document: dict[str, Any], shown: Shown) -> Iterator[Finding]:
    """Yield what is wrong with the fields that every manifest has, before its kind is known."""
    for name in document:
        if name not in _ENVELOPE:
            yield Finding((name,), f'unknown field "{name}"', hints.field(name, _ENVELOPE, None), at_key=True)
    for name in _ENVELOPE:
        if name not in document:
            yield Finding((), f"{name} is missing", hints.MISSING[name], at_key=True)
    if "apiVersion" in document and document["apiVersion"] != API_VERSION:
        seen = shown(("apiVersion",), document["apiVersion"])
        yield Finding(("apiVersion",), f"{seen} is not the version that kvmctl reads", hints.MISSING["apiVersion"])
    if "kind" in document and document["kind"] not in list(BY_NAME):
        kind = document["kind"]
        seen = shown(("kind",), kind)
        message = f"the kind {seen} can't be managed yet" if kind in _LATER else f"{seen} is not a kind"
        yield Finding(("kind",), message, hints.kind(kind))


def _translate(error: Any, kind: Kind, shown: Shown) -> Iterator[Finding]:
    """Yield jsonschema's error in kvmctl's words."""
    path = tuple(error.absolute_path)
    match error.validator:
        case "anyOf":
            yield from _branch(error, kind, shown)
        case "additionalProperties":
            model = hints.model_at(kind, path)
            known = list(error.schema["properties"])
            for name in error.instance:
                if name not in known:
                    hint = hints.field(name, known, model if path else None, kind.model)
                    yield Finding((*path, name), f'unknown field "{name}"', hint, at_key=True)
        case "required":
            for name in error.validator_value:
                if name not in error.instance:
                    yield Finding(path, f"{name} is missing", hints.missing(kind, (*path, name)), at_key=True)
        case "propertyNames" | "const":
            yield Finding(path, "a name here is not text", "put it in quotes")
        case _:
            yield _value(path, error.instance, kind, shown)


def _branch(error: Any, kind: Kind, shown: Shown) -> Iterator[Finding]:
    """Yield the errors of the alternative that was meant: a mapping is the long form, anything else the short one."""
    if isinstance(error.instance, dict):
        for inner in error.context:
            if inner.schema_path[0] == 0:
                yield from _translate(inner, kind, shown)
    else:
        yield _value(tuple(error.absolute_path), error.instance, kind, shown)


def _value(path: Path, value: object, kind: Kind, shown: Shown) -> Finding:
    row = hints.row_at(kind, path)
    # A passphrase that somebody wrote there must not get into the log of a CI job.
    is_hidden = row is not None and (row.model is SecretValue or isinstance(row.codec, Data))
    seen = "what is written there" if is_hidden else shown(path, value)
    if row is None:
        message = "is empty" if value is None else f"{seen} is not a mapping"
        return Finding(path, message, "write its fields below it, indented, or {} for none")
    if value is None:
        return Finding(path, "must have a value", f"write {hints.expects(row, path, 'or')}")
    if type(value) is str and not _fits(Text(), value):
        return Finding(path, f"{seen} holds a character that libvirt's XML can't carry", "take it away")
    bare = row.model is not None and row.model.short and not isinstance(value, dict | list)
    expected = hints.scalar_codec(row).expects if bare else hints.expects(row, path)
    if row.shape in _LISTS and not isinstance(path[-1], int):
        expected = "a list"
    return Finding(path, f"{seen} is not {expected}", hints.value(row, path, value, seen))


@cache
def _validator(kind: Kind) -> Any:
    """Return the validator of a kind's documents; formats, patterns and types are judged as the codecs judge them."""
    import jsonschema

    draft = jsonschema.Draft202012Validator
    checker = draft.TYPE_CHECKER.redefine("integer", lambda _, value: type(value) is int)
    checker = checker.redefine("string", lambda _, value: _fits(Text(), value))
    judges = {"format": _format, "pattern": _pattern, "minimum": _minimum}
    extend: Callable[..., Any] = jsonschema.validators.extend
    return extend(draft, judges, type_checker=checker)(json_schema(kind))


def _fits(codec: Any, value: object) -> bool:
    try:
        codec.parse(value)
    except ValueError:
        return False
    return True


def _format(_validator: Any, name: str, value: object, _schema: Any) -> Iterator[Any]:
    from jsonschema import ValidationError

    if value is not None and not _fits(codec_formats()[name], value):
        yield ValidationError(f"not {name}")


def _pattern(_validator: Any, pattern: str, value: object, _schema: Any) -> Iterator[Any]:
    from jsonschema import ValidationError

    # JSON Schema's $ is the very end, as fullmatch has it; Python's own would let a newline follow.
    if type(value) is str and not re.fullmatch(pattern, value):
        yield ValidationError("no match")


def _minimum(_validator: Any, minimum: int, value: object, schema: Any) -> Iterator[Any]:
    from jsonschema import ValidationError

    number = value
    if type(value) is str and schema.get("format") == "kvmctl-size" and _fits(Size(minimum=0), value):
        number = Size(minimum=0).parse(value)
    if type(number) is int and number < minimum:
        yield ValidationError("too small")
