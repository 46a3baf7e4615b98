"""What became of an action."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kvmctl.actions import Action


class Status(StrEnum):
    """The ends that an action can come to."""

    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Result:
    """One action with its end; `error` and `hint` say why it failed or was skipped and what to do next.

    `told` is what was found out when it was done.
    """

    action: Action
    status: Status
    error: str = ""
    hint: str = ""
    told: str = ""
