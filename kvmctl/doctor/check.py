"""One finding about a host, and how findings are summed up and told."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence


class Status(StrEnum):
    """How a check ended, from the best to the worst."""

    OK = "ok"
    SKIP = "skip"  # it could not be asked; the finding says why
    WARN = "warn"  # something is missing that not everybody needs
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Check:
    """What was found about one thing; `remedy` says in one line how to mend it, '' where all is well."""

    name: str
    status: Status
    finding: str
    remedy: str = ""


_ORDER: Final = list(Status)


def worst(checks: Sequence[Check]) -> Status:
    """Return the worst status of all checks; OK where there is none."""
    return max((check.status for check in checks), key=_ORDER.index, default=Status.OK)


def lines(checks: Sequence[Check]) -> list[str]:
    """Return plain rows, `ok    libvirt  9.0.0 at qemu:///system`, each remedy below its finding."""
    width = max((len(check.name) for check in checks), default=0)
    out = []
    for check in checks:
        out.append(f"{check.status.value:<4}  {check.name:<{width}}  {check.finding}")
        if check.remedy:
            out.append(f"{'':<4}  {'':<{width}}  → {check.remedy}")
    return out
