"""Values that follow from others, filled in."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any, cast

from kvmctl.codec import members
from kvmctl.fields import changed, is_set, known, stating
from kvmctl.models.os import Os

if TYPE_CHECKING:
    from kvmctl.fields import Model
    from kvmctl.inventory import Inventory
    from kvmctl.models.cputune import Cputune
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
    """Return the machine as libvirt keeps it: threads scheduled one by one, and the boot order in one place."""
    machine = cast("VirtualMachine", spec)
    tune = known(machine.cputune)
    scheduled = _one_by_one(tune) if tune else tune
    return _ordered(machine if scheduled is tune else changed(machine, cputune=scheduled))


def _one_by_one(tune: Cputune) -> Cputune:
    """Return the tuning with an entry for each thread, as libvirt 9.0 prints them: `0-1` comes back as 0 and 1."""
    done: dict[str, Any] = {}
    for field, name in (("vcpuscheds", "vcpus"), ("iothreadscheds", "iothreads")):
        entries = known(getattr(tune, field)) or ()
        if any(not getattr(each, name).isdecimal() for each in entries):
            apart = [(each, number) for each in entries for number in members(getattr(each, name))]
            done[field] = tuple(changed(each, **{name: str(number)}) for each, number in apart)
    return changed(tune, **done) if done else tune


def _ordered(machine: VirtualMachine) -> VirtualMachine:
    """Take `os.boot` away where devices have a boot order: libvirt refuses both, and each machine has boot classes."""
    lists: tuple[Any, ...] = (
        machine.disks, machine.filesystems, machine.interfaces, machine.hostdevs, machine.redirdevs,
    )  # fmt: skip
    devices = [device for held in lists for device in known(held) or ()]
    if not any(known(device.boot_order) for device in devices):
        return machine
    held = known(machine.os) or stating(Os)
    return machine if is_set(held.boot) else changed(machine, os=changed(held, boot=None))


_COMPLETE = {"network": _network, "vm": _machine}
