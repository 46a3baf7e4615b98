"""How an apply goes, on stderr: bars on a terminal; elsewhere lines, with a percentage now and then."""

from __future__ import annotations

import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvmctl.actions import Action
    from kvmctl.apply import Progress, Result

EVERY_SECONDS = 10.0


@contextmanager
def reporter(*, color: bool) -> Iterator[Progress]:
    """Give the reporter that fits stderr."""
    if sys.stderr.isatty():
        from kvmctl.render.bars import bars

        with bars(sys.stderr, color=color) as shown:
            yield shown
    else:
        yield Lines()


class Lines:
    """A line when an action starts and ends, and one every ten seconds while a long one goes on."""

    def __init__(self) -> None:
        self._last: dict[Any, float] = {}
        self._lock = threading.Lock()

    def started(self, action: Action) -> None:
        """Say that an action begins."""
        self._last[action.address] = time.monotonic()
        self._say(f"{action.address}: {action.operation.value} …")

    def advanced(self, action: Action, percent: float, doing: str = "") -> None:
        """Say how far a long action is, every ten seconds."""
        now = time.monotonic()
        if now - self._last.get(action.address, now) >= EVERY_SECONDS:
            self._last[action.address] = now
            self._say(f"{action.address}: {action.operation.value} {percent:.0f} %{doing and f', {doing}'}")

    def finished(self, result: Result) -> None:
        """Say what became of an action."""
        reason = f": {result.error}" if result.error else ""
        self._say(f"{result.action.address}: {result.action.operation.value} {result.status.value}{reason}")

    def _say(self, text: str) -> None:
        with self._lock:
            click.echo(text, err=True)
