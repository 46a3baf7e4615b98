"""What the planner of one kind hands to the plan: the steps for one resource."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kvmctl.actions import Action, Disruption, Operation, Pending, Refusal
from kvmctl.fields import Update

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvmctl.diff import Change
    from kvmctl.inventory import Address


@dataclass(slots=True)
class Steps:
    """The actions for one resource in their order, what is refused, what waits for a restart, what stays.

    `pending` are the changes that wait already, `delayed` those that the actions make wait; `note` says why they do.
    """

    address: Address
    actions: list[Action] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    pending: list[Change] = field(default_factory=list)
    delayed: list[Change] = field(default_factory=list)
    note: str = ""
    kept: list[Refusal] = field(default_factory=list)

    def add(
        self, operation: Operation, disruption: Disruption, because: Sequence[Change], equivalent: Sequence[str],
        note: str = "", **details: object,
    ) -> None:  # fmt: skip
        """Append an action on the resource."""
        self.actions.append(
            Action(self.address, operation, disruption, tuple(because), tuple(equivalent), note, details)
        )

    def refuse(self, change: Change, reason: str, hint: str = "", disruption: Disruption = Disruption.NONE) -> None:
        """Record a difference that won't be acted on."""
        self.refused.append(Refusal(self.address, (change,), disruption, reason, hint))

    def refuse_by_row(self, changes: Sequence[Change]) -> list[Change]:
        """Refuse the changes whose row says so; return the others."""
        for change in changes:
            if change.row.update is Update.REFUSED:
                self.refuse(change, f"kvmctl does not change {change.text}", change.row.reason)
        return [change for change in changes if change.row.update is not Update.REFUSED]

    def waiting(self) -> Pending | None:
        """Return what waits for a restart, if anything does."""
        return Pending(self.address, tuple(self.pending), self.note) if self.pending else None
