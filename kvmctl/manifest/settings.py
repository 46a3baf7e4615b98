"""The settings of a project: `kvmctl.yaml`, in the folder that its manifests are below of."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from kvmctl.errors import ManifestError, Problem
from kvmctl.files import SETTINGS, settings_text

if TYPE_CHECKING:
    from kvmctl.manifest.careful import Reading

_FIELDS: Final = ("project",)
_NAME: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
NAME_EXPECTED: Final = "write 1 to 63 letters, digits, dots, dashes and underscores, such as project: shop"


class Settings(NamedTuple):
    """What a settings file says."""

    project: str


def is_project(name: object) -> bool:
    """Say whether a value can be the name of a project."""
    return isinstance(name, str) and _NAME.fullmatch(name) is not None


def settings(file: str) -> Settings:
    """Return what a settings file says; ManifestError carries every problem in it."""
    from kvmctl.manifest import careful

    problems: list[Problem] = []
    text = settings_text(file, problems)
    reading = careful.read(text, file, 1)
    if not problems:
        _check(reading)
    problems += reading.problems
    if problems or not isinstance(reading.value, dict):
        raise ManifestError(tuple(problems))
    return Settings(reading.value["project"])


def _check(reading: Reading) -> None:
    """Blame what is no setting."""
    value = {} if reading.root is None else reading.value
    if not isinstance(value, dict):
        if not reading.problems:
            reading.blame((), f"{SETTINGS} holds settings, and this is none", NAME_EXPECTED)
        return
    from difflib import get_close_matches

    for name in value:
        if name not in _FIELDS:
            near = get_close_matches(name, _FIELDS, 1)
            hint = f"did you mean {near[0]}?" if near else f"settings: {', '.join(_FIELDS)}"
            if name in ("apiVersion", "kind", "metadata", "spec"):
                hint = f"{SETTINGS} is no manifest; give the manifest's file another name"
            reading.blame((name,), f"unknown setting {name!r}", hint)
    if "project" not in value:
        reading.blame((), "project is missing", NAME_EXPECTED)
    elif not is_project(value["project"]) and ("project",) not in reading.blamed:
        reading.blame(("project",), f"{reading.shown(('project',), value['project'])} is no project", NAME_EXPECTED)
