"""Checks across fields and resources that one row can't say, and values that follow from others."""

from __future__ import annotations

from kvmctl.rules.check import check
from kvmctl.rules.complete import complete
from kvmctl.rules.sound import added_audios

__all__ = ["added_audios", "check", "complete"]
