"""The JSON Schema (draft 2020-12) of a plan as JSON, for programs that read one, and of the report of an apply."""

from __future__ import annotations

from typing import Any, Final

from kvmctl.actions import Disruption, Operation
from kvmctl.plan.drift import DriftClass
from kvmctl.render.findings import Sort
from kvmctl.render.plan_json import FORMAT_VERSION

Schema = dict[str, Any]

_STATUSES: Final = ("done", "failed", "skipped")


def plan_schema() -> Schema:
    """Return the schema of this version's plans: what it doesn't name isn't there."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:kvmctl:plan:{FORMAT_VERSION}",
        "title": "kvmctl plan",
        "description": "What an apply will do, as `kvmctl plan -o json` prints it and `--out` saves it. What "
        "`kvmctl apply -o json` prints is the same, each action with what became of it.",
        **_object(
            {
                "formatVersion": _words(FORMAT_VERSION) | _doc("Version of this format."),
                "summary": _summary(),
                "actions": _list("action", "What will be done, in order."),
                "refused": _list("refusal", "Differences that won't be acted on; any of them stops an apply."),
                "pending": _list("pending", "Differences that the next start of a guest removes."),
                "problems": _list("problem", "What is wrong with the manifests; no plan was made if there is any."),
                "kept": _list("refusal", "What is left as it is for want of a flag."),
                "guard": _list("action", "What became of the snapshots that guarded an apply."),
                "drift": _list("drift", "What `kvmctl drift` found, each with its class."),
            },
            optional=("kept", "guard", "drift"),
        ),
        "$defs": {
            "action": _action(),
            "refusal": _refusal(),
            "pending": _object({"address": _ADDRESS, "because": _BECAUSE}),
            "drift": _drift(),
            "change": _change(),
            "problem": _problem(),
        },
    }


def _doc(text: str) -> Schema:
    return {"description": text}


def _text(doc: str) -> Schema:
    return {"type": "string", **_doc(doc)}


def _number(doc: str) -> Schema:
    return {"type": "integer", "minimum": 0, **_doc(doc)}


def _words(*words: str) -> Schema:
    return {"enum": list(words)}


def _list(what: str, doc: str) -> Schema:
    return {"type": "array", "items": {"$ref": f"#/$defs/{what}"}, **_doc(doc)}


def _object(properties: Schema, optional: tuple[str, ...] = ()) -> Schema:
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


_ADDRESS: Final = {"type": "string", "pattern": r"^[a-z]+/.+$", **_doc("The resource, such as vm/web1.")}
_BECAUSE: Final = _list("change", "The differences that are the reason.")
_DISRUPTION: Final = _words(*(each.word for each in Disruption)) | _doc("What is disturbed, mildest first.")


def _summary() -> Schema:
    return _object(
        {
            "create": _number("Resources to create."),
            "update": _number("Resources to change."),
            "delete": _number("Resources to delete."),
            "unchanged": _number("Resources that are as the manifests say."),
            "pending": _number("Resources with differences that wait for the next start."),
            "refused": _number("Differences that are refused."),
        }
    )


def _action() -> Schema:
    return _object(
        {
            "address": _ADDRESS,
            "action": _words("create", "update", "delete") | _doc("What becomes of the resource."),
            "operation": _words(*(each.value for each in Operation)) | _doc("How it is done."),
            "disruption": _DISRUPTION,
            "because": _BECAUSE,
            "equivalent": {
                "type": "array", "items": {"type": "string"},
                **_doc("The same as an administrator's commands, a line each."),
            },
            "note": _text("What else there is to know, or nothing."),
            "status": _words(*_STATUSES) | _doc("What became of it; an apply's."),
            "error": _text("Why it failed, or nothing; an apply's."),
            "hint": _text("What to do then, or nothing; an apply's."),
            "told": _text("What was found out when it was done, or nothing; an apply's."),
        },
        optional=("status", "error", "hint", "told"),
    )  # fmt: skip


def _refusal() -> Schema:
    return _object(
        {
            "address": _ADDRESS,
            "because": _BECAUSE,
            "disruption": _DISRUPTION,
            "reason": _text("Why nothing is done."),
            "hint": _text("What to do instead, or nothing."),
        }
    )


def _drift() -> Schema:
    found = (Sort.MISSING, Sort.HIDDEN, Sort.DIFFERS, Sort.PENDING, Sort.UNMANAGED, Sort.LEFT, Sort.FOREIGN)
    return _object(
        {
            "address": _ADDRESS,
            "class": _words(*(each.value for each in DriftClass)) | _doc("What it is about; see --fail-on."),
            "finding": _words(*(each.value for each in found)) | _doc("What was found."),
            "because": _BECAUSE,
            "said": _text("What else there is to know, or nothing."),
            "hint": _text("What to do, or nothing."),
        }
    )


def _change() -> Schema:
    source = _object(
        {
            "profile": _text("Name of the profile that gives the wanted value."),
            "file": _text("File of that profile."),
            "line": _number("Line in that file."),
            "partly": {"const": True, **_doc("There where it gives some of a group's fields only.")},
        },
        optional=("partly",),
    )
    return _object(
        {
            "path": {"type": "string", "pattern": "^spec", **_doc("The place, such as spec.disks[vda].cache.")},
            "before": _doc("The value that is there, as a manifest would say it; null for none."),
            "after": _doc("The value that is wanted; null for none."),
            "source": source,
        },
        optional=("source",),
    )


def _problem() -> Schema:
    return _object(
        {
            "file": _text("The file, or nothing."),
            "line": _number("The line, from 1; 0 where no place is to blame."),
            "column": _number("The column, from 1; 0 where no place is to blame."),
            "field": _text("The field, such as spec.memory, or nothing."),
            "message": _text("What is wrong."),
            "hint": _text("What to write instead, or nothing."),
        }
    )
