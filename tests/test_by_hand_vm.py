"""What administrators do with virsh define, start, suspend …, done with manifests and looked at without kvmctl."""

from __future__ import annotations

import time
import xml.etree.ElementTree as ET
from typing import Any

SMALL = "type: qemu, memory: 64MiB, vcpus: 1"
FORCED = "shutdown: {timeout: 1s, force: true}"
POOL = {"pool/p": "type: dir, path: /var/lib/libvirt/images/p"}


def definition(conn: Any, name: str = "web") -> ET.Element:
    import libvirt

    return ET.fromstring(conn.lookupByName(name).XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE))


def attributes(root: ET.Element, *places: str) -> list[str | None]:
    """Return what stands at places such as `os/type/@arch` or `memory`, None where there is nothing."""
    found = []
    for place in places:
        path, _, attribute = place.partition("/@")
        element = root.find(path)
        found.append(None if element is None else element.get(attribute) if attribute else element.text)
    return found


def state(conn: Any, name: str = "web") -> int:
    number: int = conn.lookupByName(name).state()[0]
    return number


def operations(plan: Any) -> list[tuple[str, str]]:
    return [(each["operation"], each["disruption"]) for each in plan["actions"]]


CENTOS = """
  type: qemu, uuid: "cb0ea2fd-9e81-4a3c-9b4d-0b0ff1a1c0de", title: A title, description: "Two\\nlines",
  memory: {max: 512MiB, current: 256MiB}, vcpus: {max: 4, current: 2},
  os: {type: hvm, arch: x86_64, machine: q35, boot: [cdrom, hd], bootMenu: true, bootMenuTimeout: 3000},
  features: {acpi: true, apic: true, pae: true}, clock: {offset: localtime}, cpu: {mode: maximum},
  onPoweroff: destroy, onReboot: restart, onCrash: restart, emulator: /usr/bin/qemu-system-x86_64,
  disks: [
    {target: vda, disk: root, bus: virtio, cache: none, io: native, discard: unmap, serial: R1},
    {target: vdb, file: /var/lib/libvirt/images/b.raw, format: raw, bus: virtio},
    {target: sda, device: cdrom, bus: sata}],
  interfaces: [
    {name: lan, network: lab, model: virtio, mac: "52:54:00:00:00:0A", link: down, mtu: 1400},
    {name: wan, bridge: br0, model: e1000e}],
  graphics: [{type: vnc, port: -1, autoport: true, listen: 127.0.0.1, keymap: de}, {type: spice, autoport: true}],
  videos: [{model: vga, vram: 16384, heads: 1}], inputs: [{type: tablet, bus: usb}],
  serials: [{type: pty}], consoles: [{type: pty, target: serial}],
  channels: [{name: org.qemu.guest_agent.0}], autostart: true, powerState: Off
"""


