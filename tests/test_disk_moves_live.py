"""Disks of a running guest that get another image: the guest goes on, and nothing of what it wrote is lost."""

from __future__ import annotations

import subprocess
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING, Any

import pytest

from kvmctl.moving import STAGED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.guest

FOLDER = "/var/lib/libvirt/images"
POOLS = {"pool/p": f"type: dir, path: {FOLDER}/p", "pool/q": f"type: dir, path: {FOLDER}/q"}
MACHINE = (
    "type: qemu, powerState: Running, memory: 192MiB, vcpus: 1, os: {machine: q35, boot: [hd]}, "
    "disks: [{target: vda, disk: root, bus: virtio}], channels: [{name: org.qemu.guest_agent.0}]"
)
SOURCE = "source: {path: tiny.qcow2, format: qcow2}"
# Appends a number again and again; the boot partition is mounted so that each write reaches the disk before the next.
WRITER = "i=0; while [ ! -e /run/stop ]; do i=$((i+1)); echo $i >>/boot/ticks; done; rm /run/stop; : >/run/stopped"


def specs(disk: str, machine: str = MACHINE, **more: str) -> dict[str, str]:
    return {**POOLS, "disk/root": f"{disk}, {SOURCE}", "vm/web": machine, **more}


def operations(plan: Any) -> list[tuple[str, str, str]]:
    return [(each["address"], each["operation"], each["disruption"]) for each in plan["actions"]]


def image_of(conn: Any, *, running: bool) -> tuple[str | None, str | None]:
    """Return path and format of the machine's disk."""
    import libvirt

    xml = conn.lookupByName("web").XMLDesc(0 if running else libvirt.VIR_DOMAIN_XML_INACTIVE)
    device = ET.fromstring(xml).find("devices/disk")
    assert device is not None
    source, driver = device.find("source"), device.find("driver")
    assert source is not None
    assert driver is not None
    return source.get("file"), driver.get("type")


def files(sandbox: Any, pool: str = "p") -> list[str]:
    return sorted(path.name for path in sandbox.outside(f"{FOLDER}/{pool}").iterdir())


@pytest.fixture
def guest(kvmctl: Any, guest_of: Callable[[str], Any], tiny_guest: Any, tmp_path: Path) -> Iterator[Any]:
    """A running guest that writes to its disk all the time; what it wrote is looked at in the end."""
    (tmp_path / "tiny.qcow2").symlink_to(tiny_guest.disk)
    kvmctl.apply(specs("pool: p, format: qcow2"))
    guest = guest_of("web")
    guest.begin(WRITER)
    before = guest.uptime()
    yield guest
    assert guest.boots() == 1
    assert guest.uptime() > before
    stop_writing(guest)


def stop_writing(guest: Any) -> int:
    """Return how many numbers the guest has written, after a check that none of them is missing."""
    guest.run(": >/run/stop; while [ ! -e /run/stopped ]; do sleep 0.1; done; rm /run/stopped")
    ticks = [int(word) for word in guest.run("cat /boot/ticks").split()]
    assert ticks == list(range(1, len(ticks) + 1))
    assert len(ticks) > 10
    return len(ticks)


def test_formats_and_pools_change_under_a_guest_that_writes(kvmctl: Any, conn: Any, sandbox: Any, guest: Any) -> None:
    for disk, operation, place, image_format, left in (
        ("pool: p, format: raw", "convert", "p", "raw", ["root", "root.old-qcow2"]),
        ("pool: p, format: qcow2", "convert", "p", "qcow2", ["root", "root.old-qcow2", "root.old-raw"]),
        ("pool: q, format: qcow2", "move", "q", "qcow2", ["root"]),
        ("pool: q, format: raw", "convert", "q", "raw", ["root", "root.old-qcow2"]),
    ):
        ticks = int(guest.run("tail -n1 /boot/ticks"))
        plan = kvmctl.json("plan", specs=specs(disk))
        assert operations(plan) == [("disk/root", operation, "live")]
        kvmctl.apply(specs(disk))
        for running in (True, False):
            assert image_of(conn, running=running) == (f"{FOLDER}/{place}/root", image_format)
        assert files(sandbox, place) == left
        assert int(guest.run("tail -n1 /boot/ticks")) > ticks


def mirror(conn: Any) -> str:
    """Return where the running copy of the machine's disk goes, '' while there is none."""
    source = ET.fromstring(conn.lookupByName("web").XMLDesc(0)).find("devices/disk/mirror/source")
    return "" if source is None else str(source.get("file"))


MOMENTS: dict[str, Callable[[Any, Any, str], bool]] = {
    "the first copy goes on": lambda conn, _box, _old: mirror(conn).endswith(STAGED),
    "the guest is on the staged image": lambda conn, _box, _old: str(image_of(conn, running=True)[0]).endswith(STAGED),
    "the old image is put aside": lambda _conn, box, old: any(name.startswith(old) for name in files(box)),
    "the second copy begins": lambda conn, _box, _old: mirror(conn) == f"{FOLDER}/p/root",
    "the second copy is hidden": lambda _conn, box, _old: "root.kvmctl-part" in files(box),
    "the guest has the new image": lambda conn, box, old: (
        any(name.startswith(old) for name in files(box)) and image_of(conn, running=True)[0] == f"{FOLDER}/p/root"
    ),
}


