"""Updates that touch nothing else, failures that stop nothing else, and questions before anything is done."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import time
import xml.etree.ElementTree as ET
from typing import Any

import pytest

from kvmctl import ownership

SMALL = "type: qemu, memory: 64MiB, vcpus: 1"
POOL = {"pool/p": "type: dir, path: /var/lib/libvirt/images/p"}
A = "file: /var/lib/libvirt/images/a.qcow2, format: qcow2"
B = "file: /var/lib/libvirt/images/b.raw, format: raw"
FULL = """<domain type='qemu'>
  <name>web</name><memory>131072</memory><vcpu>2</vcpu>
  <title>old</title>
  <metadata><o:owner xmlns:o='urn:example:owner'><o:team>blue</o:team></o:owner></metadata>
  <memtune><hard_limit unit='KiB'>4000000</hard_limit></memtune>
  <os><type arch='x86_64' machine='q35'>hvm</type><boot dev='hd'/></os>
  <features><acpi/><apic/><vmport state='off'/></features>
  <clock offset='utc'><timer name='rtc' tickpolicy='catchup'/></clock>
  <devices>
    <disk type='file' device='disk'><driver name='qemu' type='qcow2' queues='2'/>
      <source file='/var/lib/libvirt/images/a.qcow2'/><target dev='vda' bus='virtio'/>
      <iotune><total_iops_sec>500</total_iops_sec></iotune><serial>A</serial></disk>
    <disk type='file' device='disk'><driver name='qemu' type='raw'/>
      <source file='/var/lib/libvirt/images/b.raw'/><target dev='vdb' bus='virtio'/></disk>
    <interface type='bridge'><source bridge='br0'/><model type='virtio'/><driver queues='2'/></interface>
    <interface type='user'><model type='e1000e'/></interface>
    <serial type='pty'/><console type='pty'/><rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>
    <watchdog model='i6300esb' action='reset'/><sound model='ich9'/>
    <graphics type='vnc' port='-1' autoport='yes' passwd='secret'/><video><model type='vga'/></video>
  </devices>
</domain>"""


def inactive(conn: Any, name: str = "web") -> ET.Element:
    """Return a machine's definition without the mark that says whose it is."""
    import libvirt

    flags = libvirt.VIR_DOMAIN_XML_INACTIVE | libvirt.VIR_DOMAIN_XML_SECURE
    return ET.fromstring(ownership.split(conn.lookupByName(name).XMLDesc(flags))[0])


def flat(root: ET.Element) -> list[str]:
    """Return a definition as lines, without the layout, to be compared."""
    for element in root.iter():
        element.text = (element.text or "").strip()
        element.tail = ""
    ET.indent(root)
    return ET.tostring(root, encoding="unicode").splitlines()


def operations(plan: Any) -> list[tuple[str, str]]:
    return [(each["operation"], each["disruption"]) for each in plan["actions"]]


