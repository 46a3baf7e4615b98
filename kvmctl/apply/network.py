"""Networks: defined, changed, started, stopped, removed."""

from __future__ import annotations

import copy
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING, Final, cast

from kvmctl import xmlio
from kvmctl.apply.definition import define_change, define_new
from kvmctl.errors import HypervisorError
from kvmctl.fields import known
from kvmctl.plan.creation import starts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvmctl.actions import Action
    from kvmctl.apply.context import Context
    from kvmctl.hypervisor import Hypervisor
    from kvmctl.inventory import Live
    from kvmctl.models.network import Network

OWN_BRIDGE: Final = frozenset({"", "nat", "route", "open"})
"""The forward modes whose networks have a bridge that libvirt makes; "" is isolated."""


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


def start(action: Action, context: Context) -> None:
    """Start the network, and plug in again what running guests have on it."""
    hypervisor, name = context.hypervisor, action.address.name
    hypervisor.start_network(name)
    bridge = own_bridge(xmlio.parse(hypervisor.network_xml(name, running=True)))
    failures = [] if bridge is None else list(_plug_in_again(hypervisor, name, bridge))
    if failures:
        raise failures[0]


def own_bridge(network: ET.Element) -> str | None:
    """Return the bridge that libvirt makes for a network and takes away with it; None where the host has its own."""
    forward, bridge = network.find("forward"), network.find("bridge")
    mode = "" if forward is None else forward.get("mode", "nat")
    return bridge.get("name") if bridge is not None and mode in OWN_BRIDGE else None


def _plug_in_again(hypervisor: Hypervisor, name: str, bridge: str) -> Iterator[HypervisorError]:
    """Put guests' interfaces back on the bridge; yield what libvirt said of those that it couldn't.

    They stayed unplugged when the network was stopped under them, and an update to what an interface is already does
    nothing (libvirt 9.0: qemuDomainChangeNet): it becomes one of the bridge, and then of the network again.
    """
    for domain in hypervisor.domains():
        root = xmlio.parse(hypervisor.domain_xml(domain, running=True)) if domain.active else ET.Element("domain")
        for interface in root.iterfind("devices/interface[@type='network']"):
            source = interface.find("source")
            if source is None or source.get("network") != name:
                continue
            try:
                for xml in (on_bridge(interface, bridge), on_network(interface)):
                    hypervisor.update_device(domain.name, xml, live=True, config=False)
            except HypervisorError as error:
                yield error


def on_bridge(interface: ET.Element, bridge: str) -> str:
    """Return the interface plugged into a bridge itself."""
    changed = copy.deepcopy(interface)
    changed.set("type", "bridge")
    for source in changed.findall("source"):
        source.attrib = {"bridge": bridge}
    return xmlio.serialize(changed)


def on_network(interface: ET.Element) -> str:
    """Return the interface on its network, without the port and the bridge that it had there."""
    changed = copy.deepcopy(interface)
    for source in changed.findall("source"):
        source.attrib = {name: value for name, value in source.attrib.items() if name not in ("portid", "bridge")}
    return xmlio.serialize(changed)


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