def kill_at(kvmctl: Any, sandbox: Any, wanted: dict[str, str], reached: Callable[[], bool]) -> None:
    """Begin an apply and kill it with SIGKILL once a moment is reached."""
    argv = sandbox.inside_argv(kvmctl.argv("apply", "--yes", "-f", kvmctl.write(wanted)), cwd=str(kvmctl.folder))
    # In the namespace of processes nsenter would be the parent of what is to be killed.
    direct = [word for word in argv if word != "--pid"]
    with subprocess.Popen(
        direct, env=sandbox.inside_env(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        while not reached():
            assert process.poll() is None, "the apply ended before that moment"
        process.kill()
    # Its lock tells of a process outside the sandbox, of which nobody inside can see that it has ended.
    kvmctl.run("unlock", "--yes")


@pytest.mark.parametrize("image_format", ["raw", "qcow2"])
def test_a_killed_conversion_is_gone_on_with(
    kvmctl: Any, conn: Any, sandbox: Any, guest: Any, image_format: str
) -> None:
    """At each moment the guest has a whole image, and the next apply ends as if nothing had happened."""
    other = {"raw": "qcow2", "qcow2": "raw"}
    if image_format == "qcow2":
        kvmctl.apply(specs("pool: p, format: raw"))
    for moment, reached in MOMENTS.items():
        wanted = specs(f"pool: p, format: {image_format}")
        kill_at(kvmctl, sandbox, wanted, lambda: reached(conn, sandbox, f"root.old-{other[image_format]}"))  # noqa: B023
        ticks = int(guest.run("tail -n1 /boot/ticks"))
        told = kvmctl.apply(wanted)
        for running in (True, False):
            assert image_of(conn, running=running) == (f"{FOLDER}/p/root", image_format), f"{moment}: {told}"
        assert not [name for name in files(sandbox) if "kvmctl" in name], moment
        assert int(guest.run("tail -n1 /boot/ticks")) > ticks
        kvmctl.apply(specs(f"pool: p, format: {other[image_format]}"), "--allow-data-loss")
        for name in files(sandbox):
            if name != "root":
                sandbox.outside(f"{FOLDER}/p/{name}").unlink()


def overlay(disk: str) -> dict[str, str]:
    base = f"pool: p, format: qcow2, {SOURCE}"
    return {**POOLS, "disk/base": base, "disk/root": f"{disk}, format: qcow2, size: 128MiB", "vm/web": MACHINE}


@pytest.fixture
def overlay_guest(kvmctl: Any, guest_of: Callable[[str], Any], tiny_guest: Any, tmp_path: Path) -> Iterator[Any]:
    """A running guest on an overlay, which writes to it all the time."""
    (tmp_path / "tiny.qcow2").symlink_to(tiny_guest.disk)
    kvmctl.apply(overlay("pool: p, backing: base"))
    guest = guest_of("web")
    guest.begin(WRITER)
    yield guest
    assert guest.boots() == 1
    stop_writing(guest)


def test_a_full_pool_leaves_the_guest_on_the_old_image(
    kvmctl: Any, conn: Any, sandbox: Any, overlay_guest: Any
) -> None:
    """Room that is lacking from the start is told before anything begins; room that runs out ends the copy."""
    before = image_of(conn, running=True)
    for size, reason in (("64k", "and the copy takes"), ("20m", f"vm/web goes on with {before[0]}")):
        mounted = sandbox.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", f"{FOLDER}/q"])
        assert mounted.returncode == 0, mounted.stderr
        try:
            told = kvmctl.run("apply", "--yes", specs=overlay("pool: q, backing: null"), code=1).stdout
            assert reason in told
            assert files(sandbox, "q") == []
        finally:
            sandbox.run(["umount", f"{FOLDER}/q"])
        for running in (True, False):
            assert image_of(conn, running=running) == before
        assert int(overlay_guest.run("tail -n1 /boot/ticks")) > 0
    kvmctl.apply(overlay("pool: q, backing: null"))
    assert image_of(conn, running=True) == (f"{FOLDER}/q/root", "qcow2")
    assert "backing file" not in sandbox.run(["qemu-img", "info", "-U", f"{FOLDER}/q/root"]).stdout


def test_an_overlay_moves_as_one_and_is_made_flat_under_its_guest(
    kvmctl: Any, sandbox: Any, overlay_guest: Any
) -> None:
    held = sandbox.outside(f"{FOLDER}/p/base").read_bytes()
    kvmctl.apply(overlay("pool: q, backing: base"))
    told = sandbox.run(["qemu-img", "info", "-U", f"{FOLDER}/q/root"]).stdout
    assert f"backing file: {FOLDER}/p/base" in told
    assert sandbox.outside(f"{FOLDER}/q/root").stat().st_size < len(held)
    other = {**overlay("pool: q, backing: other"), "disk/other": "pool: p, format: qcow2, size: 16MiB"}
    refused = kvmctl.run("apply", "--yes", specs=other, code=3).stderr
    assert "no other base below a running guest" in refused
    flat = overlay("pool: q, backing: null")
    plan = kvmctl.json("plan", specs=flat)
    assert operations(plan) == [("disk/root", "flatten", "live")]
    assert plan["actions"][0]["equivalent"] == ["virsh blockpull web vda --wait --verbose"]
    kvmctl.apply(flat)
    assert "backing file" not in sandbox.run(["qemu-img", "info", "-U", f"{FOLDER}/q/root"]).stdout
    assert sandbox.outside(f"{FOLDER}/p/base").read_bytes() == held
    assert int(overlay_guest.run("tail -n1 /boot/ticks")) > 0
