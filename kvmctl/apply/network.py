"""Networks: defined, changed, started, stopped, removed."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from kvmctl import xmlio
from kvmctl.apply.definition import define_change, define_new
from kvmctl.apply.network_guests import guests_on, plug_in_all, unmark
from kvmctl.fields import known
from kvmctl.plan.creation import starts
from kvmctl.wiring import is_restarting, own_bridge

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
    with context.bridges:
        define_new(
            action.address,
            spec,
            hypervisor.define_network,
            lambda: hypervisor.network_xml(name),
            lambda: hypervisor.undefine_network(name),
            mark=context.plan.owned.get(action.address),
        )
    if starts(spec):
        start(action, context)
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


def start(action: Action, context: Context) -> str:
    """Start the network, and plug in again what running guests have on it; return what that came to."""
    hypervisor, name = context.hypervisor, action.address.name
    hypervisor.start_network(name)
    bridge = own_bridge(xmlio.parse(hypervisor.network_xml(name, running=True)))
    plugs = [] if bridge is None else guests_on(hypervisor, name, bridge)
    told = plug_in_all(hypervisor, action.address, plugs, bridge or "")
    if is_restarting(hypervisor.network_xml(name)):
        unmark(hypervisor, name)
    return told


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
