"""JSON Schemas (draft 2020-12) of whole manifests, made from the rows, for editors and for explaining."""

from __future__ import annotations

import inspect
from functools import cache
from typing import Any, Final, cast

from kvmctl.document import demands
from kvmctl.fields import UNSET, Model, Row, Shape, rows
from kvmctl.models import WRITTEN, Kind
from kvmctl.models.metadata import Metadata
from kvmctl.models.profiled import Profiled

API_VERSION: Final = "kvmctl/v1"
_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_NULL: Final = {"type": "null"}

Schema = dict[str, Any]


@cache
def json_schema(kind: Kind) -> Schema:
    """Return the JSON Schema of one kind's manifests, envelope included; its `$defs` hold a schema for each model."""
    return {
        "$schema": _DIALECT,
        "$id": f"urn:kvmctl:v1:{kind.name}",
        **_manifest(kind),
        "$defs": _definitions(Metadata, kind.model),
    }


@cache
def combined() -> Schema:
    """Return one JSON Schema for the manifests of all kinds; `kind` decides which part judges a document."""
    choices = [
        {
            "if": {"properties": {"kind": {"const": kind.name}}, "required": ["kind"]},
            "then": {"$ref": f"#/$defs/{kind.name}Manifest"},
        }
        for kind in WRITTEN
    ]
    return {
        "$schema": _DIALECT,
        "$id": "urn:kvmctl:v1:manifest",
        "title": "kvmctl manifest",
        "description": "One resource that kvmctl keeps as it is written here.",
        "type": "object",
        "required": ["apiVersion", "kind"],
        "properties": {
            "apiVersion": {"const": API_VERSION, "description": "Version of the manifest's format."},
            "kind": {"enum": [kind.name for kind in WRITTEN], "description": "Kind of the resource."},
        },
        "allOf": choices,
        "$defs": _definitions(Metadata, *(kind.model for kind in WRITTEN))
        | {f"{kind.name}Manifest": _manifest(kind) for kind in WRITTEN},
    }


def _manifest(kind: Kind) -> Schema:
    """Return the schema of a whole document of a kind; models are references."""
    return {
        "title": kind.name,
        "description": _sentence(kind.model),
        "type": "object",
        "additionalProperties": False,
        "required": ["apiVersion", "kind", "metadata", "spec"],
        "properties": {
            "apiVersion": {"const": API_VERSION, "description": "Version of the manifest's format."},
            "kind": {"const": kind.name, "description": "Kind of the resource."},
            "metadata": _reference(Metadata),
            "spec": _spec(kind.model),
        },
    }


def _spec(model: type[Model]) -> Schema:
    """Return the schema of a spec: what is required may come from profiles where it names some."""
    if not (issubclass(model, Profiled) and demands(model)):
        return _reference(model)
    has_profiles = {"type": "object", "properties": {"profiles": {"type": "array"}}, "required": ["profiles"]}
    return {
        "description": _sentence(model),
        "if": has_profiles,
        "then": _reference(model, part=True),
        "else": _reference(model),
    }


def _definitions(*models: type[Model]) -> Schema:
    """Return the schemas of the models and of all that they hold, by name, sorted."""
    found: Schema = {}
    waiting = [(model, part) for model in models for part in (False, issubclass(model, Profiled))]
    while waiting:
        model, part = waiting.pop()
        name = _name(model, part=part)
        if name not in found:
            found[name] = _object(model, part=part)
            waiting += [(row.model, _is_part(row, part=part)) for row in rows(model).values() if row.model is not None]
    return dict(sorted(found.items()))


def _name(model: type[Model], *, part: bool) -> str:
    """Return under which name the schema of a model stands, or that of its parts, where that is another one."""
    return f"{model.__name__}Part" if part and demands(model) else model.__name__


def _is_part(row: Row, *, part: bool) -> bool:
    """Say whether a part of a model may hold a part at a row: items of lists are whole."""
    return row.part or (part and row.shape is Shape.MODEL)


def _object(model: type[Model], *, part: bool) -> Schema:
    schema: Schema = {
        "title": model.__name__,
        "description": _sentence(model),
        "type": "object",
        "additionalProperties": False,
        "properties": {name: _property(row, part=part) for name, row in rows(model).items()},
    }
    required = [name for name, row in rows(model).items() if row.required and not part]
    return schema | ({"required": required} if required else {})


def _property(row: Row, *, part: bool) -> Schema:
    """Return the schema of one field, with what an editor shows of it; null is allowed unless the field is required."""
    value = _value(row, part=_is_part(row, part=part))
    schema = value if row.required else _nullable(value)
    schema["description"] = row.doc
    if row.initial is not UNSET:
        schema["default"] = row.codec.dump(row.initial)
    if row.examples:
        schema["examples"] = list(row.examples)
    return schema


def _value(row: Row, *, part: bool) -> Schema:
    match row.shape:
        case Shape.SCALAR | Shape.DOCUMENT:
            return dict(row.codec.schema())
        case Shape.SCALARS:
            return {"type": "array", "items": row.codec.schema()}
        case Shape.MODEL:
            return _held(cast("type[Model]", row.model), part=part)
        case Shape.MODELS:
            return {"type": "array", "items": _held(cast("type[Model]", row.model), part=part)}
        case Shape.MAP:
            return {"type": "object", "additionalProperties": row.codec.schema(), "propertyNames": {"type": "string"}}


def _held(model: type[Model], *, part: bool) -> Schema:
    """Return the schema of a model within another: a reference, or the bare scalar of its short form."""
    if not model.short:
        return _reference(model, part=part)
    scalars = []
    for name in model.short:
        scalar = next(row for row in rows(model).values() if row.name == name).codec.schema()
        if scalar not in scalars:
            scalars.append(scalar)
    return {"anyOf": [_reference(model, part=part), scalars[0] if len(scalars) == 1 else {"allOf": scalars}]}


def _reference(model: type[Model], *, part: bool = False) -> Schema:
    return {"$ref": f"#/$defs/{_name(model, part=part)}"}


def _nullable(schema: Schema) -> Schema:
    if "enum" in schema:
        return {**schema, "enum": [*schema["enum"], None]}
    if "anyOf" in schema:
        return {**schema, "anyOf": [*schema["anyOf"], _NULL]}
    if "$ref" in schema:
        return {"anyOf": [schema, _NULL]}
    types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    return {**schema, "type": [*types, "null"]}


def _sentence(model: type[Model]) -> str:
    """Return what the model's docstring says first."""
    return inspect.cleandoc(model.__doc__ or "").split("\n\n")[0].replace("\n", " ")
