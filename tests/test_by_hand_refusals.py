"""What would be refused or lost is seen beforehand: types, boot orders, saved memory, firmware state, Ctrl-C."""

from __future__ import annotations

import signal
import subprocess
import time
import xml.etree.ElementTree as ET
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

SMALL = "type: qemu, memory: 64MiB, vcpus: 1"


def definition(conn: Any) -> ET.Element:
    import libvirt

    return ET.fromstring(conn.lookupByName("web").XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE))


def test_an_existing_machine_can_not_become_what_the_host_does_not_offer(kvmctl: Any, conn: Any) -> None:
    kvmctl.apply({"vm/web": SMALL})
    refused = kvmctl.json("plan", specs={"vm/web": SMALL.replace("qemu", "kvm")})["refused"]
    assert [(each["address"], each["because"][0]["after"]) for each in refused] == [("vm/web", "kvm")]
    assert "offers qemu" in refused[0]["reason"]
    assert definition(conn).get("type") == "qemu"


def test_a_boot_order_of_devices_replaces_the_boot_classes(kvmctl: Any, conn: Any) -> None:
    disks = {"pool/p": "type: dir, path: /var/lib/libvirt/images/p", "disk/d": "pool: p, size: 1MiB"}
    kvmctl.apply({**disks, "vm/web": f"{SMALL}, os: {{boot: [hd]}}, disks: [{{target: vda, disk: d}}]"})
    ordered = {**disks, "vm/web": f"{SMALL}, disks: [{{target: vda, disk: d, bootOrder: 1}}]"}
    paths = {each["path"] for each in kvmctl.json("plan", specs=ordered)["actions"][0]["because"]}
    assert paths == {"spec.os.boot", "spec.disks[vda].bootOrder"}
    kvmctl.apply(ordered)
    root = definition(conn)
    order = root.find("devices/disk/boot")
    assert root.find("os/boot") is None
    assert order is not None
    assert order.get("order") == "1"


def test_a_machine_with_saved_memory_is_not_deleted_by_the_way(kvmctl: Any, conn: Any) -> None:
    kvmctl.apply({"vm/web": f"{SMALL}, powerState: Running"})
    conn.lookupByName("web").managedSave()
    assert "saved memory" in kvmctl.run("delete", "vm/web", "--yes", code=3).stdout
    assert conn.lookupByName("web").hasManagedSaveImage()
    started = kvmctl.json("plan", specs={"vm/web": f"{SMALL}, powerState: Running"})["actions"]
    assert [(each["operation"], "saved memory" in each["note"]) for each in started] == [("start", True)]
    assert "deletes its saved memory" in kvmctl.run("delete", "vm/web", "--yes", "--allow-data-loss").stdout
    assert not conn.listAllDomains()


def test_firmware_state_stays_unless_losing_data_is_allowed(kvmctl: Any, conn: Any, sandbox: Any) -> None:
    machine = {"vm/web": f"{SMALL}, powerState: Running, os: {{machine: q35, firmware: uefi, secureBoot: false}}"}
    nvram = sandbox.outside("/var/lib/libvirt/qemu/nvram/web_VARS.fd")
    for option, stays in (([], True), (["--allow-data-loss"], False)):
        kvmctl.apply(machine)
        assert kvmctl.json("plan", specs=machine)["pending"] == []
        conn.lookupByName("web").destroy()
        assert ("keeps" if stays else "deletes") + " its NVRAM" in kvmctl.run(
            "delete", "vm/web", "--yes", *option
        ).stdout
        assert nvram.exists() is stays


def test_what_libvirt_fills_in_at_the_start_is_not_pending(kvmctl: Any) -> None:
    disks = {"pool/p": "type: dir, path: /var/lib/libvirt/images/p", "disk/d": "pool: p, size: 1MiB"}
    devices = "[{target: vda, disk: d, bus: virtio, shareable: true}, {target: sda, device: cdrom, bus: sata}]"
    machine = {**disks, "vm/web": f"{SMALL}, powerState: Running, os: {{machine: q35}}, disks: {devices}"}
    kvmctl.apply(machine)
    assert kvmctl.json("plan", specs=machine)["pending"] == []


