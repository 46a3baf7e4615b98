"""What hangs on a network by libvirt's XML: the bridge that carries it, and the interfaces of machines on it."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from xml.etree.ElementTree import Element

_NAMESPACE: Final = "urn:kvmctl:restart"
_METADATA: Final = "metadata"
_BEGUN: Final = f"{{{_NAMESPACE}}}begun"
ET.register_namespace("restart", _NAMESPACE)

OWN_BRIDGE: Final = frozenset({"", "nat", "route", "open"})
"""The forward modes whose networks have a bridge that libvirt makes; "" is isolated."""


def bridge_of(network: Element) -> str | None:
    """Return the bridge that carries a network, libvirt's or the host's; None where its guests have other means."""
    bridge = network.find("bridge")
    return None if bridge is None else bridge.get("name")


def own_bridge(network: Element) -> str | None:
    """Return the bridge that libvirt makes for a network and takes away with it; None where the host has its own."""
    forward = network.find("forward")
    mode = "" if forward is None else forward.get("mode", "nat")
    return bridge_of(network) if mode in OWN_BRIDGE else None


def interfaces_on(machine: Element, network: str, bridge: str | None) -> Iterator[Element]:
    """Yield the interfaces of a running machine that are on a network, or on its bridge by that one's name."""
    for interface in machine.iterfind("devices/interface"):
        source = interface.find("source")
        if source is None:
            continue
        is_on_it = source.get("network") == network
        if is_on_it or (bridge is not None and is_on_bridge(interface) and source.get("bridge") == bridge):
            yield interface


def is_on_bridge(interface: Element) -> bool:
    """Say whether an interface is on a bridge by that one's name.

    Where a network has a bridge of the host, a running machine's interface on it says type bridge too (libvirt 9.0).
    """
    source = interface.find("source")
    return interface.get("type") == "bridge" and (source is None or source.get("network") is None)


def as_defined(machine: Element) -> None:
    """Make the interfaces of a running machine that are on networks say so, and not what the networks made of them."""
    for interface in machine.iterfind("devices/interface"):
        source = interface.find("source")
        if source is not None and source.get("network") is not None:
            interface.set("type", "network")
            source.attrib = {name: source.attrib[name] for name in ("network", "portgroup") if name in source.attrib}


def is_restarting(xml: str) -> bool:
    """Say whether a network's definition says that a restart of it was begun, and not that it has ended."""
    return _NAMESPACE in xml


def begin_restart(network: Element) -> None:
    """Have a network's definition say that it is being restarted: should kvmctl be killed, the next apply ends it."""
    metadata = network.find(_METADATA)
    ET.SubElement(ET.SubElement(network, _METADATA) if metadata is None else metadata, _BEGUN)


def end_restart(network: Element) -> None:
    """Take out of a network's definition that it is being restarted."""
    for metadata in network.findall(_METADATA):
        for begun in metadata.findall(_BEGUN):
            metadata.remove(begun)
        if not len(metadata):
            network.remove(metadata)
