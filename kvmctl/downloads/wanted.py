"""What a URL says before anybody follows it."""

from __future__ import annotations

import posixpath
from urllib.parse import unquote, urlsplit


def name_in(place: str) -> str:
    """Return the name of the file that a URL or a path leads to."""
    path = urlsplit(place).path if "://" in place else place
    return posixpath.basename(unquote(path))
