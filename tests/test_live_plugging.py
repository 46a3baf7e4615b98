"""Devices come to a running guest and go again: it sees them, and notices no break."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kvmctl.sandbox import Sandbox

pytestmark = pytest.mark.guest

FOLDER = "/var/lib/libvirt/images"
MEMORY = "sed -n 's/MemTotal: *//; s/ kB//p; q' /proc/meminfo"
MIB = 1024


@pytest.fixture(scope="module")
def host(shared_sandbox: Sandbox, empty_sandbox: Callable[[], None]) -> Sandbox:
    """The worker's sandbox, emptied once: the tests share a guest."""
    empty_sandbox()
    return shared_sandbox


@pytest.fixture(scope="module")
def booted(host: Sandbox, boot_guest: Callable[..., Any], tiny_guest: Any) -> Any:
    """The guest that all tests of this module share: conventional PCI, shared memory, and room for more of it."""
    files = {"kernel": str(tiny_guest.kernel), "initrd": str(tiny_guest.initrd)}
    return boot_guest(
        host,
        os={"machine": "pc", "cmdline": "console=ttyS0 quiet memhp_default_state=online_movable", **files},
        memory={"max": "320MiB"},
        maxMemory={"size": "1GiB", "slots": 4},
        memoryBacking={"source": "memfd", "access": "shared"},
        cpu={"numa": {"cells": [{"id": 0, "cpus": "0-3", "memory": "320MiB"}]}},
    )


@pytest.fixture
def guest(booted: Any, unbroken: Callable[[Any], Any]) -> Iterator[Any]:
    """The shared guest; whatever a test does to it, it must not start anew."""
    with unbroken(booted):
        yield booted


def test_random_numbers(guest: Any) -> None:
    available = "cat /sys/class/misc/hw_random/rng_available"
    guest.change("attach-device", rngs=[{"model": "virtio", "backend": {"model": "random", "device": "/dev/urandom"}}])
    guest.until(f"{available} | cut -c 1-10", "virtio_rng")
    guest.change("detach-device", rngs=[])
    guest.until(f"{available} | wc -w", "0")


def test_channels(guest: Any) -> None:
    names = "cat /sys/class/virtio-ports/*/name | tr '\\n' ' '"
    agent = guest.spec["channels"]
    assert guest.change("attach-device", channels=[*agent, {"name": "org.example.0"}]) == [
        "virsh attach-device web web-org.example.0.xml --live --config"
    ]
    guest.until(names, "org.qemu.guest_agent.0 org.example.0")
    guest.change("detach-device", channels=agent)
    guest.until(names, "org.qemu.guest_agent.0")


def test_inputs(guest: Any) -> None:
    tablets = "grep -c 'Virtio Tablet' /proc/bus/input/devices || true"
    guest.change("attach-device", inputs=[{"type": "tablet", "bus": "virtio"}])
    guest.until(tablets, "1")
    guest.change("detach-device", inputs=[])
    guest.until(tablets, "0")


def on_pci(vendor: str, device: str) -> str:
    """Return a script that counts the guest's PCI devices of a kind."""
    return f"cat /sys/bus/pci/devices/*/uevent | grep -c PCI_ID={vendor}:{device} || true"


def test_watchdogs(guest: Any) -> None:
    guest.change("attach-device", watchdogs=[{"model": "i6300esb", "action": "none"}])
    guest.until(on_pci("8086", "25AB"), "1")
    guest.change("detach-device", watchdogs=[])
    guest.until(on_pci("8086", "25AB"), "0")


def test_memory_shared_with_other_machines(guest: Any) -> None:
    guest.change("attach-device", shmems=[{"name": "board", "model": "ivshmem-plain", "size": "1MiB"}])
    guest.until(on_pci("1AF4", "1110"), "1")
    guest.change("detach-device", shmems=[])
    guest.until(on_pci("1AF4", "1110"), "0")


def test_ports_for_the_viewers_devices(guest: Any) -> None:
    """The guest sees a device on such a port only once a viewer gives one: what is looked at is QEMU's."""
    guest.change("attach-device", redirdevs=[{"bus": "usb", "type": "unix", "mode": "bind", "path": f"{FOLDER}/redir"}])
    assert "usb-redir" in guest.qemu("info qtree")
    guest.change("detach-device", redirdevs=[])
    assert "usb-redir" not in guest.qemu("info qtree")


def test_folders_wait_for_the_next_start(guest: Any, host: Sandbox) -> None:
    """libvirtd itself dies where virtiofs is plugged in (libvirt 9.0)."""
    host.outside(f"{FOLDER}/shared").mkdir()
    specs = guest.specs(filesystems=[{"driver": "virtiofs", "dir": f"{FOLDER}/shared", "target": "share"}])
    plan = guest.kvmctl.json("plan", specs=specs)["actions"]
    assert [(each["operation"], each["disruption"]) for each in plan] == [("redefine", "next-boot")]
    guest.kvmctl.apply(specs)
    guest.kvmctl.apply(guest.specs(filesystems=[]))


def test_modules_of_memory(guest: Any) -> None:
    total = int(guest.run(MEMORY))
    dimm = {"model": "dimm", "size": "128MiB", "node": 0}
    assert guest.change("attach-device", memory={"max": "448MiB"}, memoryDevices=[dimm]) == [
        "virsh attach-device web web-0.xml --live --config"
    ]
    guest.until(MEMORY, str(total + 128 * MIB))
    guest.change("detach-device", memory={"max": "320MiB"}, memoryDevices=[])
    guest.until(MEMORY, str(total))


def test_a_device_of_the_host_that_is_not_there(guest: Any) -> None:
    """This host has no device to give away: libvirt refuses, and nothing is left half-made."""
    before = [ET.tostring(guest.definition(running=running)) for running in (True, False)]
    specs = guest.specs(hostdevs=[{"usb": "1234:5678"}])
    plan = guest.kvmctl.json("plan", specs=specs)["actions"]
    assert [(each["operation"], each["disruption"]) for each in plan] == [("attach-device", "live")]
    result = guest.kvmctl.json("apply", "--yes", specs=specs, code=1)["actions"]
    assert [each["status"] for each in result] == ["failed"]
    assert "can't attach a device" in result[0]["error"]
    assert [ET.tostring(guest.definition(running=running)) for running in (True, False)] == before


def test_memory_that_comes_in_blocks(guest: Any) -> None:
    """The last test of the guest: QEMU lets go of no such device before the next start."""
    total = int(guest.run(MEMORY))
    device = {"model": "virtio-mem", "size": "256MiB", "node": 0, "block": "2MiB", "requested": "128MiB"}
    guest.change("attach-device", memory={"max": "576MiB"}, memoryDevices=[device])
    guest.until(MEMORY, str(total + 128 * MIB))
    guest.change("update-device", memoryDevices=[device | {"requested": "256MiB"}])
    guest.until(MEMORY, str(total + 256 * MIB))
    guest.change("update-device", memoryDevices=[device | {"requested": 0}])
    guest.until(MEMORY, str(total))
    plan = guest.kvmctl.json("plan", specs=guest.specs(memory={"max": "320MiB"}, memoryDevices=[]))["actions"]
    assert [(each["operation"], each["disruption"]) for each in plan] == [("redefine", "next-boot")]
