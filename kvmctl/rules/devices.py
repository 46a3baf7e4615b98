"""Rules of a machine's devices beside its disks and interfaces (libvirt: docs/formatdomain, "Devices")."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final, cast

from kvmctl.fields import Row, Shape, is_set, known, rows
from kvmctl.models.character_source import SourcePlace
from kvmctl.models.vm import VirtualMachine
from kvmctl.rules.finding import Finding, about, items, stated
from kvmctl.rules.secret import one_source
from kvmctl.rules.sound import added_audios

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvmctl.fields import Model
    from kvmctl.rules.finding import Path

_NEEDS_PATH: Final = ("file", "dev", "pipe")


def paths(spec: VirtualMachine) -> Iterator[Finding]:
    """Refuse character devices that don't say on which file of the host they are."""
    for row in _lists(tuple(spec.__dict__)):
        if row.model is None or not issubclass(row.model, SourcePlace):
            continue
        for index, device in enumerate(items(getattr(spec, row.name))):
            if device.type in _NEEDS_PATH and not known(device.path):
                message = f"type {device.type} needs a path"
                yield Finding(("spec", row.yaml, index, "type"), message, "write path: beside it")


def types(spec: VirtualMachine) -> Iterator[Finding]:
    """Refuse fields of another type than the device's: libvirt would drop them without a word."""
    for row in _lists(tuple(spec.__dict__)):
        for index, device in enumerate(items(getattr(spec, row.name))):
            yield from _foreign(("spec", row.yaml, index), device)


@cache
def _lists(names: tuple[str, ...]) -> tuple[Row, ...]:
    """Return those of a machine's fields that are lists of devices whose fields depend on a type."""
    table = rows(VirtualMachine).values()
    return tuple(row for row in table if row.name in names and row.shape is Shape.MODELS and _has_types(row))


def _has_types(row: Row) -> bool:
    inner = () if row.model is None else rows(row.model).values()
    return any(each.types or (each.shape is Shape.MODEL and _has_types(each)) for each in inner)


@cache
def _typed(model: type[Any], names: tuple[str, ...]) -> tuple[Row, ...]:
    """Return those of a device's fields that depend on its type, or hold some that do."""
    return tuple(row for row in rows(model).values() if row.name in names and (row.types or row.shape is Shape.MODEL))


def _foreign(path: Path, device: Model) -> Iterator[Finding]:
    kind: Any = known(getattr(device, "type", None))
    for row in _typed(cast("Any", type(device)), tuple(device.__dict__)):
        if not stated(device, row.name):
            continue
        if row.shape is Shape.MODEL:
            yield from _foreign((*path, row.yaml), getattr(device, row.name))
        if row.types and kind is not None and kind not in row.types:
            hint = f"take it away, or write type: {' or '.join(row.types)}"
            yield Finding((*path, row.yaml), f"{row.yaml} has no meaning with type {kind}", hint)


@about("audios", "graphics", "memballoon", "videos")
def added(spec: VirtualMachine) -> Iterator[Finding]:
    """Refuse to go without what libvirt (9.0) adds by itself: a video card with graphics, sound, a balloon."""
    if items(spec.graphics) and is_set(spec.videos) and not items(spec.videos):
        message = "libvirt adds a video card wherever there are graphics"
        yield Finding(("spec", "videos"), message, "write [{model: none}] for no card, or take videos away")
    if is_set(spec.audios) and not items(spec.audios) and added_audios(items(spec.graphics)):
        message = "libvirt adds an audio backend where there is none"
        yield Finding(("spec", "audios"), message, "write [{id: 1, type: none}] for silence, or take audios away")
    if spec.memballoon is None:
        message = "libvirt adds a balloon where there is none"
        yield Finding(("spec", "memballoon"), message, "write memballoon: none for no balloon, or take it away")


@about("graphics")
def passwords(spec: VirtualMachine) -> Iterator[Finding]:
    """Refuse passwords of graphics from several places or none, and an end of validity of what is taken away."""
    for index, each in enumerate(items(spec.graphics)):
        path = ("spec", "graphics", index)
        if known(each.password) is not None:
            yield from one_source(each.password, (*path, "password"))
        elif each.password is None and known(each.passwd_valid_to) is not None:
            message = "there is to be no password whose end of validity this is"
            yield Finding((*path, "passwdValidTo"), message, "take one of both away")


RULES = (paths, types, added, passwords)
