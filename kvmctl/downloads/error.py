"""What downloads can do wrong: the one error class of this room."""

from __future__ import annotations

from kvmctl.errors import KvmctlError


class DownloadError(KvmctlError):
    """A file that can't be fetched, verified or unpacked; names it, what was seen and what to do."""
