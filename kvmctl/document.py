"""Plain documents (dicts, lists, scalars) ↔ models: the quick way for what is valid; `schema` explains what isn't."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, Final, TypeVar, cast

from kvmctl.fields import UNSET, Model, Row, Shape, camel, make, rows, stated

M = TypeVar("M", bound=Model)
_MOST_REMEMBERED: Final = 1024
_WORDS: Final = (str, int, bool)
Decode = Callable[[object], Any]


class Mismatch(ValueError):  # noqa: N818 - it is caught and explained by `schema`, never shown
    """The document isn't one of the model; `schema.problems` finds out where and why."""


def decode(model: type[M], document: object, *, part: bool = False) -> M:
    """Return the model that a document stands for; with `part` it may lack required fields, outside of lists.

    Omitted fields are UNSET and null ones None. Raises Mismatch on the first thing that doesn't fit.
    """
    kind: Any = model
    try:
        return cast("M", _decoder(kind, part)(document))
    except Mismatch:
        raise
    except ValueError as error:  # a codec's
        raise Mismatch from error


def demands(model: type[Any]) -> bool:
    """Say whether a model requires a field, itself or in a group; a list of items is no group."""
    return any(row.required or (row.shape is Shape.MODEL and demands(row.model)) for row in rows(model).values())  # type: ignore[arg-type]


@cache
def _decoder(model: type[Any], part: bool) -> Decode:
    """Return the compiled reader of a model's documents."""
    fields = {name: (row.name, _row_decoder(row, part=part or row.part)) for name, row in rows(model).items()}
    required = frozenset(row.name for row in rows(model).values() if row.required)
    short = tuple(camel(name) for name in model.short)

    def read(document: object) -> Model:
        if type(document) is not dict:
            if not short or document is None:
                raise Mismatch
            document = dict.fromkeys(short, document)
        given = {}
        for name, value in document.items():
            if name not in fields:
                raise Mismatch
            attribute, read_row = fields[name]
            given[attribute] = None if value is None else read_row(value)
        for name in required:
            if given.get(name) is None and (name in given or not part):
                raise Mismatch
        made: Model = make(model, given)
        return made

    return read


def _row_decoder(row: Row, *, part: bool) -> Decode:
    """Return the reader of one row's value."""
    match row.shape:
        case Shape.SCALAR | Shape.DOCUMENT:
            return _scalar(row)
        case Shape.SCALARS:
            return _list_of(_scalar(row))
        case Shape.MODEL:
            held = cast("type[Model]", row.model)
            return _lazy(held, part=part and demands(held))
        case Shape.MODELS:
            return _list_of(_lazy(cast("type[Model]", row.model), part=False))
        case Shape.MAP:
            return _map_of(_scalar(row))


def _lazy(model: type[Model], *, part: bool) -> Decode:
    """Return a reader that compiles its model on first use, so that `validate` pays only for what occurs.

    It remembers: words, and documents that come again as the same object, as equal lines of manifests do.
    """
    kind: Any = model
    words: dict[tuple[type, object], Model] = {}
    documents: dict[int, tuple[object, Model]] = {}  # each held, so that its identity isn't given to another

    def read(value: object) -> Model:
        if type(value) is dict:
            held = documents.get(id(value))
            if held is None:
                held = value, _decoder(kind, part)(value)
                if len(documents) < _MOST_REMEMBERED:
                    documents[id(value)] = held
            return held[1]
        if type(value) not in _WORDS:
            return cast("Model", _decoder(kind, part)(value))
        found = words.get((type(value), value))
        if found is None:
            found = _decoder(kind, part)(value)
            if len(words) < _MOST_REMEMBERED:
                words[type(value), value] = found
        return found

    return read


def _scalar(row: Row) -> Decode:
    """Return the codec's reader, with a memory: of a thousand machines nearly all say the same few words."""
    parse = row.codec.parse
    known: dict[str, Any] = {}

    def read(value: object) -> Any:
        if type(value) is not str:
            return parse(value)
        found = known.get(value)
        if found is None:
            found = parse(value)
            if len(known) < _MOST_REMEMBERED:
                known[value] = found
        return found

    return read


def _list_of(item: Decode) -> Decode:
    def read(value: object) -> tuple[Any, ...]:
        if type(value) is not list:
            raise Mismatch
        return tuple([item(each) for each in value])

    return read


def _map_of(item: Decode) -> Decode:
    def read(value: object) -> dict[str, Any]:
        if type(value) is not dict or any(type(name) is not str for name in value):
            raise Mismatch
        return {name: item(each) for name, each in value.items()}

    return read


def encode(instance: Model) -> dict[str, Any]:
    """Return the document of a model, as a person would write it: camelCase, sizes with units, nothing unstated."""
    given = stated(instance)
    table = rows(type(instance)).items()
    return {name: encode_value(row, given[row.name]) for name, row in table if row.name in given}


def encode_said(item: Model) -> dict[str, Any]:
    """Return a model's document without what is absent, for showing it whole."""
    return encode(_pruned(item))


def _pruned(item: M) -> M:
    """Return a model without what is absent, at every depth, and without values that silence says just as well."""
    given = {}
    for row in rows(type(item)).values():
        value = getattr(item, row.name)
        if isinstance(value, Model):
            group = _pruned(value)
            value = group if group.__dict__ or type(group).whole else None
        elif row.shape is Shape.MODELS:
            value = tuple(_pruned(each) for each in value or ())
        if value not in (UNSET, None, (), row.absent):
            given[row.name] = value
    return make(type(item), given)


def encode_value(row: Row, value: Any) -> Any:
    """Return one row's value as a document holds it."""
    if value is None:
        return None
    match row.shape:
        case Shape.SCALAR | Shape.DOCUMENT:
            return row.codec.dump(value)
        case Shape.SCALARS:
            return [row.codec.dump(item) for item in value]
        case Shape.MODEL:
            return _shortest(value)
        case Shape.MODELS:
            return [_shortest(item) for item in value]
        case Shape.MAP:
            return {name: row.codec.dump(item) for name, item in value.items()}


def _shortest(instance: Model) -> Any:
    """Return the bare scalar where the model has a short form and it says everything."""
    document = encode(instance)
    short = tuple(camel(name) for name in type(instance).short)
    values = [document.get(name) for name in short]
    if values and len(document) == len(short) and values[0] is not None and values.count(values[0]) == len(values):
        return values[0]
    return document
