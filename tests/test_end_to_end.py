"""The whole story with guests that boot: an image converted, machines started, drift mended, and all removed."""

from __future__ import annotations

import json
import subprocess
import time
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FOLDER = "/var/lib/libvirt/images/tiny"
MACS = {"web1": "52:54:00:aa:00:01", "web2": "52:54:00:aa:00:02"}


def machine(name: str) -> str:
    return (
        "type: qemu, powerState: Running, autostart: true, memory: 256MiB, vcpus: 1, "
        "os: {machine: q35, boot: [hd]}, shutdown: {timeout: 10s}, "
        f"disks: [{{target: vda, disk: {name}.qcow2, bus: virtio}}], "
        f'interfaces: [{{name: lan, network: lab, model: virtio, mac: "{MACS[name]}"}}], '
        f"serials: [{{type: file, path: {FOLDER}.{name}.log}}]"
    )


MANIFEST = {
    "network/lab": "forward: {mode: nat}, active: true, autostart: true, domain: {name: lab.example}, "
    "ips: [{address: 192.168.180.1, prefix: 24, dhcp: {ranges: [{start: 192.168.180.10, end: 192.168.180.99}], "
    f'hosts: [{{mac: "{MACS["web1"]}", ip: 192.168.180.50, name: web1}}]}}}}]',
    "pool/tiny": f"type: dir, path: {FOLDER}, active: true, autostart: true",
    "disk/base.qcow2": "pool: tiny, format: qcow2, source: {path: tiny.raw, format: raw}",
    "disk/web1.qcow2": "pool: tiny, format: qcow2, size: 1GiB, backing: base.qcow2",
    "disk/web2.qcow2": "pool: tiny, format: qcow2, size: 1GiB, backing: base.qcow2",
    "vm/web1": machine("web1"),
    "vm/web2": machine("web2"),
}


def until(reached: Callable[[], bool], seconds: float, what: str) -> None:
    """Wait until something is reached; fail in words when it isn't within that many seconds."""
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(0.2)


def leases(conn: Any) -> dict[str, str]:
    """Return the address of each MAC that the network's DHCP server knows, asked for from outside the sandbox."""
    return {lease["mac"]: lease["ipaddr"] for lease in conn.networkLookupByName("lab").DHCPLeases()}


def nics(conn: Any, name: str) -> dict[str | None, str | None]:
    """Return the MAC of each NIC of a running machine, by its alias."""
    found = ET.fromstring(conn.lookupByName(name).XMLDesc(0)).findall("devices/interface")
    aliases = [alias.get("name") for each in found for alias in each.iterfind("alias")]
    return dict(zip(aliases, [mac.get("address") for each in found for mac in each.iterfind("mac")], strict=True))


@pytest.mark.guest
def test_from_a_raw_image_to_running_machines_and_back(
    kvmctl: Any, conn: Any, sandbox: Any, tiny_guest: Any, tmp_path: Path
) -> None:
    raw = tmp_path / "tiny.raw"
    subprocess.run(["qemu-img", "convert", "-f", "qcow2", "-O", "raw", tiny_guest.disk, raw], check=True)
    consoles = {name: sandbox.outside(f"{FOLDER}.{name}.log") for name in MACS}

    told = kvmctl.run("apply", "--yes", specs=MANIFEST).stdout
    assert "7 actions done, 0 failed, 0 skipped" in told
    base = sandbox.outside(f"{FOLDER}/base.qcow2")
    compare = ["qemu-img", "compare", "--force-share", "-f", "raw", "-F", "qcow2", raw, base]
    subprocess.run(compare, check=True, capture_output=True)
    for name, console in consoles.items():
        until(lambda name=name: MACS[name] in leases(conn), 60, f"a lease of {name}")  # type: ignore[misc]
        until(lambda console=console: b"TINY READY" in console.read_bytes(), 60, f"readiness of {name}")  # type: ignore[misc]
    assert leases(conn)[MACS["web1"]] == "192.168.180.50"
    assert "No changes" in kvmctl.run("plan", "--detailed-exitcode", specs=MANIFEST).stdout
    assert "No changes" in kvmctl.run("drift", specs=MANIFEST).stdout

    disturb(sandbox)
    until(lambda: memory(conn, "web1") == 192 * 1024, 30, "the balloon of web1")
    assert nics(conn, "web1") == {}
    told = kvmctl.run("drift", specs=MANIFEST, code=2).stdout
    check_drift(kvmctl, told)

    told = kvmctl.run("apply", "--yes", specs=MANIFEST).stdout  # what was done by hand is mended by mild calls alone
    assert "Strongest disruption: live." in told
    until(lambda: consoles["web2"].read_bytes().count(b"TINY READY") >= 1, 60, "readiness of web2 after its start")
    assert memory(conn, "web1") == 256 * 1024
    # The tiny guest's scripts may overlook a NIC that comes back under its old name, so the host's side is looked at.
    assert nics(conn, "web1") == {"ua-lan": MACS["web1"]}
    assert "No changes" in kvmctl.run("drift", specs=MANIFEST).stdout
    assert consoles["web1"].read_bytes().count(b"TINY READY") == 1, "web1 was not restarted"

    remove(kvmctl, conn, sandbox)