def test_where_graphics_listen_is_changed(kvmctl: Any, conn: Any) -> None:
    """libvirt keeps the address twice and refuses a definition whose two places differ."""
    kvmctl.apply({"vm/web": f"{SMALL}, graphics: [{{type: vnc, listen: 127.0.0.1}}]"})
    kvmctl.apply({"vm/web": f"{SMALL}, graphics: [{{type: vnc, listen: 127.0.0.2}}]"})
    graphics = definition(conn).find("devices/graphics")
    assert graphics is not None
    assert graphics.get("listen") == "127.0.0.2"
    assert [each.get("address") for each in graphics.findall("listen")] == ["127.0.0.2"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("graphics: [{type: vnc, listen: 127.0.0.1}]", 'graphics: [{type: vnc, listen: "::1"}]'),
        ("os: {machine: q35, firmware: bios}", "os: {machine: q35, firmware: uefi}"),
    ],
)
def test_what_libvirt_fills_in_while_a_machine_runs_waits_for_its_next_start(
    kvmctl: Any, before: str, after: str
) -> None:
    kvmctl.apply({"vm/web": f"{SMALL}, powerState: Running, {before}"})
    changed = {"vm/web": f"{SMALL}, powerState: Running, {after}"}
    plan = kvmctl.json("plan", specs=changed)
    assert [(each["operation"], each["disruption"]) for each in plan["actions"]] == [("redefine", "next-boot")]
    refused = kvmctl.run("apply", "--yes", "--max-disruption", "live", specs=changed, code=3)
    assert "--max-disruption next-boot" in refused.stderr
    kvmctl.apply(changed)


def test_another_board_is_refused_and_another_version_of_it_is_not(kvmctl: Any, conn: Any) -> None:
    kvmctl.apply({"vm/web": f"{SMALL}, os: {{machine: pc}}"})
    kept = ET.tostring(definition(conn))
    told = kvmctl.run("apply", "--yes", specs={"vm/web": f"{SMALL}, os: {{machine: q35}}, title: T"}, code=3).stdout
    assert "pc-i440fx-7.2 and q35 have other PCI buses" in told
    assert "delete it (its disks stay) and create it anew" in told
    assert ET.tostring(definition(conn)) == kept
    kvmctl.apply({"vm/web": f"{SMALL}, os: {{machine: pc-i440fx-6.2}}"})


@contextmanager
def stopping(kvmctl: Any) -> Iterator[subprocess.Popen[str]]:
    """Give an apply that waits for a guest which never listens; what it said so far is read; killed at the end."""
    manifest = kvmctl.write({"vm/web": f"{SMALL}, powerState: Off, shutdown: {{timeout: 100s, force: true}}"})
    argv = kvmctl.argv("apply", "--yes", "--max-disruption", "restart", "-f", manifest, "-c", kvmctl.box.uri)
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert "vm/web: stop" in process.stderr.readline()
        time.sleep(1)
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_leaves_a_guest_that_does_not_stop_running(kvmctl: Any, conn: Any, number: int) -> None:
    kvmctl.apply({"vm/web": f"{SMALL}, powerState: Running"})
    with stopping(kvmctl) as process:
        process.send_signal(number)
        _, told = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "interrupted while vm/web was to stop; it runs on" in told
    assert conn.lookupByName("web").isActive()


def test_a_second_interrupt_stops_at_once(kvmctl: Any, conn: Any) -> None:
    kvmctl.apply({"vm/web": f"{SMALL}, powerState: Running"})
    with stopping(kvmctl) as process:
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=60)
    assert process.returncode == 1
    assert told.endswith("kvmctl: stopped at once; apply again to finish\n")
    assert conn.lookupByName("web").isActive()
