"""Who hears how far a download is."""

from __future__ import annotations

from collections.abc import Callable

Hear = Callable[[str, int, int], None]
"""Told what is being done, how many bytes are through, and of how many; of 0 where nobody knows.

What it raises ends the download, and what was fetched by then is gone on with by the next one.
"""


def unheard(_doing: str, _done: int, _total: int) -> None:
    """Hear nothing."""
