"""What a sandbox says when it can't be had."""

from __future__ import annotations

from kvmctl.errors import KvmctlError


class SandboxError(KvmctlError):
    """A sandbox that did not start, and left nothing behind, or that was used while it wasn't running."""
