"""One line of the table that the benchmarks print."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stopwatch import Timing


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table: what was measured, what it may be, whether it is."""

    name: str
    measured: str
    limit: str = ""
    met: bool = True

    def __str__(self) -> str:
        return f"{self.name:<34} {self.measured:<78} {self.limit and ('ok    ' if self.met else 'MISSED')} {self.limit}"


def seconds(timing: Timing) -> str:
    """Return the median and the best of some runs."""
    return f"{timing.median:.3f} / {timing.best:.3f} s"