def disturb(sandbox: Any) -> None:
    """Do by hand, behind kvmctl's back, what people do."""
    for command in (
        "setmem web1 192MiB --live --config",
        f"detach-interface web1 network --mac {MACS['web1']} --live --config",
        "autostart --disable web2",
        "destroy web2",
    ):
        done = sandbox.run(["virsh", *command.split()])
        assert done.returncode == 0, done.stderr
    until(
        lambda: MACS["web1"] not in sandbox.run(["virsh", "domiflist", "web1"]).stdout, 20, "the NIC of web1 to be gone"
    )


def check_drift(kvmctl: Any, told: str) -> None:
    assert "vm/web1" in told
    assert "spec.memory.current: is 192MiB, should be 256MiB" in told
    assert "spec.interfaces[lan]: is none, should be" in told
    assert "vm/web2" in told
    assert "spec.autostart: is false, should be true" in told
    assert "spec.powerState: is Off, should be Running" in told
    assert "2 resources not as the manifests say, 5 as they should be" in told
    plan = kvmctl.json("drift", specs=MANIFEST, code=2)
    assert {(each["address"], each["operation"]) for each in plan["actions"]} == {
        ("vm/web1", "set-memory"),
        ("vm/web1", "attach-device"),
        ("vm/web2", "set-autostart"),
        ("vm/web2", "start"),
    }


def memory(conn: Any, name: str) -> int:
    return int(ET.fromstring(conn.lookupByName(name).XMLDesc(0)).findtext("currentMemory") or 0)


def remove(kvmctl: Any, conn: Any, sandbox: Any) -> None:
    """Delete everything: first without the flag, when the images stay; then with it, when they go last."""
    images = [sandbox.outside(f"{FOLDER}/{name}") for name in ("base.qcow2", "web1.qcow2", "web2.qcow2")]
    told = kvmctl.run("delete", "--yes", specs=MANIFEST)
    assert conn.listAllDomains() == []
    assert conn.listAllNetworks() == []
    assert all(image.exists() for image in images)
    assert "base.qcow2" in told.stdout + told.stderr, "what stays is named"
    kvmctl.run("apply", "--yes", specs=MANIFEST)
    refused = kvmctl.run("delete", specs=MANIFEST, code=3)
    assert conn.lookupByName("web1").isActive(), refused.stdout
    done = json.loads(kvmctl.run("delete", "--yes", "--allow-data-loss", "-o", "json", specs=MANIFEST).stdout)
    order = [each["address"] for each in done["actions"]]
    assert {each["status"] for each in done["actions"]} == {"done"}
    machines = [order.index(f"vm/{name}") for name in MACS]
    overlays = [order.index(f"disk/{name}.qcow2") for name in MACS]
    assert max(*machines, order.index("network/lab")) < min(overlays)
    assert max(overlays) < order.index("disk/base.qcow2") < order.index("pool/tiny")
    for name in ("base", "web1", "web2"):
        listed = next(each for each in done["actions"] if each["address"] == f"disk/{name}.qcow2")
        assert f"{FOLDER}/{name}.qcow2" in listed["note"]
    assert not any(image.exists() for image in images)
    assert (conn.listAllDomains(), conn.listAllNetworks(), conn.listAllStoragePools()) == ([], [], [])