@pytest.mark.parametrize(
    ("spec", "gone", "come"),
    [
        ("title: new", ["  <title>old</title>"], ["  <title>new</title>"]),
        ("title: null", ["  <title>old</title>"], []),
        ("description: text", [], ["  <description>text</description>"]),
        (
            "memory: {max: 256MiB}",
            ['  <memory unit="KiB">131072</memory>'],
            ['  <memory unit="KiB">262144</memory>'],
        ),
        (
            "memory: {current: 64MiB}",
            ['  <currentMemory unit="KiB">131072</currentMemory>'],
            ['  <currentMemory unit="KiB">65536</currentMemory>'],
        ),
        ("vcpus: 3", ['  <vcpu placement="static">2</vcpu>'], ['  <vcpu placement="static">3</vcpu>']),
        ("features: {pae: true}", [], ["    <pae />"]),
        ("clock: {offset: localtime}", ['  <clock offset="utc">'], ['  <clock offset="localtime">']),
        ("onCrash: restart", ["  <on_crash>destroy</on_crash>"], ["  <on_crash>restart</on_crash>"]),
        ("os: {boot: [hd, network]}", [], ['    <boot dev="network" />']),
        ("os: {machine: q35}", [], []),
        (
            f"disks: [{{target: vda, {A}, cache: none}}, {{target: vdb, {B}}}]",
            ['      <driver name="qemu" type="qcow2" queues="2" />'],
            ['      <driver name="qemu" type="qcow2" cache="none" queues="2" />'],
        ),
        (
            "interfaces: [{bridge: br0, mtu: 1400}, {type: user}]",
            [],
            ['      <mtu size="1400" />'],
        ),
        (
            "interfaces: [{bridge: br0}, {type: user, model: e1000}]",
            ['      <model type="e1000e" />'],
            ['      <model type="e1000" />'],
        ),
        (
            "graphics: [{type: vnc, keymap: de}]",
            ['    <graphics type="vnc" port="-1" autoport="yes" passwd="secret">'],
            ['    <graphics type="vnc" port="-1" autoport="yes" keymap="de" passwd="secret">'],
        ),
    ],
)
def test_an_update_touches_what_it_names_and_nothing_else(
    kvmctl: Any, conn: Any, spec: str, gone: list[str], come: list[str]
) -> None:
    """UUID, MACs, PCI addresses, passwords, metadata and all that kvmctl has no field for stay byte by byte."""
    conn.defineXML(FULL)
    before = flat(inactive(conn))
    kvmctl.apply({"vm/web": spec if spec.startswith("memory") else f"memory: {{max: 128MiB}}, {spec}"})
    after = flat(inactive(conn))
    assert [line for line in before if line not in after] == gone
    assert [line for line in after if line not in before] == come


def test_a_device_comes_and_goes_and_the_others_keep_their_places(kvmctl: Any, conn: Any) -> None:
    conn.defineXML(FULL)
    before = inactive(conn)
    kvmctl.apply(
        {"vm/web": f"memory: 128MiB, disks: [{{target: vdb, {B}}}, {{target: vdc, file: /c.raw, format: raw}}]"}
    )
    after = inactive(conn)

    def disks(root: ET.Element) -> dict[str | None, str]:
        return {
            each.find("target").get("dev"): ET.tostring(each, encoding="unicode").strip()  # type: ignore[union-attr]
            for each in root.iterfind("devices/disk")
        }

    assert disks(after).keys() == {"vdb", "vdc"}
    assert disks(after)["vdb"] == disks(before)["vdb"]
    for place in ("uuid", "devices/interface", "devices/rng", "devices/watchdog", "devices/controller"):
        assert [ET.tostring(each) for each in after.iterfind(place)] == [
            ET.tostring(each) for each in before.iterfind(place)
        ], place


def test_what_libvirt_does_not_keep_is_taken_back(kvmctl: Any, conn: Any) -> None:
    """libvirt silently makes a drive for CDs read-only: `readonly: false` can't be had."""
    drive = "disks: [{target: sda, device: cdrom, bus: sata, readonly: false}]"
    created = kvmctl.run("apply", "--yes", specs={"vm/web": f"{SMALL}, {drive}"}, code=1)
    assert "libvirt does not keep spec.disks[sda].readonly" in created.stdout
    assert conn.listAllDomains() == []
    conn.defineXML(FULL)
    before = flat(inactive(conn))
    specs = {"vm/web": f"memory: 128MiB, {drive}"}
    changed = kvmctl.run("apply", "--yes", specs=specs, code=1)
    assert "the former definition is back" in changed.stdout
    assert flat(inactive(conn)) == before


def test_plan_and_drift_change_nothing(kvmctl: Any, conn: Any, sandbox: Any) -> None:
    conn.defineXML(FULL)
    before = flat(inactive(conn))
    specs = {**POOL, "disk/a": "pool: p, size: 1MiB", "vm/web": "memory: 1GiB, powerState: Running, autostart: true"}
    kvmctl.run("plan", specs=specs)
    kvmctl.run("drift", specs=specs, code=2)
    kvmctl.run("plan", "-o", "commands", specs=specs)
    assert flat(inactive(conn)) == before
    assert conn.listAllStoragePools() == []
    assert not sandbox.outside("/var/lib/libvirt/images/p").exists()


