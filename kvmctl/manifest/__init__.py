"""YAML files to an inventory, each value with its file, line and column."""

from __future__ import annotations

from kvmctl.files import SETTINGS, STDIN
from kvmctl.manifest.loading import load, locate, problem_at, understand
from kvmctl.manifest.settings import NAME_EXPECTED, Settings, is_project, settings

__all__ = [
    "NAME_EXPECTED",
    "SETTINGS",
    "STDIN",
    "Settings",
    "is_project",
    "load",
    "locate",
    "problem_at",
    "settings",
    "understand",
]