def test_everything_of_the_seed_table_is_defined(kvmctl: Any, conn: Any) -> None:
    kvmctl.apply({
        **POOL, "disk/root": "pool: p, format: qcow2, size: 1GiB",
        "network/lab": "active: false, ips: [{address: 192.168.151.1, prefix: 24}]", "vm/web": CENTOS,
    })  # fmt: skip
    root = definition(conn)
    assert root.get("type") == "qemu"
    assert attributes(root, "name", "uuid", "title", "description") == [
        "web", "cb0ea2fd-9e81-4a3c-9b4d-0b0ff1a1c0de", "A title", "Two\nlines",
    ]  # fmt: skip
    assert attributes(root, "memory", "currentMemory", "vcpu", "vcpu/@current") == ["524288", "262144", "4", "2"]
    assert attributes(root, "os/type", "os/type/@arch", "os/bootmenu/@enable", "os/bootmenu/@timeout") == [
        "hvm", "x86_64", "yes", "3000",
    ]  # fmt: skip
    assert str(attributes(root, "os/type/@machine")[0]).startswith("pc-q35-")
    assert [each.get("dev") for each in root.iterfind("os/boot")] == ["cdrom", "hd"]
    assert {each.tag for each in root.find("features") or ()} >= {"acpi", "apic", "pae"}
    assert attributes(root, "clock/@offset", "on_poweroff", "on_reboot", "on_crash", "devices/emulator") == [
        "localtime", "destroy", "restart", "restart", "/usr/bin/qemu-system-x86_64",
    ]  # fmt: skip
    disks = {str(each.find("target").get("dev")): each for each in root.iterfind("devices/disk")}  # type: ignore[union-attr]
    assert attributes(disks["vda"], "driver/@type", "driver/@cache", "source/@file", "serial") == [
        "qcow2", "none", "/var/lib/libvirt/images/p/root", "R1",
    ]  # fmt: skip
    assert attributes(disks["vdb"], "driver/@name", "driver/@type", "source/@file") == [
        "qemu", "raw", "/var/lib/libvirt/images/b.raw",
    ]  # fmt: skip
    assert (disks["sda"].get("device"), disks["sda"].find("source")) == ("cdrom", None)
    lan, wan = root.findall("devices/interface")
    assert attributes(lan, "source/@network", "mac/@address", "model/@type", "link/@state", "mtu/@size") == [
        "lab", "52:54:00:00:00:0a", "virtio", "down", "1400",
    ]  # fmt: skip
    assert (wan.get("type"), *attributes(wan, "source/@bridge", "model/@type")) == ("bridge", "br0", "e1000e")
    assert [each.get("type") for each in root.iterfind("devices/graphics")] == ["vnc", "spice"]
    assert attributes(root, "devices/graphics/@keymap", "devices/video/model/@type") == ["de", "vga"]
    assert "tablet" in [each.get("type") for each in root.iterfind("devices/input")]
    assert attributes(root, "devices/serial/@type", "devices/channel/target/@name") == [
        "pty", "org.qemu.guest_agent.0",
    ]  # fmt: skip
    assert conn.lookupByName("web").autostart() == 1
    assert not conn.lookupByName("web").isActive()


def test_a_machine_with_screens_disks_and_ports_starts(kvmctl: Any, conn: Any, sandbox: Any) -> None:
    sandbox.outside("/var/lib/libvirt/images/cd.iso").write_bytes(bytes(1 << 20))
    kvmctl.apply({
        **POOL,
        "disk/root": "pool: p, format: qcow2, size: 1GiB",
        "vm/web": f"{SMALL}, {FORCED}, powerState: Running, os: {{machine: q35, boot: [cdrom], bootMenu: true}}, "
        "disks: [{target: vda, disk: root, bus: virtio}, "
        "{target: sda, device: cdrom, bus: sata, file: /var/lib/libvirt/images/cd.iso, format: raw}], "
        "graphics: [{type: vnc, autoport: true}, {type: spice, autoport: true}], videos: [{model: vga}], "
        "inputs: [{type: tablet, bus: usb}, {type: keyboard, bus: virtio}], serials: [{type: pty}], "
        "consoles: [{type: pty, target: serial}, {type: pty, target: virtio}], channels: [{name: org.example.0}]",
    })  # fmt: skip
    running = ET.fromstring(conn.lookupByName("web").XMLDesc(0))
    ports = {each.get("type"): int(str(each.get("port"))) for each in running.iterfind("devices/graphics")}
    assert ports["vnc"] >= 5900
    assert ports["spice"] >= 5900


def test_start_and_a_stop_that_the_guest_ignores(kvmctl: Any, conn: Any) -> None:
    """A machine without an operating system never reacts to the power button."""
    kvmctl.apply({"vm/web": f"{SMALL}, powerState: Off"})
    assert state(conn) == 5
    kvmctl.apply({"vm/web": f"{SMALL}, powerState: Running"})
    assert state(conn) == 1
    unforced = {"vm/web": f"{SMALL}, powerState: Off, shutdown: {{timeout: 1s}}"}
    refused = kvmctl.run("apply", "--yes", specs=unforced, code=3)
    assert "--max-disruption restart" in refused.stderr
    began = time.monotonic()
    failed = kvmctl.run("apply", "--yes", "--max-disruption", "restart", specs=unforced, code=1)
    assert 1 < time.monotonic() - began < 10
    assert "did not stop within 1 s and runs on" in failed.stdout
    assert state(conn) == 1
    told = kvmctl.apply({"vm/web": f"{SMALL}, powerState: Off, {FORCED}"}, "--max-disruption", "restart")
    assert "then the power is cut" in told
    assert state(conn) == 5


