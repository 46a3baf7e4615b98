"""Checks across fields and resources that one row can't say, and values that follow from others."""

from __future__ import annotations

from kvmctl.rules.check import check
from kvmctl.rules.complete import complete

__all__ = ["check", "complete"]
