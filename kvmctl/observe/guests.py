"""What is known of networks and machines only when they are looked at together: who is on a network, and who no more.

A network that is stopped takes its bridge away, and running guests stay unplugged when it starts again. libvirt still
tells it as their network, but the ports by which the network knew their interfaces are gone (libvirt 9.0).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from kvmctl.diff import diff
from kvmctl.fields import known
from kvmctl.models.network import Network
from kvmctl.wiring import bridge_of, interfaces_on, is_restarting, own_bridge
from kvmctl.xmlio import parse, read

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from kvmctl.hypervisor import Hypervisor
    from kvmctl.inventory import Address, Inventory, Live, Resource

_PLUGGED: Final = re.compile(r"<source network='([^']*)'[^>]* portid='([^']*)'")


class CutOff(NamedTuple):
    """An interface of a running machine that is on no bridge any more, and the network whose bridge it was on."""

    mac: str
    network: str


def with_cut_off(hv: Hypervisor, found: dict[Address, Resource], wanted: Inventory) -> dict[Address, Resource]:
    """Return the inventory with `cut_off` on each wanted machine that its network's restart left unplugged.

    Each running network that such machines are on is asked for its ports, and nothing else.
    """
    plugged = {
        address: _PLUGGED.findall(live.running_xml)
        for address, resource in found.items()
        if address.kind == "vm" and address in wanted and (live := cast("Live", resource.live)).running_xml
    }
    named = {network for pairs in plugged.values() for network, _ in pairs}
    networks = {address.name for address in found if address.name in named and _has_own_bridge(address, found)}
    ports = {name: hv.network_ports(name) for name in sorted(networks)}
    for address, pairs in plugged.items():
        lost = {name for name, port in pairs if (those := ports.get(name)) is not None and port not in those}
        if lost:
            cut = tuple(_cut_off(cast("Live", found[address].live).running_xml, lost, ports))
            found[address] = _knowing(found[address], cut_off=cut)
    return found


def _has_own_bridge(address: Address, found: Mapping[Address, Resource]) -> bool:
    live = cast("Live", found[address].live)
    return address.kind == "network" and bool(live.running_xml) and own_bridge(parse(live.running_xml)) is not None


def _cut_off(xml: str, networks: Iterable[str], ports: Mapping[str, frozenset[str] | None]) -> Iterator[CutOff]:
    root = parse(xml)
    for network in sorted(networks):
        for interface in interfaces_on(root, network, None):
            source, mac = interface.find("source"), interface.find("mac")
            if source is not None and mac is not None and source.get("portid") not in (ports[network] or ()):
                yield CutOff(mac.get("address", ""), network)


def with_guests(hv: Hypervisor, found: dict[Address, Resource], wanted: Inventory) -> dict[Address, Resource]:
    """Return the inventory with `guests` on each running network that has to change or to stop: who is on it now.

    All running machines are asked, since others than the wanted ones may be on it, and none where no network differs.
    """
    bridges = {
        address: bridge_of(parse(cast("Live", found[address].live).running_xml))
        for address, wish in wanted.items()
        if address.kind == "network" and address in found and _moves(found[address], wish)
    }
    if not bridges:
        return found
    active = [entry for entry in hv.domains() if entry.active]
    jobs = [hv.domain_xml_job(entry, running=True) for entry in active]
    machines = {active[position].name: parse(xml) for position, xml in hv.ask_all(jobs) if xml}
    for address, bridge in bridges.items():
        guests = [name for name, root in machines.items() if any(interfaces_on(root, address.name, bridge))]
        found[address] = _knowing(found[address], guests=tuple(sorted(guests)))
    return found


def _moves(have: Resource, wish: Resource) -> bool:
    """Say whether a network runs, and not as it is wanted, or a restart of it was cut short."""
    live, spec = cast("Live", have.live), cast("Network", wish.spec)
    if not live.running_xml or is_restarting(live.xml):
        return bool(live.running_xml)
    running = read(Network, parse(live.running_xml), spec, active=True, autostart=known(spec.autostart))
    return bool(diff(running, spec, running=True) or diff(have.spec, spec))


def _knowing(resource: Resource, **facts: Any) -> Resource:
    live = cast("Live", resource.live)
    return resource._replace(live=live._replace(facts={**live.facts, **facts}))
