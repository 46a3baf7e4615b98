"""Snapshots on real libvirt and in guests that boot: taken, reverted to, merged, guarding; what they hold is proven."""

from __future__ import annotations

import base64
import importlib
import json
import re
import subprocess
import time
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

POOL = "/var/lib/libvirt/images/p"
IMAGE = f"{POOL}/root"


class Guest:
    """The tiny guest, spoken to through its agent."""

    def __init__(self, conn: Any, name: str = "web") -> None:
        self.domain = conn.lookupByName(name)

    def _ask(self, command: str, **arguments: Any) -> Any:
        ask: Any = importlib.import_module("libvirt_qemu").qemuAgentCommand
        text = json.dumps({"execute": command, "arguments": arguments})
        return json.loads(ask(self.domain, text, 10, 0))["return"]

    def wait(self) -> Guest:
        """Return once its agent answers."""
        import libvirt

        deadline = time.monotonic() + 90
        while True:
            try:
                self._ask("guest-ping")
            except libvirt.libvirtError:
                assert time.monotonic() < deadline, "the guest's agent doesn't answer"
                time.sleep(0.3)
            else:
                return self

    def run(self, script: str) -> str:
        """Return what a shell in the guest prints."""
        started = self._ask("guest-exec", path="/bin/sh", arg=["-c", script], **{"capture-output": True})
        deadline = time.monotonic() + 30
        while not (ended := self._ask("guest-exec-status", pid=started["pid"]))["exited"]:
            assert time.monotonic() < deadline, script
            time.sleep(0.1)
        said = base64.b64decode(ended.get("out-data", "")).decode()
        assert ended["exitcode"] == 0, said + base64.b64decode(ended.get("err-data", "")).decode()
        return said.strip()

    def write(self, word: str) -> None:
        """Write a word to its disk and to a file in its memory."""
        self.run(f"echo {word} > /tmp/word; dd if=/tmp/word of=/dev/vda bs=512 conv=sync,fsync 2>/dev/null")

    def on_disk(self) -> str:
        """Return the word on its disk, read anew."""
        return self.run("sync; echo 3 > /proc/sys/vm/drop_caches; head -n 1 /dev/vda")

    def in_memory(self) -> str:
        """Return the word in its memory."""
        return self.run("cat /tmp/word")


def machine(tiny_guest: Any, more: str = "", *, power: str = "Running", arguments: str = "") -> dict[str, str]:
    boot = f"kernel: {tiny_guest.kernel}, initrd: {tiny_guest.initrd}, cmdline: console=ttyS0 quiet {arguments}"
    return {
        "pool/p": f"type: dir, path: {POOL}",
        "disk/root": "pool: p, format: qcow2, size: 64MiB",
        "vm/web": f"type: qemu, powerState: {power}, memory: 128MiB, os: {{machine: q35, {boot}}}, "
        "disks: [{target: vda, disk: root, bus: virtio}], channels: [{name: org.qemu.guest_agent.0}], "
        f"shutdown: {{timeout: 20s}}, {more}",
    }


def blank(more: str = "", *, power: str = "Running", image: str = "qcow2", size: str = "64MiB") -> dict[str, str]:
    """Return the manifests of a machine that runs and has nothing to boot."""
    return {
        "pool/p": f"type: dir, path: {POOL}",
        "disk/root": f"pool: p, format: {image}, size: {size}",
        "vm/web": f"type: qemu, powerState: {power}, memory: 64MiB, shutdown: {{timeout: 1s, force: true}}, "
        f"disks: [{{target: vda, disk: root, bus: virtio}}], {more}",
    }


def operations(plan: Any) -> list[tuple[str, str]]:
    return [(each["operation"], each["disruption"]) for each in plan["actions"]]


def names(conn: Any, name: str = "web") -> set[str]:
    return {snapshot.getName() for snapshot in conn.lookupByName(name).listAllSnapshots()}


def image_of(conn: Any) -> str:
    """Return the path that the definition names for vda."""
    import xml.etree.ElementTree as ET

    import libvirt

    root = ET.fromstring(conn.lookupByName("web").XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE))
    source = root.find("devices/disk/source")
    assert source is not None
    return str(source.get("file"))


def word_in(image: Path, folder: Path) -> str:
    """Return the word at the beginning of an image, read on the host."""
    raw = folder / "read.raw"
    subprocess.run(["qemu-img", "convert", "-U", "-f", "qcow2", "-O", "raw", image, raw], check=True)
    return raw.read_bytes()[:512].split(b"\n")[0].decode()


