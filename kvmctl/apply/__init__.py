"""A plan carried out: actions in the order of their needs, independent ones side by side."""

from kvmctl.apply.result import Result, Status
from kvmctl.apply.run import Progress, run

__all__ = ["Progress", "Result", "Status", "run"]
