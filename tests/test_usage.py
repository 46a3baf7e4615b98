from __future__ import annotations

from typing import Any

import pytest

from kvmctl import usage, xmlio
from kvmctl.document import decode
from kvmctl.inventory import Address, Live, Resource
from kvmctl.models.disk import Disk
from kvmctl.models.network import Network
from kvmctl.models.vm import VirtualMachine

DISK = Address("disk", "a")
FILE = "<disk type='file'><source file='/v/a'/><target dev='vda'/></disk>"
BLOCK = "<disk type='block'><source dev='/v/a'/><target dev='vda'/></disk>"
VOLUME = "<disk type='volume'><source pool='p' volume='a'/><target dev='vda'/></disk>"
READ_ONLY = "<disk type='file'><source file='/v/a'/><target dev='vda'/><readonly/></disk>"
CDROM = "<disk type='file' device='cdrom'><source file='/v/a'/><target dev='sda'/></disk>"
BELOW = (
    "<disk type='file'><source file='/v/top'/><backingStore type='file'><format type='raw'/>"
    "<source file='/v/a'/></backingStore><target dev='vda'/></disk>"
)


def disk(name: str, **spec: Any) -> Resource:
    facts = {"path": f"/v/{name}", "pool": "p", "volume": name}
    document = decode(Disk, {"pool": "p", "size": 512, **spec})
    return Resource(Address("disk", name), document, live=Live(facts=facts))


def vm(devices: str, running: str = "") -> Resource:
    xml, live = (f"<domain><devices>{each}</devices></domain>" for each in (devices, running))
    spec = xmlio.read(VirtualMachine, xmlio.parse(xml))
    return Resource(Address("vm", "v"), spec, live=Live(xml, live if running else ""))


DISKS = usage.disks_of({DISK: disk("a")})


@pytest.mark.parametrize("device", [FILE, BLOCK, VOLUME, READ_ONLY, CDROM, BELOW])
def test_a_machine_stands_on_each_disk_that_it_names(device: str) -> None:
    assert usage.stands_on(vm(device), DISKS) == {DISK}
    assert usage.stands_on(vm("", running=device), DISKS) == {DISK}


@pytest.mark.parametrize("device", [FILE, BLOCK, VOLUME])
def test_a_machine_owns_the_disks_that_it_writes_to(device: str) -> None:
    assert usage.own_disks(vm(device), DISKS) == [DISK]
    assert usage.own_disks(vm(device, running=device), DISKS) == [DISK]


@pytest.mark.parametrize("device", [READ_ONLY, CDROM, BELOW])
def test_a_machine_owns_no_disk_that_it_only_reads(device: str) -> None:
    assert usage.own_disks(vm(device), DISKS) == []


def test_what_is_not_managed_is_nobodys() -> None:
    assert usage.stands_on(vm("<disk><source file='/elsewhere'/><target dev='vda'/></disk><disk/>"), DISKS) == set()


def test_a_machine_stands_on_networks_of_both_definitions() -> None:
    nic = "<interface type='network'><source network='{}'/></interface>"
    found = usage.stands_on(vm(nic.format("lab"), running=nic.format("plugged") + nic.format("lab")), DISKS)
    assert found == {Address("network", "lab"), Address("network", "plugged")}
    assert usage.stands_on(vm("<interface type='bridge'><source bridge='br0'/></interface>"), DISKS) == set()


def test_a_disk_stands_on_its_pool_and_the_one_below() -> None:
    pool = Address("pool", "p")
    assert usage.stands_on(disk("top", backing={"path": "/v/a", "format": "raw"}), DISKS) == {pool, DISK}
    assert usage.stands_on(disk("top", backing={"path": "/elsewhere", "format": "raw"}), DISKS) == {pool}
    assert usage.stands_on(disk("top", backing=None), DISKS) == {pool}
    assert usage.stands_on(disk("top"), DISKS) == {pool}


def test_a_network_stands_on_nothing() -> None:
    assert (
        usage.stands_on(Resource(Address("network", "n"), decode(Network, {}), live=Live("<network/>")), DISKS) == set()
    )