def test_suspend_and_resume(kvmctl: Any, conn: Any) -> None:
    kvmctl.apply({"vm/web": f"{SMALL}, powerState: Running"})
    paused = {"vm/web": f"{SMALL}, powerState: Paused"}
    refused = kvmctl.run("apply", "--yes", specs=paused, code=3)
    assert "suspend [interrupt]" in refused.stderr
    assert "--max-disruption interrupt" in refused.stderr
    assert state(conn) == 1
    kvmctl.apply(paused, "--max-disruption", "interrupt")
    assert state(conn) == 3
    kvmctl.apply({"vm/web": f"{SMALL}, powerState: Running"})
    assert state(conn) == 1
    conn.lookupByName("web").destroy()
    kvmctl.apply(paused)
    assert state(conn) == 3
    kvmctl.apply({"vm/web": f"{SMALL}, powerState: Off, {FORCED}"}, "--max-disruption", "restart")
    assert state(conn) == 5


def test_autostart_of_a_machine(kvmctl: Any, conn: Any) -> None:
    kvmctl.apply({"vm/web": SMALL})
    domain = conn.lookupByName("web")
    assert domain.autostart() == 0
    kvmctl.apply({"vm/web": f"{SMALL}, autostart: true"})
    assert domain.autostart() == 1
    kvmctl.apply({"vm/web": SMALL})
    assert domain.autostart() == 1, "what the manifest doesn't say is left alone"
    plan = kvmctl.json("plan", specs={"vm/web": f"{SMALL}, autostart: false"})
    assert operations(plan) == [("set-autostart", "none")]
    kvmctl.apply({"vm/web": f"{SMALL}, autostart: false"})
    assert domain.autostart() == 0


def test_get_lists_machines(kvmctl: Any, conn: Any) -> None:
    specs = {
        "vm/up": f"{SMALL}, powerState: Running", "vm/paused": f"{SMALL}, powerState: Paused",
        "vm/idle": f"{SMALL}, autostart: true",
    }  # fmt: skip
    kvmctl.apply(specs)
    rows = {line.split()[0]: line.split() for line in kvmctl.run("get", "vm").stdout.splitlines() if line}
    assert rows.keys() >= {"VM", "up", "paused"}
    assert "idle" not in rows
    assert rows["up"][1:5] == ["Running", "no", "1", "64MiB"]
    assert rows["paused"][1] == "Paused"
    rows = {line.split()[0]: line.split() for line in kvmctl.run("get", "vm", "--all").stdout.splitlines() if line}
    assert rows["idle"][1:3] == ["Off", "yes"]
    document = kvmctl.json("get", "vm", "--all", "-f", kvmctl.write(specs))
    found = {each["metadata"]["name"]: each for each in document["items"]}
    assert found["up"]["spec"]["powerState"] == "Running"
    assert found["up"]["spec"]["uuid"] == conn.lookupByName("up").UUIDString()
    assert "manifest.yaml:" in found["idle"]["status"]["manifest"]


def test_delete_stops_the_machine_and_keeps_its_files(kvmctl: Any, conn: Any, sandbox: Any) -> None:
    specs = {
        **POOL,
        "disk/own": "pool: p, format: qcow2, size: 1MiB",
        "vm/web": f"{SMALL}, powerState: Running, shutdown: {{timeout: 1s}}, disks: [{{target: vda, disk: own}}]",
    }
    kvmctl.apply(specs)
    kvmctl.run("delete", "--yes", specs=specs)
    assert conn.listAllDomains() == []
    assert sandbox.outside("/var/lib/libvirt/images/p/own").exists()
    told = kvmctl.run("delete", "--yes", specs=specs).stdout
    assert "disk/own  kept" in told
    assert "pool/p stays: it holds disks that stay" in told
    assert "No changes: what is left is kept" in told
    assert conn.listAllStoragePools()[0].isActive(), "the pool of a disk that stays has to stay"
    kvmctl.apply(specs)
    told = kvmctl.run("delete", "--yes", "--allow-data-loss", specs=specs)
    assert "/var/lib/libvirt/images/p/own" in told.stdout
    assert conn.listAllDomains() == []
    assert conn.listAllStoragePools() == []
    assert not sandbox.outside("/var/lib/libvirt/images/p/own").exists()