@pytest.mark.guest
def test_a_guest_goes_back_to_what_it_was(kvmctl: Any, conn: Any, tiny_guest: Any) -> None:
    """Disk, memory and definition, from running to running, and from running to off."""
    kvmctl.apply(machine(tiny_guest))
    Guest(conn).wait().write("first")

    listed = "snapshots: [{name: running, description: while it runs}]"
    specs = machine(tiny_guest, listed)
    assert operations(kvmctl.json("plan", specs=specs)) == [("snapshot", "interrupt")]
    kvmctl.run("apply", "--yes", specs=specs, code=3)
    assert names(conn) == set()
    kvmctl.apply(specs, "--max-disruption", "interrupt")

    kvmctl.apply(machine(tiny_guest, f"{listed}, title: Later"))
    Guest(conn).write("second")
    kvmctl.run("revert", "vm/web@running", "--yes", code=3)
    assert Guest(conn).on_disk() == "second"
    told = kvmctl.json("revert", "vm/web@running", "--yes", "--allow-data-loss")
    assert operations(told) == [("revert", "data-loss")]
    assert told["actions"][0]["status"] == "done"
    assert {each["path"]: (each["before"], each["after"]) for each in told["actions"][0]["because"]} == {
        "spec.title": ("Later", None)
    }
    assert (Guest(conn).wait().on_disk(), Guest(conn).in_memory()) == ("first", "first")
    assert "No changes" in kvmctl.run("plan", "--detailed-exitcode", specs=specs).stdout

    Guest(conn).write("third")
    kvmctl.apply(machine(tiny_guest, listed, power="Off"), "--max-disruption", "restart")
    both = "snapshots: [{name: running}, {name: stopped, memory: none}]"
    kvmctl.apply(machine(tiny_guest, both, power="Off"))
    kvmctl.apply(machine(tiny_guest, both))
    Guest(conn).wait().write("fourth")
    told = kvmctl.run("revert", "vm/web@stopped", "--yes", "--allow-data-loss").stdout
    assert "Running → Off" in told
    assert not conn.lookupByName("web").isActive()
    kvmctl.apply(machine(tiny_guest, both))
    assert Guest(conn).wait().on_disk() == "third"
    kvmctl.apply(machine(tiny_guest, "snapshots: []"), "--allow-data-loss")
    assert names(conn) == set()
    assert Guest(conn).on_disk() == "third"


@pytest.mark.guest
def test_an_external_snapshot_of_a_running_guest(
    kvmctl: Any, conn: Any, sandbox: Any, tiny_guest: Any, tmp_path: Path
) -> None:
    """The image stays as it was, the overlay counts as the Disk, and a removal merges the two."""
    kvmctl.apply(machine(tiny_guest))
    Guest(conn).wait().write("first")
    specs = machine(tiny_guest, "snapshots: [{name: backup, memory: none, quiesce: true}]")
    assert operations(kvmctl.json("plan", specs=specs)) == [("snapshot", "live")]
    kvmctl.apply(specs, "--max-disruption", "live")
    Guest(conn).write("second")
    assert image_of(conn) == f"{IMAGE}.backup"
    assert word_in(sandbox.outside(IMAGE), tmp_path) == "first"
    assert "No changes" in kvmctl.run("plan", "--detailed-exitcode", specs=machine(tiny_guest)).stdout

    told = kvmctl.run("revert", "vm/web@backup", "--yes", "--allow-data-loss", code=3)
    assert "can't revert to such a one" in told.stderr
    grown = {**specs, "disk/root": "pool: p, format: qcow2, size: 128MiB"}
    assert "was; its machine writes to" in kvmctl.run("apply", "--yes", specs=grown, code=3).stderr
    assert "in use by vm/web" in kvmctl.run("delete", "disk/root", "--yes", "--allow-data-loss", code=3).stderr

    kvmctl.apply(machine(tiny_guest, "snapshots: []"), "--allow-data-loss")
    assert image_of(conn) == IMAGE
    assert Guest(conn).on_disk() == "second"
    assert not sandbox.outside(f"{IMAGE}.backup").exists()
    assert word_in(sandbox.outside(IMAGE), tmp_path) == "second"


