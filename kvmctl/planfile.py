"""Saved plans: read back, and compared with a plan made now, so that what was reviewed is what happens."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from kvmctl.actions import Operation
from kvmctl.errors import KvmctlError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

_MAJOR: Final = "1"
_COMPARED: Final = ("address", "operation", "disruption", "because", "equivalent")
_NAMED: Final = ("address", "operation")
_TOLD: Final = {"path", "before", "after"}


def read(path: Path) -> dict[str, Any]:
    """Return the document of a saved plan; KvmctlError where the file isn't one that this version understands."""
    again = "make it anew with kvmctl plan --out"
    try:
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise KvmctlError(f"{path}: {error.strerror}", again) from error
    except (ValueError, RecursionError) as error:
        raise KvmctlError(f"{path} is not a saved plan: {error}", again) from error
    version = document.get("formatVersion") if isinstance(document, dict) else None
    if str(version).partition(".")[0] != _MAJOR:
        raise KvmctlError(f"{path} is not a saved plan of formatVersion {_MAJOR}.x: it says {version!r}", again)
    actions = document.get("actions")
    if not isinstance(actions, list) or not all(_is_action(action) for action in actions):
        raise KvmctlError(f"{path} is not a saved plan: its actions are not those of one", again)
    return document


def _is_action(action: Any) -> bool:
    """Say whether a part of a document has what an action is compared and told by."""
    if not isinstance(action, dict) or not all(name in action for name in _COMPARED):
        return False
    causes = action["because"]
    return isinstance(causes, list) and all(isinstance(cause, dict) and cause.keys() >= _TOLD for cause in causes)


def does(document: Mapping[str, Any], operation: str) -> bool:
    """Say whether an operation is among the actions of a saved plan."""
    return any(action["operation"] == operation for action in document["actions"])


def must_be_same(path: Path, now: Mapping[str, Any]) -> None:
    """Raise RefusedError, naming what moved, unless the plan made now does exactly what the saved one does."""
    saved, current = _actions(read(path)), _actions(now)
    if saved == current:
        return
    gone = [f"no longer: {_words(action, current)}" for action in saved if action not in current]
    new = [f"new: {_words(action, saved)}" for action in current if action not in saved]
    moved = "; ".join([*gone, *new]) or "the order of the actions"
    raise RefusedError(f"nothing was changed: {path} is stale: {moved}", "plan again, and review what moved")


def _actions(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{name: action[name] for name in _COMPARED} | {"because": _causes(action)} for action in document["actions"]]


def _causes(action: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the causes of an action; from which line of a profile a value comes is no matter."""
    return [{name: cause[name] for name in _TOLD} for cause in action["because"]]


def _words(action: Mapping[str, Any], others: Iterable[Mapping[str, Any]]) -> str:
    """Return what an action does and why: beside one like it, where they differ; a creation alone goes without."""
    told = action["because"]
    like = next((each for each in others if all(each[name] == action[name] for name in _NAMED)), None)
    if like is not None:
        told = [cause for cause in told if cause not in like["because"]] or told
    elif action["operation"] == Operation.CREATE.value:
        told = []
    causes = ", ".join(f"{each['path']} {json.dumps(each['before'])} → {json.dumps(each['after'])}" for each in told)
    return f"{action['address']} {action['operation']}" + (f" ({causes})" if causes else "")
