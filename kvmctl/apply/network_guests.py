"""Running guests on a network: plugged in again once its bridge is there again, and listened to."""

from __future__ import annotations

import copy
import ipaddress
import socket
import time
import xml.etree.ElementTree as ET
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import urlsplit

from kvmctl import xmlio
from kvmctl.errors import HypervisorError
from kvmctl.wiring import bridge_of, end_restart, interfaces_on, is_on_bridge

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from kvmctl.actions import Action
    from kvmctl.apply.context import Context
    from kvmctl.hypervisor import Hypervisor
    from kvmctl.inventory import Address

HEARD_SECONDS: Final = 15.0
"""How long a guest may take to be heard again: a bridge with STP passes nothing for the first seconds."""
_LISTEN_SECONDS: Final = 0.5
_DISCARD_PORT: Final = 9


class Plug(NamedTuple):
    """An interface of a running machine, as the machine's definition in effect has it."""

    machine: str
    interface: ET.Element

    @property
    def mac(self) -> str:
        """The interface's MAC address."""
        return _attribute(self.interface, "mac", "address")

    @property
    def device(self) -> str:
        """The host's end of the interface: vnet0."""
        return _attribute(self.interface, "target", "dev")

    @property
    def port(self) -> str:
        """The UUID of the network's port that the interface had, '' where it is on the bridge itself."""
        return _attribute(self.interface, "source", "portid")

    def __str__(self) -> str:
        return f"vm/{self.machine} ({self.mac})"


def _attribute(element: ET.Element, tag: str, name: str) -> str:
    found = element.find(tag)
    return "" if found is None else found.get(name, "")


def guests_on(hypervisor: Hypervisor, network: str, bridge: str | None) -> list[Plug]:
    """Return the interfaces of running machines that are on a network, or on its bridge by that one's name."""
    active = [entry for entry in hypervisor.domains() if entry.active]
    answers = hypervisor.ask_all([hypervisor.domain_xml_job(entry, running=True) for entry in active])
    return [
        Plug(active[position].name, interface)
        for position, xml in answers
        if xml
        for interface in interfaces_on(xmlio.parse(xml), network, bridge)
    ]


def plug_in_again(action: Action, context: Context) -> None:
    """Put one interface of a running guest back on its network's bridge, unless that has been done."""
    hypervisor, network = context.hypervisor, action.details["network"]
    mac, machine = action.details["mac"], xmlio.parse(hypervisor.domain_xml(action.address.name, running=True))
    ports = hypervisor.network_ports(network) or ()
    bridge = bridge_of(xmlio.parse(hypervisor.network_xml(network, running=True))) or ""
    for interface in interfaces_on(machine, network, None):
        plug = Plug(action.address.name, interface)
        if plug.mac == mac and plug.port not in ports:
            _plug_in(hypervisor, plug, network, bridge, tell=False)


def plug_in_all(hypervisor: Hypervisor, network: Address, plugs: Sequence[Plug], bridge: str) -> str:
    """Plug all in, and return which; raises HypervisorError for those that can't be."""
    failures = plug_in(hypervisor, network.name, plugs, bridge, tell=False)
    if failures:
        raise left_out(network, failures)
    return f"plugged in again: {', '.join(map(str, plugs))}" if plugs else ""


def unmark(hypervisor: Hypervisor, network: str) -> None:
    """Take out of a network's definition that a restart of it was begun."""
    definition = xmlio.parse(hypervisor.network_xml(network))
    end_restart(definition)
    hypervisor.define_network(xmlio.serialize(definition), validate=False)


def left_out(network: Address, failures: Mapping[str, HypervisorError]) -> HypervisorError:
    """Return the error for interfaces that couldn't be plugged in."""
    told = "; ".join(f"{plug}: {error.message}" for plug, error in failures.items())
    return HypervisorError(f"{network} is started, but cut off are still {told}", "apply again to try once more")


def plug_in(
    hypervisor: Hypervisor, network: str, plugs: Iterable[Plug], bridge: str, *, tell: bool
) -> dict[str, HypervisorError]:
    """Plug interfaces in, and return what libvirt said of those that it couldn't; with `tell` guests see it happen."""
    failures = {}
    for plug in plugs:
        try:
            _plug_in(hypervisor, plug, network, bridge, tell=tell)
        except HypervisorError as error:
            failures[str(plug)] = error
    return failures


def _plug_in(hypervisor: Hypervisor, plug: Plug, network: str, bridge: str, *, tell: bool) -> None:
    """Put an interface back on the bridge; its card stays, with MAC address, alias and PCI address.

    An update to what it is already does nothing, nor does one of its link (libvirt 9.0: qemuDomainChangeNet). So one on
    a network becomes one of the bridge, and then of the network again; one on the bridge itself goes by the network.
    With `tell` the link is down in between, so that the guest asks for its address anew.
    """
    interface = plug.interface
    other = on_network(interface, network) if is_on_bridge(interface) else on_bridge(interface, bridge)
    link = other.find("link")
    if tell and (link is None or link.get("state") != "down"):
        (ET.SubElement(other, "link") if link is None else link).set("state", "down")
    own = interface if is_on_bridge(interface) else on_network(interface, network)
    for each in (other, own):
        hypervisor.update_device(plug.machine, xmlio.serialize(each), live=True, config=False)


def on_bridge(interface: ET.Element, bridge: str) -> ET.Element:
    """Return the interface plugged into a bridge itself."""
    changed = copy.deepcopy(interface)
    changed.set("type", "bridge")
    for source in changed.findall("source"):
        source.attrib = {"bridge": bridge}
    return changed


def on_network(interface: ET.Element, network: str) -> ET.Element:
    """Return the interface on a network, without the port and the bridge that it had there."""
    changed = copy.deepcopy(interface)
    changed.set("type", "network")
    for source in changed.findall("source"):
        kept = {name: value for name, value in source.attrib.items() if name not in ("portid", "bridge")}
        source.attrib = {**kept, "network": network}
    return changed


def listened(
    hypervisor: Hypervisor, plugs: Iterable[Plug], addresses: Mapping[str, str], subnets: Iterable[str]
) -> list[str]:
    """Return what became of the guests that had an address: heard again, or not within the time limit.

    A guest that sends anything is on the network again. One that has nothing to say is asked something, from this host
    if it is libvirt's, and by its old address if that is in one of the `subnets` still.
    """
    waiting = {plug: _sent(hypervisor, plug) for plug in plugs if plug.mac in addresses}
    expected, is_local = list(waiting), not urlsplit(hypervisor.uri).netloc
    deadline = time.monotonic() + HEARD_SECONDS
    networks = [ipaddress.ip_network(each, strict=False) for each in subnets]
    while waiting and time.monotonic() < deadline:
        for plug in waiting:
            address = ipaddress.ip_address(addresses[plug.mac])
            if is_local and any(address in network for network in networks):
                _ask_something(str(address))
        time.sleep(_LISTEN_SECONDS)
        waiting = {plug: before for plug, before in waiting.items() if _sent(hypervisor, plug) == before}
    heard = [plug for plug in expected if plug not in waiting]
    told = [f"heard again: {', '.join(map(str, heard))}"] if heard else []
    told += [f"{plug}, which had {addresses[plug.mac]}, was not heard within {HEARD_SECONDS:g} s" for plug in waiting]
    return told


def _sent(hypervisor: Hypervisor, plug: Plug) -> int:
    return hypervisor.packets_from_guest(plug.machine, plug.device)


def _ask_something(address: str) -> None:
    """Have the host look for the owner of an address, with an empty datagram that nobody answers."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as asking:
        asking.sendto(b"", (address, _DISCARD_PORT))
