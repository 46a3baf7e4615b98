"""Devices of a running guest are changed in place: the guest sees it, and notices no break."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kvmctl.sandbox import Sandbox

pytestmark = pytest.mark.guest

FOLDER = "/var/lib/libvirt/images"
MEDIUM = "dd if=/dev/sr0 bs=5 count=1 2>/dev/null"


@pytest.fixture(scope="module")
def host(shared_sandbox: Sandbox, empty_sandbox: Callable[[], None]) -> Sandbox:
    """The worker's sandbox, emptied once: the tests share a guest."""
    empty_sandbox()
    return shared_sandbox


@pytest.fixture(scope="module")
def booted(host: Sandbox, boot_guest: Callable[..., Any]) -> Any:
    """The guest that all tests of this module share: with a drive, and on a host with a second network and a filter."""
    for name in ("one", "two"):
        host.outside(f"{FOLDER}/{name}.iso").write_text(name.ljust(65536))
    disks = [{"target": "vda", "disk": "root", "bus": "virtio"}, {"target": "sda", "device": "cdrom", "bus": "scsi"}]
    guest = boot_guest(host, disks=disks, controllers=[{"type": "scsi", "index": 0, "model": "virtio-scsi"}])
    yard = "ips: [{address: 192.168.151.1, prefix: 24}], bridge: br-y, active: true"
    guest.kvmctl.apply({"network/yard": yard, "nwfilter/no-ping": "rules: [{action: drop, direction: out, icmp: {}}]"})
    return guest


@pytest.fixture
def guest(booted: Any, unbroken: Callable[[Any], Any]) -> Iterator[Any]:
    """The shared guest; whatever a test does to it, it must not start anew."""
    with unbroken(booted):
        yield booted


def test_media(guest: Any) -> None:
    disk, drive = guest.spec["disks"]
    for name in ("one", "two"):
        medium = {"file": f"{FOLDER}/{name}.iso", "format": "raw"}
        assert guest.change("update-device", disks=[disk, drive | medium]) == [
            f"virsh change-media web sda {FOLDER}/{name}.iso --update --live --config"
        ]
        guest.until(f"{MEDIUM} | tr -d ' '", name)
    guest.change("update-device", disks=[disk, drive | {"file": None}])
    guest.until(f"{MEDIUM} | wc -c", "0")


def test_cable_network_and_filter(guest: Any) -> None:
    nic = guest.spec["interfaces"][0]
    address = "ip link set eth0 up; ip addr flush dev eth0; ip addr add 192.168.{net}.9/24 dev eth0"
    ping = "ping -c 1 -W 1 192.168.{net}.1 >/dev/null && echo there || echo gone"
    guest.run(address.format(net=150))
    guest.until(ping.format(net=150), "there")

    guest.change("update-device", interfaces=[nic | {"link": "down"}])
    guest.until("cat /sys/class/net/eth0/carrier", "0")
    guest.change("update-device", interfaces=[nic | {"link": "up"}])
    guest.until("cat /sys/class/net/eth0/carrier", "1")

    guest.change("update-device", interfaces=[nic | {"filterref": "no-ping"}])
    guest.until(ping.format(net=150), "gone")
    guest.change("update-device", interfaces=[nic | {"filterref": None}])
    guest.until(ping.format(net=150), "there")

    guest.change("update-device", interfaces=[{"name": "lan", "network": "yard", "model": "virtio"}])
    guest.run(address.format(net=151))
    guest.until(ping.format(net=151), "there")
    guest.change("update-device", interfaces=[{"name": "lan", "bridge": "br-l", "model": "virtio"}])
    guest.run(address.format(net=150))
    guest.until(ping.format(net=150), "there")
    guest.change("update-device", interfaces=[nic])


def test_what_else_changes_of_a_device_waits(guest: Any) -> None:
    """The cable is pulled at once although the model, which a running guest can't change, changes along."""
    nic = guest.spec["interfaces"][0]
    specs = guest.specs(interfaces=[nic | {"link": "down", "model": "e1000e"}])
    plan = guest.kvmctl.json("plan", specs=specs)["actions"]
    assert [(each["operation"], each["disruption"]) for each in plan] == [
        ("update-device", "live"),
        ("redefine", "next-boot"),
    ]
    guest.kvmctl.apply(specs)
    guest.until("cat /sys/class/net/eth0/carrier", "0")
    models = [
        guest.definition(running=running).find("devices/interface/model").get("type") for running in (True, False)
    ]
    assert models == ["virtio", "e1000e"]
    guest.kvmctl.apply(guest.specs(interfaces=[nic | {"link": "up"}]))