def test_delete_removes_the_files_of_the_machine_alone_and_only_where_allowed(
    kvmctl: Any, conn: Any, sandbox: Any
) -> None:
    specs = {
        **POOL,
        "disk/own": "pool: p, format: qcow2, size: 1MiB",
        "disk/common": "pool: p, size: 1MiB",
        "vm/web": f"{SMALL}, disks: [{{target: vda, disk: own}}, {{target: vdb, disk: common, shareable: true}}]",
        "vm/other": f"{SMALL}, disks: [{{target: vda, disk: common, shareable: true}}]",
    }
    own, common = (sandbox.outside(f"/var/lib/libvirt/images/p/{name}") for name in ("own", "common"))
    kvmctl.apply(specs)
    kvmctl.run("delete", "vm/web", "--yes")
    assert [domain.name() for domain in conn.listAllDomains()] == ["other"]
    assert own.exists()
    assert common.exists()
    kvmctl.apply(specs)
    plan = kvmctl.json("delete", "vm/web", "--yes", "--allow-data-loss")
    assert [each["address"] for each in plan["actions"]] == ["vm/web", "disk/own"]
    assert plan["actions"][1]["note"] == "deletes /var/lib/libvirt/images/p/own"
    assert not own.exists()
    assert common.exists(), "another machine has it"


def test_a_type_that_the_host_cannot_run_is_refused(kvmctl: Any, conn: Any) -> None:
    refused = kvmctl.run("apply", "--yes", specs={"vm/web": "type: kvm, memory: 64MiB"}, code=3)
    assert "the host can't run type kvm: for x86_64 it offers qemu" in refused.stdout
    assert "/dev/kvm" in refused.stderr
    xen = kvmctl.run("apply", "--yes", specs={"vm/web": "type: xen, memory: 64MiB"}, code=3)
    assert "the host can't run type xen" in xen.stdout
    strange = kvmctl.run("apply", "--yes", specs={"vm/web": "memory: 64MiB, os: {arch: s390x}"}, code=3)
    assert "s390x" in strange.stdout
    assert conn.listAllDomains() == []


def test_the_type_follows_from_the_host(kvmctl: Any, conn: Any) -> None:
    kvmctl.apply({"vm/web": "memory: 64MiB"})
    assert definition(conn).get("type") == "qemu"


def test_another_uuid_is_refused(kvmctl: Any, conn: Any) -> None:
    kvmctl.apply({"vm/web": SMALL})
    uuid = conn.lookupByName("web").UUIDString()
    other = {
        "vm/web": f'{SMALL}, uuid: "11111111-2222-3333-4444-555555555555", memory: 96MiB'.replace("memory: 64MiB, ", "")
    }
    assert "spec.uuid" in kvmctl.run("apply", "--yes", specs=other, code=3).stderr
    assert conn.lookupByName("web").UUIDString() == uuid
    assert definition(conn).findtext("memory") == "65536"
    kvmctl.apply({"vm/web": f'{SMALL}, uuid: "{uuid.upper()}"'})


def test_the_medium_of_a_running_machine_is_changed(kvmctl: Any, conn: Any, sandbox: Any) -> None:
    for name in ("one.iso", "two.iso"):
        sandbox.outside(f"/var/lib/libvirt/images/{name}").write_bytes(bytes(1 << 20))

    def machine(medium: str) -> dict[str, str]:
        drive = f"{{target: sda, device: cdrom, bus: sata{medium}}}"
        return {"vm/web": f"{SMALL}, powerState: Running, os: {{machine: q35}}, disks: [{drive}]"}

    def media() -> list[str | None]:
        return [
            attributes(root, "devices/disk/source/@file")[0]
            for root in (ET.fromstring(conn.lookupByName("web").XMLDesc(0)), definition(conn))
        ]

    kvmctl.apply(machine(""))
    number = conn.lookupByName("web").ID()
    assert media() == [None, None]
    for name in ("one.iso", "two.iso"):
        specs = machine(f", file: /var/lib/libvirt/images/{name}")
        assert operations(kvmctl.json("plan", specs=specs)) == [("update-device", "live")]
        kvmctl.apply(specs)
        assert media() == [f"/var/lib/libvirt/images/{name}"] * 2
    kvmctl.apply(machine(", file: null"))
    assert media() == [None, None]
    assert conn.lookupByName("web").ID() == number