@pytest.mark.guest
def test_a_guard_is_reverted_to_when_the_guest_does_not_stop(
    kvmctl: Any, conn: Any, sandbox: Any, tiny_guest: Any
) -> None:
    """The guest counts, on a serial port whose log nothing takes back: it counts some numbers twice."""
    log = "<serial type='pty'><log file='/var/lib/libvirt/images/web.log' append='on'/></serial>"
    port = f'serials: [{{type: pty}}], xml: "<domain><devices>{log}</devices></domain>"'

    def specs(power: str) -> dict[str, str]:
        made = machine(tiny_guest, port, power=power, arguments="tiny.acpi=ignore")
        return {**made, "vm/web": made["vm/web"].replace("timeout: 20s", "mode: acpi, timeout: 5s")}

    kvmctl.apply(specs("Running"))
    Guest(conn).wait().write("first")
    count = "n=0; while :; do n=$((n+1)); echo counted $n. > /dev/ttyS0; sleep 0.2; done"
    Guest(conn).run(f"({count}) >/dev/null 2>&1 &")
    told = kvmctl.json("apply", "--yes", "--guard", "--max-disruption", "restart", specs=specs("Off"), code=1)
    done = [(each["operation"], each["status"]) for each in (*told["actions"], *told["guard"])]
    assert done == [("snapshot", "done"), ("stop", "failed"), ("revert", "done"), ("delete-snapshot", "done")]
    assert names(conn) == set()
    assert (Guest(conn).wait().on_disk(), Guest(conn).in_memory()) == ("first", "first")
    Guest(conn).run("sleep 1")
    heard = sandbox.outside("/var/lib/libvirt/images/web.log").read_text(errors="replace")
    counted = [int(number) for number in re.findall(r"counted (\d+)\.", heard)]
    assert len(counted) > len(set(counted))


@pytest.mark.guest
def test_a_guard_is_removed_when_all_is_well(kvmctl: Any, conn: Any, tiny_guest: Any) -> None:
    kvmctl.apply(machine(tiny_guest))
    Guest(conn).wait().write("first")
    told = kvmctl.apply(machine(tiny_guest, power="Off"), "--guard", "--max-disruption", "restart")
    assert "done vm/web delete-snapshot" in told
    assert names(conn) == set()
    kvmctl.apply(machine(tiny_guest))
    assert Guest(conn).wait().on_disk() == "first"


def test_nothing_is_done_where_no_guard_can_be_taken(kvmctl: Any, conn: Any) -> None:
    kvmctl.apply(blank(image="raw"))
    off = blank(image="raw", power="Off")
    told = kvmctl.run("apply", "--yes", "--guard", "--max-disruption", "restart", specs=off, code=3)
    assert "--guard: no snapshot of it can be taken: vda is raw" in told.stderr
    assert conn.lookupByName("web").isActive()


def test_a_guard_that_was_left_is_never_replaced(kvmctl: Any, conn: Any) -> None:
    kvmctl.apply(blank())
    conn.lookupByName("web").snapshotCreateXML("<domainsnapshot><name>kvmctl-guard</name></domainsnapshot>")
    told = kvmctl.run("apply", "--yes", "--guard", "--max-disruption", "restart", specs=blank(power="Off"), code=3)
    assert "cut short is still there" in told.stderr
    told = kvmctl.run("apply", "--yes", "--allow-data-loss", specs=blank("snapshots: []")).stdout
    assert "left by an apply --guard that was cut short, and is kept" in told
    assert names(conn) == {"kvmctl-guard"}


def test_a_guard_is_no_part_of_a_plan_that_restarts_nothing(kvmctl: Any, conn: Any) -> None:
    kvmctl.apply(blank())
    told = kvmctl.json("apply", "--yes", "--guard", specs=blank("title: Web"))
    assert operations(told) == [("set-text", "none")]
    assert "guard" not in told
    assert names(conn) == set()


