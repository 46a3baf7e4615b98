"""Differences → an ordered Plan: what will be done, what is refused and why, what waits for a restart."""

from kvmctl.plan.build import Plan, build
from kvmctl.plan.owning import with_marks, without_foreign
from kvmctl.plan.removal import build_removal

__all__ = ["Plan", "build", "build_removal", "with_marks", "without_foreign"]
