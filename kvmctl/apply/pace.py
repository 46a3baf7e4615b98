"""How far the parts of a long action are, how fast they go, and how long they will take."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from kvmctl.codec import format_size
from kvmctl.errors import KvmctlError

if TYPE_CHECKING:
    from kvmctl.actions import Action
    from kvmctl.apply.context import Context

_EVERY_SECONDS: Final = 0.1
_MINUTE: Final = 60
_LONG: Final = 120
_FIRST_SECONDS: Final = 0.5
"""What goes by before a rate means anything."""


class Pace:
    """Tells the progress of an action's parts, such as a download; an interrupted apply ends them."""

    def __init__(self, action: Action, context: Context) -> None:
        self._action = action
        self._context = context
        self._part = ""
        self._began = self._told = 0.0
        self._first = 0

    def __call__(self, doing: str, done: int, total: int) -> None:
        """Hear of so many bytes of so many; of 0 where nobody knows."""
        if self._context.interrupted.is_set():
            raise KvmctlError(f"{self._action.address}: interrupted", "what was fetched is kept: apply again to go on")
        now = time.monotonic()
        if doing != self._part:
            self._part, self._began, self._first, self._told = doing, now, done, 0.0
        if now - self._told >= _EVERY_SECONDS or done == total:
            self._told = now
            percent = 100.0 * done / total if total else 0.0
            self._context.progress.advanced(self._action, percent, self._text(done, total, now - self._began))

    def percent(self, doing: str, percent: float) -> None:
        """Hear of percent alone."""
        self._context.progress.advanced(self._action, percent, doing)

    def _text(self, done: int, total: int, seconds: float) -> str:
        if not done:
            return self._part
        parts = [f"{self._part} {format_size(done)}" + (f" of {format_size(total)}" if total else "")]
        rate = int((done - self._first) / seconds) if seconds >= _FIRST_SECONDS else 0
        if rate:
            parts.append(f"{format_size(rate)}/s")
            if total > done:
                parts.append(f"{span((total - done) / rate)} left")
        return ", ".join(parts)


def span(seconds: float) -> str:
    """Return a time for people: in seconds up to two minutes, then in minutes."""
    return f"{seconds:.0f} s" if seconds < _LONG else f"{seconds / _MINUTE:.0f} min"
