"""Differences → an ordered Plan: what will be done, what is refused and why, what waits for a restart."""

from kvmctl.plan.build import Looked, Plan, build
from kvmctl.plan.owning import with_marks, without_foreign
from kvmctl.plan.removal import Asked, build_removal

__all__ = ["Asked", "Looked", "Plan", "build", "build_removal", "with_marks", "without_foreign"]
