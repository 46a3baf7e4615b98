"""What images can do wrong: the one error class of this room."""

from __future__ import annotations

from kvmctl.errors import KvmctlError


class ImageError(KvmctlError):
    """An image that can't be read, trusted or written; names the path, what was seen and what to do."""
