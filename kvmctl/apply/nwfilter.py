"""Network filters: defined, changed, removed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmctl.apply.definition import define_change, define_new

if TYPE_CHECKING:
    from kvmctl.actions import Action
    from kvmctl.apply.context import Context


def create(action: Action, context: Context) -> None:
    """Define a new filter."""
    hypervisor, name = context.hypervisor, action.address.name
    define_new(
        action.address,
        context.want(action).spec,
        hypervisor.define_nwfilter,
        lambda: hypervisor.nwfilter_xml(name),
        lambda: hypervisor.undefine_nwfilter(name),
    )


def redefine(action: Action, context: Context) -> None:
    """Write the manifest's fields onto the definition."""
    hypervisor, name = context.hypervisor, action.address.name
    former = hypervisor.nwfilter_xml(name)
    define_change(
        action.address,
        context.want(action).spec,
        hypervisor.define_nwfilter,
        lambda: hypervisor.nwfilter_xml(name),
        former=former,
    )


def delete(action: Action, context: Context) -> None:
    """Remove a filter."""
    context.hypervisor.undefine_nwfilter(action.address.name)
