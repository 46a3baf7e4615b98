"""Rules of virtual networks (libvirt: docs/formatnetwork, and what network_conf.c and bridge_driver.c refuse)."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any

from kvmctl.codec import prefix_length
from kvmctl.fields import known
from kvmctl.rules.finding import Finding, Path, items, repeated, stated

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvmctl.models.network import Dhcp, DhcpHost, Ip, Network

_ON_HOST_DEVICE = ("bridge", "private", "vepa", "passthrough", "hostdev")
_DEFAULT_PREFIX_6 = 64
_CLASSES = ((128, 8), (192, 16), (256, 24))  # first byte below, prefix: libvirt's default without a prefix

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Subnet = ipaddress.IPv4Network | ipaddress.IPv6Network


def forward(spec: Network) -> Iterator[Finding]:
    """Refuse what doesn't go with the mode (NAT's details, addresses), and a device that isn't the first of several."""
    held = known(spec.forward)
    if held is None:
        return
    if known(held.nat) is not None and held.mode != "nat":
        yield Finding(
            ("spec", "forward", "nat"), f"mode {held.mode} doesn't translate", "write mode: nat, or take nat away"
        )
    if held.mode in _ON_HOST_DEVICE:
        yield from _on_host_device(spec, str(held.mode))
    devices = items(held.interfaces)
    if devices and known(held.dev, devices[0]) != devices[0]:
        message = f"{held.dev} is not the first of interfaces, which is {devices[0]}"
        yield Finding(("spec", "forward", "dev"), message, f"write {devices[0]}, or take dev away; it follows")
    nat = known(held.nat)
    ports = known(nat.ports) if nat else None
    if ports and int(ports.start or 0) > int(ports.end or 0):
        yield _reversed(("spec", "forward", "nat", "ports", "end"), ports)
    addresses = known(nat.address) if nat else None
    if addresses and _order(addresses) == "reversed":
        yield _reversed(("spec", "forward", "nat", "address", "end"), addresses)


def _on_host_device(spec: Network, mode: str) -> Iterator[Finding]:
    """Yield what a network on a device of the host can't have."""
    for name in ("ips", "domain", "mtu"):
        if getattr(spec, name):
            message = f"a network of mode {mode} has no {name}: its guests are on the host's own network"
            yield Finding(("spec", name), message, "take it away, or write mode: nat, route or open")


def addresses(spec: Network) -> Iterator[Finding]:
    """Refuse addresses that are there already, of another family than they say, or with a prefix that doesn't fit."""
    held = items(spec.ips)
    for index, first, address in repeated((index, ip.address) for index, ip in enumerate(held)):
        message = f"{address} is the address of ips[{first}] already"
        yield Finding(("spec", "ips", index, "address"), message, "take one of them away")
    serving: dict[int, int] = {}
    for index, ip in enumerate(held):
        path = ("spec", "ips", index)
        version = ipaddress.ip_address(ip.address).version
        if known(ip.family) not in (None, f"ipv{version}"):
            message = f"{ip.address} is not of the family {ip.family}"
            yield Finding((*path, "family"), message, "take family away; it follows from the address")
        subnet = _subnet(ip)
        if subnet is None:
            yield Finding((*path, "prefix"), f"{ip.prefix} is too long for {ip.address}", "write at most 32")
        dhcp = known(ip.dhcp)
        if dhcp is None:
            continue
        if serving.setdefault(version, index) != index:
            message = f"ips[{serving[version]}] has DHCP for IPv{version} already"
            yield Finding((*path, "dhcp"), message, "libvirt serves one subnet of each family: take one of them away")
        if subnet is not None:
            yield from _dhcp((*path, "dhcp"), dhcp, subnet)


def _subnet(ip: Ip) -> Subnet | None:
    """Return the subnet of an address; None where the prefix is longer than the address."""
    address = ipaddress.ip_address(str(ip.address))
    length: Any = known(ip.prefix)
    if length is None:
        first = address.packed[0]
        by_class = next((length for below, length in _CLASSES if first < below), 24)
        length = by_class if isinstance(address, ipaddress.IPv4Address) else _DEFAULT_PREFIX_6
    prefix = prefix_length(length)
    return None if prefix > address.max_prefixlen else ipaddress.ip_network((address, prefix), strict=False)


