"""Rules of secrets (libvirt: docs/formatsecret)."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from kvmctl.fields import known
from kvmctl.inventory import secret_name
from kvmctl.models.secret import USAGE_IDS
from kvmctl.names import OWN
from kvmctl.rules.finding import Finding, Path, stated

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvmctl.inventory import Resource
    from kvmctl.models.secret import Secret, SecretValue, Usage


def name(resource: Resource) -> Iterator[Finding]:
    """Refuse names that libvirt's secret wouldn't be found by: it has none of its own."""
    spec = cast("Secret", resource.spec)
    usage = known(spec.usage)
    given, here = resource.address.name, ("metadata", "name")
    if usage is None:
        if known(spec.uuid) != given:
            message = f"a secret without a usage is named by its UUID, and {given} is not it"
            yield Finding(here, message, "write the UUID (uuidgen makes one up) as the name, or say usage:")
        return
    field = USAGE_IDS[str(usage.type)]
    held = known(getattr(usage, field))
    if held is None:
        return
    meant = secret_name(str(held), str(known(spec.uuid) or ""))
    if meant and meant != given:
        yield Finding(here, f"the secret's name is the id of its usage, {held}", f"write name: {meant}")
    elif not meant:
        message = f"{held} can't be a name, so the secret is named by its UUID"
        yield Finding(here, message, "write the UUID (uuidgen makes one up) as the name")
    if usage.type == "tls" and held in OWN:
        yield Finding(here, f"{held} is kvmctl's own {OWN[held]} on the host", "write another name")


def usage(resource: Resource) -> Iterator[Finding]:
    """Refuse ids that aren't of the usage's type."""
    held = known(cast("Secret", resource.spec).usage)
    if held is None:
        return
    field = USAGE_IDS[str(held.type)]
    for other in _ids(held):
        if other != field:
            message = f"the id of a usage of type {held.type} is {field}, not {other}"
            yield Finding(("spec", "usage", other), message, f"write {field}: instead")
    if known(getattr(held, field)) is None:
        message = f"a usage of type {held.type} needs {field}"
        yield Finding(("spec", "usage", field), message, f"write {field}: and the path of the volume")


def _ids(held: Usage) -> list[str]:
    return stated(held, *dict.fromkeys(USAGE_IDS.values()))


def value(resource: Resource) -> Iterator[Finding]:
    """Refuse values from two places or none."""
    held = known(cast("Secret", resource.spec).value)
    if held is not None:
        yield from one_source(held, ("spec", "value"))


def one_source(held: SecretValue, here: Path) -> Iterator[Finding]:
    """Refuse a reference to several places, or to none."""
    given = stated(held, "env", "file", "command")
    if len(given) != 1:
        message = "a value comes from one place, not from several" if given else "doesn't say where the value is"
        hint = "write one of env: NAME, file: PATH and command: [PROGRAM, ARGUMENT]"
        yield Finding((*here, *given[1:2]), message, hint)
    elif given == ["command"] and not held.command:
        yield Finding((*here, "command"), "there is no command", "write command: [PROGRAM, ARGUMENT]")


RULES = (name, usage, value)