def test_a_failure_stops_what_needs_it_and_nothing_else(kvmctl: Any, conn: Any) -> None:
    """Two networks want the same bridge: the second can't, nor its machine; everything else is done."""
    conn.networkDefineXML("<network><name>first</name><bridge name='br-x'/></network>")
    specs = {
        **POOL,
        "disk/a": "pool: p, size: 1MiB",
        "network/clash": "bridge: br-x, ips: [{address: 192.168.170.1, prefix: 24}]",
        "vm/stuck": f"{SMALL}, interfaces: [{{network: clash}}]",
        "vm/fine": f"{SMALL}, disks: [{{target: vda, disk: a}}], powerState: Running",
    }
    result = kvmctl.run("apply", "--yes", specs=specs, code=4)
    assert "failed network/clash create" in result.stdout
    assert "br-x" in result.stdout
    assert "skipped vm/stuck create: needs network/clash create, which failed" in result.stdout
    assert "3 actions done, 1 failed, 1 skipped" in result.stdout
    assert conn.lookupByName("fine").isActive()
    assert [domain.name() for domain in conn.listAllDomains()] == ["fine"]
    plan = kvmctl.json("apply", "--yes", specs=specs, code=1)
    assert {each["address"]: each["status"] for each in plan["actions"]} == {
        "network/clash": "failed",
        "vm/stuck": "skipped",
    }
    assert all(each["error"] for each in plan["actions"])
    conn.networkLookupByName("first").undefine()
    told = kvmctl.apply(specs)
    assert "2 actions done, 0 failed, 0 skipped" in told


def test_a_libvirt_that_dies_during_an_apply_takes_no_report_with_it(fresh_kvmctl: Any) -> None:
    """The network is made, then libvirt ends while a guest that never listens is asked to stop."""
    kvmctl, box = fresh_kvmctl, fresh_kvmctl.box
    kvmctl.apply({"vm/web": f"{SMALL}, powerState: Running"})
    specs = {
        "network/lab": "bridge: br-x",
        "vm/web": f"{SMALL}, powerState: Off, shutdown: {{timeout: 100s, force: true}}",
    }
    options = ["--max-disruption", "restart", "-c", box.uri, "-o", "json", "-f", kvmctl.write(specs)]
    argv = kvmctl.argv("apply", "--yes", *options)
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        said = ""
        while not ("vm/web: stop" in said and "network/lab: create done" in said):
            said += process.stderr.readline()
        box.run(["sh", "-c", "kill -9 $(cat /run/libvirt/libvirtd.pid)"])
        out, told = process.communicate(timeout=60)
    assert process.returncode == 4, said + told
    assert {each["address"]: each["status"] for each in json.loads(out)["actions"]} == {
        "network/lab": "done",
        "vm/web": "failed",
    }
    assert "kvmctl: what this came to can't be checked: " in told
    assert "Traceback" not in told


def test_a_definition_whose_start_failed_is_finished_by_the_next_apply(kvmctl: Any, conn: Any, sandbox: Any) -> None:
    image = "/var/lib/libvirt/images/late.raw"
    specs = {
        "vm/web": f"{SMALL}, powerState: Running, autostart: true, disks: [{{target: vda, file: {image}, format: raw}}]"
    }
    result = kvmctl.run("apply", "--yes", specs=specs, code=1)
    assert "late.raw" in result.stdout
    assert [domain.name() for domain in conn.listAllDomains()] == ["web"]
    uuid = conn.lookupByName("web").UUIDString()
    sandbox.outside(image).write_bytes(bytes(1 << 20))
    assert operations(kvmctl.json("plan", specs=specs)) == [("start", "none")]
    kvmctl.apply(specs)
    assert conn.lookupByName("web").UUIDString() == uuid
    assert conn.lookupByName("web").isActive()
    assert conn.lookupByName("web").autostart()


def test_a_source_that_vanished_names_its_place(kvmctl: Any, conn: Any) -> None:
    specs = {**POOL, "disk/a": "pool: p, format: qcow2, source: {path: gone.raw, format: raw}"}
    result = kvmctl.run("apply", "--yes", specs=specs, code=1)
    assert "manifest.yaml:9:" in result.stderr
    assert "gone.raw" in result.stderr
    assert conn.listAllStoragePools() == []