def test_a_snapshot_by_hand_is_drift_where_snapshots_are_stated(kvmctl: Any, conn: Any) -> None:
    kvmctl.apply(blank(power="Off"))
    conn.lookupByName("web").snapshotCreateXML("<domainsnapshot><name>mine</name></domainsnapshot>")
    assert "No drift" in kvmctl.run("drift", specs=blank(power="Off")).stdout
    stated = blank("snapshots: []", power="Off")
    assert "spec.snapshots[mine]" in kvmctl.run("drift", specs=stated, code=2).stdout
    kvmctl.apply(stated)
    assert names(conn) == {"mine"}
    listing = kvmctl.run("get", "vm", "--all", "-o", "wide").stdout.splitlines()
    assert "SNAPSHOTS" in listing[0]
    assert listing[1][listing[0].index("SNAPSHOTS") :].split()[0] == "1"
    plan = kvmctl.json("plan", "--allow-data-loss", specs=stated)
    assert operations(plan) == [("delete-snapshot", "data-loss")]
    assert plan["actions"][0]["equivalent"] == ["virsh snapshot-delete web mine"]
    kvmctl.apply(stated, "--allow-data-loss")
    assert names(conn) == set()


def test_unlisted_external_snapshots_go_children_first(kvmctl: Any, conn: Any, sandbox: Any) -> None:
    chain = "snapshots: [{name: one, memory: none}, {name: two, memory: none}]"
    kvmctl.apply(blank())
    first, second = kvmctl.json("plan", specs=blank(chain))["actions"]
    assert f"{IMAGE} stays as it is" in first["note"]
    assert f"{IMAGE}.one stays as it is" in second["note"]
    kvmctl.apply(blank(chain))
    assert image_of(conn) == f"{IMAGE}.two"
    told = kvmctl.json("plan", "--allow-data-loss", specs=blank("snapshots: []"))
    assert [each["because"][0]["path"] for each in told["actions"]] == ["spec.snapshots[two]", "spec.snapshots[one]"]
    kvmctl.apply(blank("snapshots: []"), "--allow-data-loss")
    assert image_of(conn) == IMAGE
    assert [path.name for path in sandbox.outside(POOL).iterdir()] == ["root"]


def test_an_external_snapshot_upon_an_internal_one_can_not_be_removed(kvmctl: Any, conn: Any) -> None:
    kvmctl.apply(blank("snapshots: [{name: inside}]", power="Off"))
    mine = "{name: outside, disks: [{target: vda, snapshot: external}]}"
    kvmctl.apply(blank(f"snapshots: [{{name: inside}}, {mine}]", power="Off"))
    told = kvmctl.run(
        "apply", "--yes", "--allow-data-loss", specs=blank("snapshots: [{name: inside}]", power="Off"), code=3
    )
    assert "libvirt can't remove the external snapshot outside" in told.stderr
    assert names(conn) == {"inside", "outside"}


def test_reverting_drops_memory_that_was_saved_since(kvmctl: Any, conn: Any) -> None:
    """Otherwise the next start would go on with it, on disks that have another content by then."""
    kvmctl.apply(blank("snapshots: [{name: before, memory: none}]", power="Off"))
    domain = conn.lookupByName("web")
    domain.create()
    domain.managedSave()
    told = kvmctl.run("revert", "vm/web@before", "--yes", "--allow-data-loss").stdout
    assert "its saved memory is removed" in told
    assert not domain.hasManagedSaveImage()
    assert not domain.isActive()


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("vm/web", "names no snapshot"),
        ("vm/web@", "names no snapshot"),
        ("network/lab@a", "has no snapshots"),
        ("vm/other@a", "there is no vm/other"),
        ("vm/web@a", "vm/web has no snapshot a; it has none"),
    ],
)
def test_a_revert_to_what_is_not_there(kvmctl: Any, address: str, said: str) -> None:
    kvmctl.apply(blank(power="Off"))
    assert said in kvmctl.run("revert", address, "--yes", "--allow-data-loss", code=1).stderr


def test_a_machine_with_all_that_libvirt_keeps_of_it_is_deleted(kvmctl: Any, conn: Any, sandbox: Any) -> None:
    firmware = "os: {machine: q35, firmware: uefi, secureBoot: false}"
    device = "<tpm model='tpm-crb'><backend type='emulator' version='2.0'/></tpm>"
    tpm = f'xml: "<domain><devices>{device}</devices></domain>"'
    kvmctl.apply(blank(f"{firmware}, {tpm}"))
    domain = conn.lookupByName("web")
    nvram = sandbox.outside("/var/lib/libvirt/qemu/nvram/web_VARS.fd")
    assert nvram.exists()
    domain.destroy()
    domain.snapshotCreateXML("<domainsnapshot><name>mine</name></domainsnapshot>")
    domain.create()
    domain.managedSave()
    assert "saved memory" in kvmctl.run("delete", "vm/web", "--yes", code=3).stderr
    told = kvmctl.json("delete", "vm/web", "--yes", "--allow-data-loss")
    gone = next(each for each in told["actions"] if each["address"] == "vm/web")
    assert gone["equivalent"] == [
        "virsh undefine web --managed-save --snapshots-metadata --checkpoints-metadata --nvram --tpm"
    ]
    assert "deletes its snapshots mine" in gone["note"]
    assert conn.listAllDomains() == []
    assert not nvram.exists()
    assert not sandbox.outside(IMAGE).exists()


