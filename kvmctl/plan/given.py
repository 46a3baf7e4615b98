"""Which profile gives the wanted value of a difference, for the plan to tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmctl.actions import Action, Refusal
from kvmctl.change import Change, Given
from kvmctl.layering import place_of
from kvmctl.manifest import locate

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from kvmctl.inventory import Resource
    from kvmctl.plan.steps import Steps


def with_profiles(steps: Steps, wish: Resource) -> Steps:
    """Return the steps for a resource, each difference with the profile that gives its wanted value, if one does."""
    if not wish.layers:
        return steps
    steps.actions = [_action(each, wish) for each in steps.actions]
    steps.refused = [
        Refusal(each.address, tuple(_told(each.because, wish)), each.disruption, each.reason, each.hint)
        for each in steps.refused
    ]
    steps.pending = list(_told(steps.pending, wish))
    return steps


def _action(action: Action, wish: Resource) -> Action:
    because = tuple(_told(action.because, wish))
    return Action(
        action.address, action.operation, action.disruption, because, action.equivalent, action.note, action.details
    )


def _told(changes: Iterable[Change], wish: Resource) -> Iterator[Change]:
    for change in changes:
        place = place_of(wish, ("spec", *change.path))
        if place is None or not place.profile:
            yield change
            continue
        line, _ = locate(place.origin, place.path, at_key=True)
        given = Given(place.profile, place.origin.file, line, place.partly)
        yield Change(change.path, change.before, change.after, change.row, given)
