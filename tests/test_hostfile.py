"""Plans against a snapshot of a host: the same as against the host, without it, and without libvirt."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from kvmctl.errors import HypervisorError
from kvmctl.hostfile import HostFile, observed, text
from kvmctl.hypervisor import Hypervisor

if TYPE_CHECKING:
    from conftest import Program

KVMCTL = Path(__file__).resolve().parent.parent / "kvmctl"
IMAGES = "/var/lib/libvirt/images"
PASSWORD = "hunter2!"  # noqa: S105 - what must not be told
VALUE = "s3cr3t-of-the-volume"
HOST = {
    "pool/p": f"type: dir, path: {IMAGES}/p, active: true",
    "disk/base": "pool: p, format: raw, size: 4MiB",
    "disk/root": "pool: p, format: qcow2, size: 8MiB",
    "disk/data": "pool: p, format: qcow2, size: 8MiB",
    "network/lab": "active: true, forward: {mode: nat}, ips: [{address: 192.168.100.1, prefix: 24}]",
    "nwfilter/quiet": "rules: [{action: drop, direction: inout, priority: 500}]",
    "secret/luks": "usage: {type: ceph, name: luks}, value: {env: LUKS}",
    "vm/web": "type: qemu, memory: 32MiB, powerState: Paused, interfaces: [{name: lan, network: lab}], "
    "disks: [{target: vda, disk: root}]",
    "vm/off": "type: qemu, memory: 32MiB, disks: [{target: vda, disk: data}], snapshots: [{name: before}]",
}
CHANGES = {
    "as it is": {},
    "fields": {
        "vm/web": "type: qemu, memory: 48MiB, powerState: Running, disks: [{target: vda, disk: root}], interfaces: []",
        "network/lab": "active: false, forward: {mode: route}, ips: [{address: 192.168.100.1, prefix: 24}]",
        "nwfilter/quiet": "rules: [{action: accept, direction: inout, priority: 500}]",
    },
    "a larger disk of a machine that runs": {"disk/root": "pool: p, format: qcow2, size: 16MiB"},
    "another format": {"disk/root": "pool: p, format: raw, size: 8MiB"},
    "an image that holds a snapshot": {"disk/data": "pool: p, format: raw, size: 8MiB"},
    "no snapshots, and a new machine": {
        "vm/off": "memory: 32MiB, disks: [{target: vda, disk: data}], snapshots: []",
        "vm/new": "memory: 32MiB, os: {arch: x86_64}",
    },
}


@pytest.fixture
def host(kvmctl: Program, monkeypatch: pytest.MonkeyPatch) -> Program:
    monkeypatch.setenv("LUKS", VALUE)
    kvmctl.apply(HOST)
    xml = kvmctl.box.run(["virsh", "dumpxml", "--inactive", "off"]).stdout
    screen = f"<graphics type='vnc' port='-1' passwd='{PASSWORD}'/></devices>"
    (kvmctl.folder / "off.xml").write_text(xml.replace("</devices>", screen))
    defined = kvmctl.box.run(["virsh", "define", "off.xml"], cwd=str(kvmctl.folder))
    assert defined.returncode == 0, defined.stderr
    return kvmctl


def test_a_plan_is_the_same_against_the_host_and_its_snapshot(host: Program) -> None:
    snapshot = host.folder / "snapshot.json"
    snapshot.write_text(host.run("observe").stdout)
    assert host.run("observe").stdout == snapshot.read_text()
    assert PASSWORD not in snapshot.read_text()
    assert VALUE not in snapshot.read_text()
    assert PASSWORD in host.box.run(["virsh", "dumpxml", "--security-info", "off"]).stdout
    for name, changes in CHANGES.items():
        specs = {**HOST, **changes}
        live = host.run("plan", "-o", "json", specs=specs).stdout
        assert host.run("plan", "--against", str(snapshot), "-o", "json", specs=specs).stdout == live, name
        assert bool(json.loads(live)["actions"] or json.loads(live)["refused"]) == bool(changes), name
    drifted = {**HOST, **CHANGES["fields"]}
    told = host.run("drift", specs=drifted, code=2).stdout
    assert host.run("drift", "--against", str(snapshot), specs=drifted, code=2).stdout == told


def test_what_is_in_a_snapshot_is_sorted_and_of_this_host_alone(host: Program) -> None:
    document = json.loads(host.run("observe").stdout)
    assert text(document) == host.run("observe").stdout
    assert [each["name"] for each in document["domains"]] == ["off", "web"]
    assert [(each["pool"], each["name"]) for each in document["volumes"]] == [
        ("p", "base"),
        ("p", "data"),
        ("p", "root"),
    ]
    assert [snapshot["name"] for snapshot in document["domains"][0]["snapshots"]] == ["before"]
    assert "timestamps" not in json.dumps(document)
    assert document["formatVersion"] == "1.0"


BLOCKED = "import sys; sys.modules['libvirt'] = None; from kvmctl.cli import main; main()"


def without_libvirt(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-W", "error", "-c", BLOCKED, *arguments]
    return subprocess.run(argv, cwd=folder, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture
def snapshot(tmp_path: Path) -> Path:
    (tmp_path / "manifests").mkdir()
    manifest = "apiVersion: kvmctl/v1\nkind: VirtualMachine\nmetadata: {name: test}\nspec: {memory: 16GiB}\n"
    (tmp_path / "manifests" / "test.yaml").write_text(manifest)
    path = tmp_path / "snapshot.json"
    with Hypervisor.open("test:///default", readonly=True) as hypervisor:
        path.write_text(text(observed(hypervisor)))
    return path


def test_a_snapshot_is_enough_where_libvirt_is_not_installed(snapshot: Path) -> None:
    told = without_libvirt(snapshot.parent, "plan", "--against", "snapshot.json", "--detailed-exitcode")
    assert (told.returncode, told.stderr) == (2, "")
    assert "spec.memory.max      8GiB → 16GiB" in told.stdout
    assert without_libvirt(snapshot.parent, "drift", "--against", "snapshot.json").returncode == 2


def test_two_hosts_at_once_are_refused(snapshot: Path) -> None:
    told = without_libvirt(snapshot.parent, "plan", "--against", "snapshot.json", "-c", "test:///default")
    assert (told.returncode, told.stdout) == (1, "")
    assert told.stderr == "kvmctl: --against and -c name two hosts; leave one of them out\n"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "No such file or directory"),
        ("", "is not a host's snapshot: Expecting value"),
        ("[" * 100_000, "is not a host's snapshot: maximum recursion"),
        ("[]", "is not a host's snapshot of formatVersion 1.x: it says None"),
        ('{"formatVersion": "2.0"}', "is not a host's snapshot of formatVersion 1.x: it says '2.0'"),
        ('{"formatVersion": "1.0"}', "what is in it is not what one holds ('host')"),
        ("<domain>", "what is in it is not what one holds (no element found"),
        ("3", "what is in it is not what one holds ("),
    ],
)
def test_a_file_that_is_no_snapshot_is_an_error(snapshot: Path, content: str | None, reason: str) -> None:
    document = json.loads(snapshot.read_text())
    if content is None:
        snapshot.unlink()
    elif content in ("<domain>", "3"):
        document["domains"][0]["xml"] = content if content == "<domain>" else 3
        snapshot.write_text(json.dumps(document))
    else:
        snapshot.write_text(content)
    told = without_libvirt(snapshot.parent, "plan", "--against", "snapshot.json")
    assert (told.returncode, told.stdout) == (1, "")
    assert reason in told.stderr
    assert told.stderr.endswith("; make it anew with kvmctl observe\n")


def test_what_a_snapshot_can_not_answer_is_an_error(snapshot: Path) -> None:
    host: Any = HostFile.read(snapshot)
    with pytest.raises(HypervisorError, match=r"can't answer what a live host could \(start domain\)"):
        host.start_domain("test")


def test_it_answers_all_that_observing_asks() -> None:
    sources = [path.read_text() for path in (*(KVMCTL / "observe").glob("*.py"), KVMCTL / "credentials.py")]
    asked = {name for text in sources for name in re.findall(r"\b(?:hv|hypervisor)\.([a-z_]+)\b(?! import)", text)}
    asked -= {"secret_value", "domain_xml"}  # only over a connection that may write
    assert {"domains", "volume_at", "snapshots"} <= asked
    assert not {name for name in asked if name != "uri" and not hasattr(HostFile, name)}