def test_a_machine_with_snapshots_is_deleted_and_its_image_kept(kvmctl: Any, conn: Any, sandbox: Any) -> None:
    kvmctl.apply(blank("snapshots: [{name: mine}]", power="Off"))
    told = kvmctl.run("delete", "vm/web", "--yes").stdout
    assert "libvirt forgets its snapshots mine, while what they hold stays in its images" in told
    assert conn.listAllDomains() == []
    held = subprocess.run(
        ["qemu-img", "snapshot", "-l", sandbox.outside(IMAGE)], check=True, capture_output=True, text=True
    )
    assert " mine " in held.stdout


@pytest.fixture(params=["0.10", "1.1"])
def version(request: pytest.FixtureRequest, kvmctl: Any, conn: Any) -> str:
    """A qcow2 of version 2 or 3 for the machine, which is off and has a snapshot in it."""
    kvmctl.apply({"pool/p": blank()["pool/p"]})
    compat = str(request.param)
    conn.storagePoolLookupByName("p").createXML(
        f"<volume><name>root</name><capacity unit='MiB'>64</capacity><target><format type='qcow2'/>"
        f"<compat>{compat}</compat></target></volume>"
    )
    kvmctl.apply(blank("snapshots: [{name: small}]", power="Off"))
    return compat


def test_a_disk_with_snapshots_is_resized_where_qemu_can(kvmctl: Any, conn: Any, version: str) -> None:
    grown = blank(power="Off", size="128MiB")
    volume = conn.storagePoolLookupByName("p").storageVolLookupByName("root")
    if version == "0.10":
        told = kvmctl.run("apply", "--yes", specs=grown, code=3)
        assert "qcow2 of version 2 and holds vm/web@small" in told.stderr
        assert volume.info()[1] == 64 << 20
        return
    assert "vm/web@small keeps the former size" in kvmctl.apply(grown)
    kvmctl.run("revert", "vm/web@small", "--yes", "--allow-data-loss")
    conn.storagePoolLookupByName("p").refresh()
    assert volume.info()[1] == 64 << 20
    assert operations(kvmctl.json("plan", specs=grown)) == [("resize", "none")]


def test_a_disk_is_resized_under_a_saved_machine(kvmctl: Any, conn: Any) -> None:
    kvmctl.apply(blank())
    domain = conn.lookupByName("web")
    domain.managedSave()
    kvmctl.apply(blank(power="Off", size="128MiB"))
    kvmctl.apply(blank(size="128MiB"))
    assert domain.blockInfo("vda")[0] == 128 << 20


def test_snapshots_that_no_manifest_mentions_cost_no_call(kvmctl: Any, conn: Any, sandbox: Any) -> None:
    from kvmctl import manifest
    from kvmctl.hypervisor import Hypervisor
    from kvmctl.observe import observe

    specs = blank(power="Off")
    kvmctl.apply(specs)
    want = manifest.load([kvmctl.write(specs)])
    stated = manifest.load([kvmctl.write(blank("snapshots: [{name: mine}]", power="Off"))])

    def calls(inventory: Any) -> int:
        with Hypervisor.open(sandbox.uri, readonly=True) as hypervisor:
            before = hypervisor.calls
            observe(hypervisor, inventory)
            return hypervisor.calls - before

    bare = calls(want)
    assert calls(stated) == bare + 1
    conn.lookupByName("web").snapshotCreateXML("<domainsnapshot><name>mine</name></domainsnapshot>")
    assert calls(want) == bare
    assert calls(stated) == bare + 3


def test_every_promise_of_a_new_machine(kvmctl: Any, conn: Any) -> None:
    """A new machine is made, started and snapshot in one apply that needs no permission."""
    kvmctl.apply(blank("snapshots: [{name: pristine}]"))
    assert names(conn) == {"pristine"}
