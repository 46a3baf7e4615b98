"""Files from elsewhere: fetched, verified, unpacked, and kept on this machine for the next one who wants them.

Nothing is handed out before it is verified. What is kept is named by its content, so that it is fetched once, whoever
asks and however many ask at once.
"""

from __future__ import annotations

from kvmctl.downloads.cache import Cache, Kept, listed_in
from kvmctl.downloads.error import DownloadError
from kvmctl.downloads.hearing import Hear, unheard
from kvmctl.downloads.sums import Sums, find_sum
from kvmctl.downloads.wanted import name_in

__all__ = [
    "Cache",
    "DownloadError",
    "Hear",
    "Kept",
    "Sums",
    "find_sum",
    "listed_in",
    "name_in",
    "unheard",
]
