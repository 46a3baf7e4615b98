"""Running networks changed: their lists at once; all else by a restart, after which guests are plugged in again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmctl import xmlio
from kvmctl.apply.definition import define_change
from kvmctl.apply.network_guests import guests_on, left_out, listened, plug_in, plug_in_all, unmark
from kvmctl.errors import HypervisorError
from kvmctl.fields import known
from kvmctl.models.network import Network
from kvmctl.plan.network_updates import between, updates
from kvmctl.wiring import begin_restart, bridge_of, end_restart, is_on_bridge

if TYPE_CHECKING:
    import xml.etree.ElementTree as ET
    from collections.abc import Sequence

    from kvmctl.actions import Action
    from kvmctl.apply.context import Context
    from kvmctl.apply.network_guests import Plug
    from kvmctl.hypervisor import Hypervisor
    from kvmctl.inventory import Address
    from kvmctl.plan.network_updates import NetworkUpdate


def update(action: Action, context: Context) -> None:
    """Change the network's lists, in its definition too where the plan says so; what can't be done whole isn't done."""
    hypervisor, name, config = context.hypervisor, action.address.name, action.details["config"]
    former, spec = hypervisor.network_xml(name, running=True), context.want(action).spec
    calls = updates(xmlio.parse(former), spec)
    if calls is None:
        raise HypervisorError(f"{action.address} has changed since the plan was made", "plan again")
    try:
        _call(hypervisor, name, calls, config=config)
    except HypervisorError as error:
        back = between(xmlio.parse(hypervisor.network_xml(name, running=True)), xmlio.parse(former)) or ()
        _call(hypervisor, name, back, config=config)
        raise HypervisorError(f"{error.message}; its lists are as they were before", error.hint, error.code) from error
    left = updates(xmlio.parse(hypervisor.network_xml(name, running=True)), spec)
    if left != ():
        told = ", ".join(call.xml for call in left or ())
        raise HypervisorError(f"{action.address}: libvirt took the updates and keeps something else: {told}")


def _call(hypervisor: Hypervisor, name: str, calls: Sequence[NetworkUpdate], *, config: bool) -> None:
    for command, section, parent, xml in calls:
        hypervisor.update_network(name, command, section, xml, parent=parent, live=True, config=config)


def restart(action: Action, context: Context) -> str:
    """Write the definition, start the network anew, plug its guests in again, and return who was heard after that.

    Where it doesn't start, or not one guest can be plugged in, the former definition is put back and started.
    """
    hypervisor, address, name = context.hypervisor, action.address, action.address.name
    former = xmlio.parse(hypervisor.network_xml(name))
    end_restart(former)  # of an apply that was killed
    old = bridge_of(xmlio.parse(hypervisor.network_xml(name, running=True)))
    plugs, leases = guests_on(hypervisor, name, old), hypervisor.network_leases(name)
    _define(action, context, xmlio.serialize(former))
    try:
        network = _start_anew(hypervisor, name)
        bridge = bridge_of(network) or ""
        stranded = [plug for plug in plugs if is_on_bridge(plug.interface) and bridge != old]
        able = [plug for plug in plugs if plug not in stranded]
        moved = any(change.path[0] == "ips" for change in action.because)
        failures = plug_in(hypervisor, name, able, bridge, tell=moved)
        if failures and len(failures) == len(able):
            raise left_out(address, failures)
    except HypervisorError as error:
        raise _taken_back(hypervisor, address, xmlio.serialize(former), plugs, error) from error
    if failures:
        raise left_out(address, failures)
    unmark(hypervisor, name)
    told = [f"plugged in again: {', '.join(map(str, able))}"] if able else []
    told += [f"{plug} stays cut off: it is on the bridge {old} itself, which is gone" for plug in stranded]
    return "; ".join([*told, *listened(hypervisor, able, leases, _subnets(network))])


def _define(action: Action, context: Context, former: str) -> None:
    """Write the wanted definition, with the mark that a restart is begun; where it can't be, the former stays."""
    hypervisor, name = context.hypervisor, action.address.name
    root = xmlio.parse(former)
    begin_restart(root)
    define, spec = hypervisor.define_network, context.want(action).spec
    try:
        define_change(action.address, spec, define, lambda: hypervisor.network_xml(name), former=xmlio.serialize(root))
    except HypervisorError:
        define(former, validate=False)
        raise


def finish_restart(action: Action, context: Context) -> str:
    """Plug in again what a restart that was cut short left out, and return which that was."""
    hypervisor, name = context.hypervisor, action.address.name
    ports = hypervisor.network_ports(name) or ()
    bridge = bridge_of(xmlio.parse(hypervisor.network_xml(name, running=True)))
    plugs = [plug for plug in guests_on(hypervisor, name, bridge) if plug.port not in ports]
    told = plug_in_all(hypervisor, action.address, plugs, bridge or "")
    unmark(hypervisor, name)
    return told


def _start_anew(hypervisor: Hypervisor, name: str) -> ET.Element:
    """Stop the network if it runs, start it, and return its definition in effect."""
    if any(each.name == name and each.active for each in hypervisor.networks()):
        hypervisor.stop_network(name)
    hypervisor.start_network(name)
    return xmlio.parse(hypervisor.network_xml(name, running=True))


def _subnets(network: ET.Element) -> list[str]:
    ips = xmlio.read(Network, network).ips or ()
    return [f"{ip.address}/{ip.prefix}" for ip in ips if known(ip.prefix)]


def _taken_back(
    hypervisor: Hypervisor, address: Address, former: str, plugs: Sequence[Plug], error: HypervisorError
) -> HypervisorError:
    """Put the former definition back and start it; return the error that says what failed and what is there now."""
    name = address.name
    try:
        hypervisor.define_network(former, validate=False)
        bridge = bridge_of(_start_anew(hypervisor, name)) or ""
        failures = plug_in(hypervisor, name, plugs, bridge, tell=False)
    except HypervisorError as other:
        told = f"{error.message}; going back to the former definition failed too: {other.message}"
        return HypervisorError(told, other.hint or error.hint, error.code)
    told = f"{error.message}; the former definition is back, and {address} runs with it"
    told += f"; cut off are still {', '.join(failures)}" if failures else ""
    return HypervisorError(told, error.hint, error.code)
