"""Devices of a running guest are changed in place: the guest sees it, and notices no break."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from kvmctl.hypervisor import Hypervisor

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


def test_half_of_a_change_is_told_as_that(
    guest: Any, host: Sandbox, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Somebody takes the interface out of the definition while the cable of the running guest is pulled."""
    from kvmctl.cli.app import run

    by_hand = "virsh detach-interface web network --config"
    pull = Hypervisor.update_device

    def meddled(self: Hypervisor, name: str, xml: str, *, live: bool, config: bool) -> None:
        pull(self, name, xml, live=live, config=config)
        assert host.run(by_hand.split()).returncode == 0

    nic = guest.spec["interfaces"][0]
    specs = guest.specs(interfaces=[nic | {"link": "down"}])
    monkeypatch.setattr(Hypervisor, "update_device", meddled)
    manifest = guest.kvmctl.write(specs)
    assert run(["apply", "--yes", "-c", host.uri, "-f", manifest, "-o", "json"]) == 1
    assert "was changed as it runs, but its definition was not" in capsys.readouterr().out
    guest.until("cat /sys/class/net/eth0/carrier", "0")
    assert guest.definition().find("devices/interface") is None
    monkeypatch.undo()
    guest.kvmctl.apply(specs)
    guest.kvmctl.apply(guest.specs(interfaces=[nic | {"link": "up"}]))


def test_a_guest_that_does_not_let_go(guest: Any) -> None:
    """One whose CPUs stand still can't: nothing is gone, the result says so, and it is made up for later."""
    disks = guest.spec["disks"]
    more = {"target": "vdb", "file": f"{FOLDER}/one.iso", "format": "raw", "bus": "virtio", "readonly": True}
    guest.change("attach-device", disks=[*disks, more])
    guest.conn.lookupByName("web").suspend()
    specs = guest.specs(disks=disks, powerState="Paused")
    result = guest.kvmctl.json("apply", "--yes", specs=specs, code=1)["actions"]
    assert [(each["operation"], each["status"]) for each in result] == [("detach-device", "failed")]
    assert "did not let go of vdb" in result[0]["error"]
    for running in (True, False):
        targets = [each.get("dev") for each in guest.definition(running=running).iterfind("devices/disk/target")]
        assert targets == ["vda", "vdb", "sda"]
    guest.conn.lookupByName("web").resume()
    guest.until("ls /sys/block | grep -c vdb || true", "0")
    guest.kvmctl.apply(guest.specs(powerState="Running"))
    assert [each.get("dev") for each in guest.definition().iterfind("devices/disk/target")] == ["vda", "sda"]