def _dhcp(path: Path, dhcp: Dhcp, subnet: Subnet) -> Iterator[Finding]:
    for index, each in enumerate(items(dhcp.ranges)):
        place = (*path, "ranges", index)
        outside = [name for name in ("start", "end") if ipaddress.ip_address(getattr(each, name)) not in subnet]
        for name in outside:
            yield _outside((*place, name), getattr(each, name), subnet)
        if not outside and _order(each) == "reversed":
            yield _reversed((*place, "end"), each)
        if not outside:
            yield from _edges(place, each, subnet)
    hosts = items(dhcp.hosts)
    for index, host in enumerate(hosts):
        yield from _host((*path, "hosts", index), host, subnet)
    for name in ("mac", "ip"):
        for index, first, value in repeated((index, getattr(host, name)) for index, host in enumerate(hosts)):
            message = f"{value} is the {name} of hosts[{first}] already"
            yield Finding((*path, "hosts", index, name), message, f"write another {name}")


def _host(place: Path, host: DhcpHost, subnet: Subnet) -> Iterator[Finding]:
    if isinstance(subnet, ipaddress.IPv4Network) and not stated(host, "mac", "name"):
        yield Finding(place, f"who gets {host.ip} is not said", "write mac: beside it, or name:")
    if isinstance(subnet, ipaddress.IPv6Network) and not stated(host, "id", "name"):
        hint = "write id: or name: beside it; IPv6 knows no MAC addresses here"
        yield Finding(place, f"who gets {host.ip} is not said", hint)
    if isinstance(subnet, ipaddress.IPv6Network) and stated(host, "mac"):
        yield Finding((*place, "mac"), "IPv6 hosts are told by id or name, not by MAC", "write id: or name: instead")


def _edges(place: Path, each: Any, subnet: Subnet) -> Iterator[Finding]:
    """Yield the first and last address of an IPv4 subnet, which libvirt hands to nobody (virSocketAddrGetRange)."""
    if not isinstance(subnet, ipaddress.IPv4Network) or subnet.num_addresses == 1:
        return
    if ipaddress.ip_address(each.start) == subnet.network_address:
        hint = f"start at {subnet.network_address + 1} or later"
        yield Finding((*place, "start"), f"{each.start} is the address of the network itself", hint)
    if ipaddress.ip_address(each.end) == subnet.broadcast_address:
        hint = f"end at {subnet.broadcast_address - 1} or before"
        yield Finding((*place, "end"), f"{each.end} is the broadcast address", hint)


def _order(each: Any) -> str:
    start, end = ipaddress.ip_address(each.start), ipaddress.ip_address(each.end)
    return "reversed" if start.version != end.version or int(start) > int(end) else ""


def _reversed(path: Path, each: Any) -> Finding:
    return Finding(path, f"{each.end} comes before start, which is {each.start}", "write the lower one as start")


def _outside(path: Path, address: Any, subnet: Subnet) -> Finding:
    hint = f"write an address from {subnet.network_address + 1} to {subnet.broadcast_address - 1}"
    return Finding(
        path,
        f"{address} is outside of {subnet}",
        hint if subnet.prefixlen < subnet.max_prefixlen - 1 else "widen the prefix",
    )


def names(spec: Network) -> Iterator[Finding]:
    """Refuse name servers that say nothing, and hosts that are there already."""
    dns = known(spec.dns)
    if dns is None:
        return
    for index, each in enumerate(items(dns.forwarders)):
        if not stated(each, "address", "domain"):
            yield Finding(
                ("spec", "dns", "forwarders", index), "the forwarder says nothing", "write address: or domain:"
            )
    for index, first, ip in repeated((index, each.ip) for index, each in enumerate(items(dns.hosts))):
        message = f"{ip} is the address of hosts[{first}] already"
        yield Finding(("spec", "dns", "hosts", index, "ip"), message, "put all its names into one entry")


def groups(spec: Network) -> Iterator[Finding]:
    """Refuse groups of ports that are there already, and a second one that is the default."""
    held = items(spec.portgroups)
    for index, first, name in repeated((index, each.name) for index, each in enumerate(held)):
        message = f"{name} is the name of portgroups[{first}] already"
        yield Finding(("spec", "portgroups", index, "name"), message, "write another name")
    for index, first, _ in repeated((index, each.default or None) for index, each in enumerate(held)):
        message = f"portgroups[{first}] is the default already"
        yield Finding(("spec", "portgroups", index, "default"), message, "keep one default")


RULES = (forward, addresses, names, groups)