def test_without_yes_and_without_a_terminal_nothing_is_done(kvmctl: Any, conn: Any) -> None:
    refused = kvmctl.run("apply", specs={"vm/web": SMALL}, code=3)
    assert "vm/web" in refused.stdout, "the plan is shown all the same"
    assert "--yes" in refused.stderr
    assert conn.listAllDomains() == []
    kvmctl.apply({"vm/web": SMALL})
    refused = kvmctl.run("delete", "vm/web", code=3)
    assert "--yes" in refused.stderr
    assert [domain.name() for domain in conn.listAllDomains()] == ["web"]
    kvmctl.run("apply", specs={"vm/web": SMALL})  # nothing to do is nothing to ask


@pytest.mark.parametrize(("answer", "code"), [(b"n\n", 3), (b"\n", 3), (b"y\n", 0), (b"\x04", 1), (b"\x03", 1)])
def test_on_a_terminal_apply_asks(kvmctl: Any, conn: Any, sandbox: Any, answer: bytes, code: int) -> None:
    command = kvmctl.argv("apply", "-c", sandbox.uri, "-f", kvmctl.write({"vm/web": SMALL}))
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvpe(  # noqa: S606 - in a child on a terminal of its own
            command[0], command, {**os.environ, "TERM": "xterm"}
        )
    told = b""
    answered = False
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if not select.select([terminal], [], [], 1)[0]:
            # Python may sleep through a Ctrl-C between its prompt and its read; people press it again.
            answered = answered and answer != b"\x03"
            if not answered and b"[y/N]" in told:
                os.write(terminal, answer)
                answered = True
            continue
        try:
            told += os.read(terminal, 4096)
        except OSError:  # Linux says so when the other side is closed
            break
        if not answered and b"[y/N]" in told:
            os.write(terminal, answer)
            answered = True
    os.close(terminal)
    _pid, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == code, told.decode()
    assert b"Do 1 action?" in told
    assert [domain.name() for domain in conn.listAllDomains()] == (["web"] if code == 0 else [])


def test_an_interface_without_a_mac_keeps_the_one_it_got(kvmctl: Any, conn: Any) -> None:
    kvmctl.apply({"vm/web": f"{SMALL}, interfaces: [{{type: user, model: virtio}}]"})
    mac = inactive(conn).find("devices/interface/mac").get("address")  # type: ignore[union-attr]
    kvmctl.apply({"vm/web": f"{SMALL}, title: T, interfaces: [{{type: user, model: e1000e}}]"})
    assert inactive(conn).find("devices/interface/mac").get("address") == mac  # type: ignore[union-attr]


def test_an_interface_that_only_the_running_guest_has_keeps_its_mac(kvmctl: Any, conn: Any, sandbox: Any) -> None:
    """virsh detach-interface --config: the next start would lose it, and a new one would ask for another lease."""
    nics = "interfaces: [{name: a, type: user, model: virtio}, {name: b, type: user, model: virtio}]"
    specs = {"vm/web": f"{SMALL}, powerState: Running, {nics}"}
    kvmctl.apply(specs)
    before = [mac.get("address") for mac in inactive(conn).findall("devices/interface/mac")]
    sandbox.run(["virsh", "detach-interface", "web", "user", "--mac", str(before[0]), "--config"])
    assert len(inactive(conn).findall("devices/interface")) == 1
    kvmctl.apply(specs)
    assert sorted(mac.get("address", "") for mac in inactive(conn).findall("devices/interface/mac")) == sorted(
        str(mac) for mac in before
    )
    assert kvmctl.json("plan", specs=specs)["pending"] == []


def test_a_serial_port_goes_with_the_console_that_mirrors_it(kvmctl: Any, conn: Any) -> None:
    """Of a console that was left alone libvirt would make the port again (9.0)."""
    kvmctl.apply({"vm/web": f"{SMALL}, serials: [{{type: pty}}]"})
    assert inactive(conn).find("devices/console") is not None
    kvmctl.apply({"vm/web": f"{SMALL}, serials: []"})
    assert (inactive(conn).find("devices/serial"), inactive(conn).find("devices/console")) == (None, None)
