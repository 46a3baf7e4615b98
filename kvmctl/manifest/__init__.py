"""YAML files to an inventory, each value with its file, line and column."""

from __future__ import annotations

from kvmctl.files import STDIN
from kvmctl.manifest.loading import load, locate, problem_at, understand

__all__ = ["STDIN", "load", "locate", "problem_at", "understand"]
