"""Who works now, by what lies around the manifests: the project that `kvmctl.yaml` names, and the commit in git."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from kvmctl import manifest
from kvmctl.errors import UsageError
from kvmctl.ownership import DEFAULT_PROJECT, Owner

if TYPE_CHECKING:
    from collections.abc import Sequence

_GIT: Final = ".git"
_COMMIT: Final = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_MOST_STEPS: Final = 5  # from one symbolic reference to the next; git itself follows no more


def owner_of(paths: Sequence[str], project: str | None) -> Owner:
    """Return who works now: `project`, else whom the kvmctl.yaml above the manifests names, else nobody in particular.

    Raises ManifestError for settings that can't be read, UsageError for two of them, or for an impossible name.
    """
    if project is not None and not manifest.is_project(project):
        raise UsageError(f"--project {project!r} can't be a project", manifest.NAME_EXPECTED)
    starts = [_folder(path) for path in paths if path != "-"] or [Path.cwd()]
    files = {found for start in starts if (found := _above(start, manifest.SETTINGS))}
    if len(files) > 1 and project is None:
        told = " and ".join(sorted(map(str, files)))
        raise UsageError(f"the manifests are of several projects: {told}", "give those of one, or say --project NAME")
    settings = next(iter(files)) if len(files) == 1 else None
    named = project or (manifest.settings(str(settings)).project if settings else None)
    checkout = _above(settings.parent if settings else starts[0], _GIT)
    root = settings or checkout
    return Owner(
        named or DEFAULT_PROJECT, str(root.parent) if root else "", str(Path.cwd()),
        _commit(checkout) if checkout else "", named=named is not None,
    )  # fmt: skip


def _folder(path: str) -> Path:
    """Return the folder of a path, whether or not there is something."""
    absolute = Path(os.path.abspath(path))  # noqa: PTH100 - what a link leads to is no part of this project
    return absolute if absolute.is_dir() else absolute.parent


def _above(folder: Path, name: str) -> Path | None:
    """Return the nearest file or folder of a name in a folder or above it."""
    return next((each / name for each in (folder, *folder.parents) if (each / name).exists()), None)


def _commit(git: Path) -> str:
    """Return the commit that is checked out, '' where there is none yet or git keeps it in a way unknown here.

    Its files are read, without git itself: run by root, that refuses a user's checkout, and it may not be installed.
    """
    try:
        folder = _linked(git)
        shared = folder / "commondir"
        common = folder / shared.read_text().strip() if shared.exists() else folder
        return _resolved(folder, common, "HEAD")
    except (OSError, ValueError):
        return ""


def _linked(git: Path) -> Path:
    """Return git's folder: a worktree's or submodule's `.git` is a file that names it."""
    if git.is_dir():
        return git
    return git.parent / git.read_text().removeprefix("gitdir:").strip()


def _resolved(folder: Path, common: Path, name: str) -> str:
    for _ in range(_MOST_STEPS):
        place = next((each / name for each in (folder, common) if (each / name).is_file()), None)
        text = place.read_text().strip() if place else _packed(common, name)
        if not text.startswith("ref:"):
            return text if _COMMIT.fullmatch(text) else ""
        name = text.removeprefix("ref:").strip()
    return ""


def _packed(common: Path, name: str) -> str:
    """Return the commit of a branch that git has packed away."""
    packed = common / "packed-refs"
    lines = packed.read_text().splitlines() if packed.exists() else []
    return next((commit for commit, _, ref in (line.partition(" ") for line in lines) if ref == name), "")
