"""What is wrong with first-boot data, as far as it can be told without a guest."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, cast

from kvmctl import manifest, schema
from kvmctl.cloudinit.parts import CLOUD_CONFIG, Part, Parts, parts_of, without_secrets
from kvmctl.errors import ManifestError, Problem
from kvmctl.fields import known
from kvmctl.layering import folder_of
from kvmctl.manifest.foreign import foreign
from kvmctl.seeding import CLOUD_INIT, IGNITION

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvmctl.inventory import Inventory, Resource
    from kvmctl.models.first_boot import CloudInit
    from kvmctl.models.vm import VirtualMachine

_STARTS: Final = ("#", "Content-Type:", "MIME-Version:", "From ")
"""How user-data begins that cloud-init knows what to do with (cloudinit.readthedocs.io, "User data formats")."""
_JUDGED: Final = ("user-data", "vendor-data")
_LONGEST: Final = 200


def check(want: Inventory) -> list[Problem]:
    """Return the problems in the first-boot data of all machines; the files that they name are read."""
    found: list[Problem] = []
    for resource in want.values():
        if resource.address.kind != "vm":
            continue
        for field in (CLOUD_INIT, IGNITION):
            if known(getattr(resource.spec, field)) is not None:
                try:
                    found += _problems(resource, parts_of(resource, field), field)
                except ManifestError as error:
                    found += error.problems
    return found


def _problems(resource: Resource, parts: Parts, field: str) -> Iterator[Problem]:
    if field == IGNITION:
        return
    judge = _schema(resource)
    if isinstance(judge, Problem):
        yield judge
        judge = None
    bodies = without_secrets(parts)
    for name in (name for name in _JUDGED if name in parts):
        body = bodies[name]
        if isinstance(body, str):
            body = _parsed(resource, name, parts[name])
        if isinstance(body, Problem):
            yield body
        elif judge is not None and body is not None:
            yield from _judged(resource, name, parts[name], body, judge)


def _parsed(resource: Resource, name: str, part: Part) -> Any:
    """Return what a cloud-config in a text says; None of a text of another kind, a Problem of one of no kind."""
    if not part.body.startswith(_STARTS):
        message = f"cloud-init doesn't know what the {name} is: it begins with neither #cloud-config nor #!"
        return manifest.problem_at(resource, part.path, message, "write #cloud-config in its first line, or a mapping")
    if not part.body.startswith(CLOUD_CONFIG.strip()):
        return None
    try:
        return foreign(part.body)
    except ValueError as error:
        return manifest.problem_at(resource, part.path, f"the {name} is {error}", "correct it there")


def _judged(resource: Resource, name: str, part: Part, body: Any, judge: Any) -> Iterator[Problem]:
    """Yield what cloud-init's schema refuses, at its place where the data stands in the manifest."""
    for where, message in schema.judged(body, judge):
        within = ".".join(map(str, where)) or name
        told = message if len(message) <= _LONGEST else f"{message[:_LONGEST]}…"
        place = (*part.path, *where) if isinstance(part.body, dict) else part.path
        yield manifest.problem_at(
            resource, place, f"cloud-init refuses {within}: {told}", "see cloud-init's documentation"
        )


def _schema(resource: Resource) -> Any:
    """Return the schema that the manifest names; a Problem where it can't be read, None where it names none."""
    name = known(cast("CloudInit", cast("VirtualMachine", resource.spec).cloud_init).schema)
    if name is None:
        return None
    path = ("spec", "cloudInit", "schema")
    file = folder_of(resource, path) / name
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not JSON"
        hint = "name cloud-init's config/schemas/schema-cloud-config-v1.json"
        return manifest.problem_at(resource, path, f"{file}: {reason}", hint)
