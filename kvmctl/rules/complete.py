"""Values that follow from others, filled in."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any, cast

from kvmctl.fields import changed, is_set, known, stating
from kvmctl.models.vm import Os

if TYPE_CHECKING:
    from kvmctl.fields import Model
    from kvmctl.inventory import Inventory
    from kvmctl.models.network import Ip, Network
    from kvmctl.models.vm import VirtualMachine


def complete(inventory: Inventory) -> Inventory:
    """Return the inventory with what follows from its fields and would otherwise have to be written too."""
    done = dict(inventory)
    for address, resource in inventory.items():
        spec = _COMPLETE[address.kind](resource.spec) if address.kind in _COMPLETE else resource.spec
        if spec is not resource.spec:
            done[address] = resource._replace(spec=spec)
    return done


def _network(spec: Model) -> Model:
    network = cast("Network", spec)
    if not network.ips:
        return network
    return changed(network, ips=tuple(_with_family(ip) for ip in network.ips))


def _with_family(ip: Ip) -> Ip:
    if known(ip.family) is None and isinstance(ipaddress.ip_address(str(ip.address)), ipaddress.IPv6Address):
        return changed(ip, family="ipv6")
    return ip


def _machine(spec: Model) -> Model:
    """Take `os.boot` away where devices have a boot order: libvirt refuses both, and each machine has boot classes."""
    machine = cast("VirtualMachine", spec)
    lists: tuple[Any, ...] = (machine.disks, machine.interfaces, machine.redirdevs)
    devices = [device for held in lists for device in known(held) or ()]
    if not any(known(device.boot_order) for device in devices):
        return machine
    held = known(machine.os) or stating(Os)
    return machine if is_set(held.boot) else changed(machine, os=changed(held, boot=None))


_COMPLETE = {"network": _network, "vm": _machine}
