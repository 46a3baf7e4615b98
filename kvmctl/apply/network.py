"""Networks: defined, changed, started, stopped, removed."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from kvmctl.apply.definition import define_change, define_new
from kvmctl.fields import known
from kvmctl.plan.creation import starts

if TYPE_CHECKING:
    from kvmctl.actions import Action
    from kvmctl.apply.context import Context
    from kvmctl.inventory import Live
    from kvmctl.models.network import Network


def create(action: Action, context: Context) -> None:
    """Define a new network, start it unless it is to stay off, and set its autostart."""
    hypervisor, name, spec = (
        context.hypervisor,
        action.address.name,
        cast("Network", context.want(action).spec),
    )
    define_new(
        action.address,
        spec,
        hypervisor.define_network,
        lambda: hypervisor.network_xml(name),
        lambda: hypervisor.undefine_network(name),
    )
    if starts(spec):
        hypervisor.start_network(name)
    if known(spec.autostart):
        hypervisor.set_network_autostart(name, True)


def redefine(action: Action, context: Context) -> None:
    """Write the manifest's fields onto the definition; a running network goes on as it is."""
    hypervisor, name = context.hypervisor, action.address.name
    former = hypervisor.network_xml(name)
    define_change(
        action.address,
        context.want(action).spec,
        hypervisor.define_network,
        lambda: hypervisor.network_xml(name),
        former=former,
    )


def start(action: Action, context: Context) -> None:
    """Start the network."""
    context.hypervisor.start_network(action.address.name)


def stop(action: Action, context: Context) -> None:
    """Stop the network; its definition stays."""
    context.hypervisor.stop_network(action.address.name)


def set_autostart(action: Action, context: Context) -> None:
    """Set whether the network starts with the host."""
    context.hypervisor.set_network_autostart(action.address.name, action.details["value"])


def delete(action: Action, context: Context) -> None:
    """Stop the network if it runs and remove its definition."""
    if cast("Live", context.plan.have[action.address].live).active:
        stop(action, context)
    if cast("Live", context.plan.have[action.address].live).persistent:
        context.hypervisor.undefine_network(action.address.name)
