"""Values that follow from others, filled in."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any, cast

from kvmctl import seeding
from kvmctl.codec import Uuid, members
from kvmctl.fields import changed, is_set, known, stating
from kvmctl.models.os import Os
from kvmctl.models.secret import USAGE_IDS

if TYPE_CHECKING:
    from kvmctl.fields import Model
    from kvmctl.inventory import Inventory, Resource
    from kvmctl.models.cputune import Cputune
    from kvmctl.models.network import Ip, Network
    from kvmctl.models.pool import StoragePool
    from kvmctl.models.secret import Secret
    from kvmctl.models.vm import VirtualMachine


def complete(inventory: Inventory) -> Inventory:
    """Return the inventory with what follows from its fields and would otherwise have to be written too."""
    done = dict(inventory)
    for address, resource in inventory.items():
        spec = _COMPLETE[address.kind](resource) if address.kind in _COMPLETE else resource.spec
        if spec is not resource.spec:
            done[address] = resource._replace(spec=spec)
    return done


def _network(resource: Resource) -> Model:
    network = cast("Network", resource.spec)
    if not network.ips:
        return network
    return changed(network, ips=tuple(_with_family(ip) for ip in network.ips))


def _with_family(ip: Ip) -> Ip:
    if known(ip.family) is None and isinstance(ipaddress.ip_address(str(ip.address)), ipaddress.IPv6Address):
        return changed(ip, family="ipv6")
    return ip


def _machine(resource: Resource) -> Model:
    """Return the machine as libvirt keeps it: threads scheduled one by one, and the boot order in one place.

    Ignition's configuration gets its entry of fw_cfg, so that what the machine has there is looked at.
    """
    machine = cast("VirtualMachine", resource.spec)
    if known(machine.ignition) is not None:
        machine = changed(machine, fwcfgs=(*(known(machine.fwcfgs) or ()), seeding.entry()))
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


def _pool(resource: Resource) -> Model:
    """Say of an adapter that is named or found by its place that it is a SCSI host, as libvirt would."""
    pool = cast("StoragePool", resource.spec)
    source = known(pool.source)
    adapter = known(source.adapter) if source else None
    if source is None or adapter is None or is_set(adapter.type):
        return pool
    return changed(pool, source=changed(source, adapter=changed(adapter, type="scsi_host")))


def _secret(resource: Resource) -> Model:
    """Give a secret what its name says: the id of its usage, or its UUID where that is the name."""
    secret = cast("Secret", resource.spec)
    name, held = resource.address.name, known(secret.usage)
    more: dict[str, Any] = {}
    if _is_uuid(name) and not is_set(secret.uuid):
        more["uuid"] = name
    elif held is not None and not is_set(getattr(held, USAGE_IDS[str(held.type)])) and held.type != "volume":
        more["usage"] = changed(held, **{USAGE_IDS[str(held.type)]: name})
    return changed(secret, **more) if more else secret


def _is_uuid(text: str) -> bool:
    try:
        return Uuid().parse(text) == text
    except ValueError:
        return False


_COMPLETE = {"network": _network, "pool": _pool, "vm": _machine, "secret": _secret}
