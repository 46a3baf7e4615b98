"""Whole drift on a real host: what was changed by hand, in whichever class, and who may let a run fail for it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from kvmctl import ownership

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Program

HOST = {
    "pool/p": "type: dir, path: /var/lib/libvirt/images/p",
    "disk/d": "pool: p, size: 1MiB, format: qcow2",
    "vm/v": "type: qemu, memory: 64MiB, powerState: Running, disks: [{target: vda, disk: d, bus: virtio}]",
}
CARD = "<interface type='user'><mac address='52:54:00:00:00:01'/><model type='virtio'/></interface>"
SNAPSHOT = "<domainsnapshot><name>hand</name></domainsnapshot>"


@pytest.fixture
def shop(kvmctl: Program, tmp_path: Path) -> Program:
    """kvmctl with a project of a name, and its objects on the host."""
    (tmp_path / "kvmctl.yaml").write_text("project: shop\n")
    kvmctl.apply(HOST)
    return kvmctl


def drift(kvmctl: Program, *options: str, specs: dict[str, str] = HOST, code: int = 0) -> dict[tuple[str, ...], Any]:
    """Return what drift finds: class, finding and address with the places, or with what is said where there are none.

    `code` is what kvmctl has to exit with.
    """
    told = kvmctl.json("drift", *options, specs=specs, code=code)["drift"]
    return {
        (each["class"], each["finding"], each["address"]): [change["path"] for change in each["because"]]
        or each["said"]
        for each in told
    }  # fmt: skip


def test_each_finding_has_its_class(shop: Program, conn: Any) -> None:
    assert drift(shop, "--all", "--fail-on", "managed,unmanaged,pending,foreign") == {}
    machine = conn.lookupByName("v")
    machine.attachDeviceFlags(CARD, 1)  # VIR_DOMAIN_AFFECT_LIVE
    machine.snapshotCreateXML(SNAPSHOT)
    conn.networkDefineXML("<network><name>lan</name></network>")
    beside = {
        ("pending", "pending", "vm/v"): ["spec.interfaces[52:54:00:00:00:01]"],
        ("unmanaged", "unmanaged", "vm/v"): ["spec.snapshots[hand]"],
    }
    assert drift(shop) == beside
    foreign = {("foreign", "foreign", "network/lan"): "it is nobody's"}
    assert drift(shop, "--all") == beside | foreign
    for classes in ("unmanaged", "pending", "managed,pending", "foreign,unmanaged"):
        assert drift(shop, "--fail-on", classes, code=2) == beside
    assert drift(shop, "--fail-on", "foreign") == beside
    assert drift(shop, "--all", "--fail-on", "foreign", code=2) == beside | foreign
    machine.suspend()
    told = shop.run("drift", "--all", specs=HOST, code=2).stdout
    assert told == (
        "  vm/v  differs [managed]\n"
        "      spec.powerState: is Paused, should be Running\n"
        "  vm/v  pending until its next start [pending]\n"
        "      spec.interfaces[52:54:00:00:00:01]: running with {type: user, mac: 52:54:00:00:00:01, model: virtio, "
        "address: pci:0000:00:04.0}, defined as none\n"
        "  vm/v  changed beside its manifest [unmanaged]\n"
        "      spec.snapshots[hand]: was none, is {name: hand, memory: internal, "
        "disks: [{target: vda, snapshot: internal}]}\n"
        "  network/lan  not in the manifests [foreign]\n"
        "      it is nobody's\n"
        "Drift: 1 resource not as the manifests say, 2 as they should be; 1 resource pending until the next start; "
        "1 resource changed beside the manifests; 1 object not in the manifests.\n"
    )
    assert drift(shop, "--fail-on", "none") == beside | {("managed", "differs", "vm/v"): ["spec.powerState"]}


def test_listed_snapshots_are_managed(shop: Program, conn: Any) -> None:
    conn.lookupByName("v").snapshotCreateXML(SNAPSHOT)
    listed = HOST | {"vm/v": f"{HOST['vm/v']}, snapshots: []"}
    assert drift(shop, specs=listed, code=2) == {("managed", "differs", "vm/v"): ["spec.snapshots[hand]"]}


def test_objects_that_no_manifest_names_are_told_with_whose_they_are(
    shop: Program, conn: Any, tmp_path: Path
) -> None:  # fmt: skip
    shop.run("apply", "--yes", "--project", "other", specs={"nwfilter/f": "chain: root"})
    rest = {"pool/p": HOST["pool/p"], "disk/d": HOST["disk/d"]}
    theirs = {("foreign", "foreign", "nwfilter/f"): "it belongs to project other, manifest.yaml"}
    ours = {("managed", "left", "vm/v"): "it belongs to project shop, manifest.yaml"}
    assert drift(shop, specs=rest) == {}
    assert drift(shop, "--all", specs=rest, code=2) == theirs | ours
    assert "apply --prune removes it" in shop.run("drift", "--all", specs=rest, code=2).stdout
    narrowed = shop.run("drift", "--all", "--target", "disk/d", specs=rest, code=1)
    assert "--all tells what no manifest names, and --target and -l hide manifests" in narrowed.stderr
    machine = f"apiVersion: kvmctl/v1\nkind: VirtualMachine\nmetadata: {{name: v}}\nspec: {{{HOST['vm/v']}}}\n"
    (tmp_path / "part.yaml").write_text(machine)
    shop.write(rest)
    told = shop.run("drift", "--all", "-f", "part.yaml", "--fail-on", "none").stdout
    assert "pool/p" not in told, "its manifest is there, and was not read"
    conn.lookupByName("v").destroy()
    assert drift(shop, code=2) == {("managed", "differs", "vm/v"): ["spec.powerState"]}


def redefine(conn: Any, name: str, *changes: tuple[str, str]) -> None:
    """Change a machine's definition by hand."""
    xml = conn.lookupByName(name).XMLDesc(2)  # VIR_DOMAIN_XML_INACTIVE
    for old, new in changes:
        assert old in xml
        xml = xml.replace(old, new)
    conn.defineXML(xml)


def test_what_manifests_leave_alone_is_compared_with_the_last_apply(kvmctl: Program, conn: Any) -> None:
    specs = {
        "network/lan": "bridge: br-d, active: false",
        "vm/v": "type: qemu, memory: 64MiB, title: one, interfaces: [{name: lan, network: lan, model: virtio}], "
        'xml: "<domain><devices><input type=\'tablet\' bus=\'usb\'/></devices></domain>"',
    }  # fmt: skip
    kvmctl.apply(specs)
    assert drift(kvmctl, "--fail-on", "unmanaged", specs=specs) == {}
    redefine(
        conn, "v", ("<on_crash>destroy<", "<on_crash>restart<"), ("<title>one<", "<title>two<"),
        ("<model type='virtio'/>", "<model type='virtio'/><link state='down'/>"),
        ("</devices>", "<channel type='unix'><target type='virtio' name='org.a'/></channel></devices>"),
        ("<kvmctl:mark", '<app:x xmlns:app="urn:app">theirs</app:x><kvmctl:mark'),
    )  # fmt: skip
    conn.networkDefineXML(
        conn.networkLookupByName("lan").XMLDesc(1).replace("</network>", "<domain name='x.y'/></network>")
    )
    paths = ["spec.onCrash", "spec.controllers[virtio-serial:0]", "spec.interfaces[lan].link", "spec.channels[org.a]"]
    network = {("unmanaged", "unmanaged", "network/lan"): ["spec.domain.name"]}
    unmanaged = {("unmanaged", "unmanaged", "vm/v"): [*paths, "spec.xml[metadata/x]"]} | network
    assert drift(kvmctl, specs=specs, code=2) == {("managed", "differs", "vm/v"): ["spec.title"]} | unmanaged
    told = kvmctl.run("drift", "--fail-on", "unmanaged", specs=specs, code=2).stdout
    for line in ("onCrash: was destroy, is restart", "interfaces[lan].link: was up, is down", "[metadata/x]: was none"):
        assert line in told
    # What the manifest says from now on is managed.
    stated = specs | {"vm/v": f"{specs['vm/v']}, onCrash: restart".replace("one", "two")}
    less = {("unmanaged", "unmanaged", "vm/v"): [*paths[1:], "spec.xml[metadata/x]"]} | network
    assert drift(kvmctl, specs=stated) == less


def test_a_memory_is_renewed_by_what_acts_and_by_own(kvmctl: Program, conn: Any) -> None:
    specs = {"vm/v": "type: qemu, memory: 64MiB"}
    kvmctl.apply(specs)
    redefine(conn, "v", ("<on_crash>destroy<", "<on_crash>restart<"))
    found = {("unmanaged", "unmanaged", "vm/v"): ["spec.onCrash"]}
    before = conn.lookupByName("v").XMLDesc(2)
    kvmctl.apply(specs)
    assert conn.lookupByName("v").XMLDesc(2) == before
    assert drift(kvmctl, specs=specs) == found, "an apply that has nothing to do remembers nothing"
    listed = kvmctl.json("plan", "--own", specs=specs)["actions"]
    assert [(each["address"], each["operation"]) for each in listed] == [("vm/v", "mark")]
    told = kvmctl.run("apply", "--yes", "--own", specs=specs)
    assert "1 action done" in told.stdout
    assert drift(kvmctl, specs=specs) == {}
    assert kvmctl.json("plan", "--own", specs=specs)["actions"] == []
    redefine(conn, "v", ("<on_crash>restart<", "<on_crash>preserve<"), ("65536", "32768"))
    assert ("managed", "differs", "vm/v") in drift(kvmctl, specs=specs, code=2)
    kvmctl.apply(specs)
    assert drift(kvmctl, specs=specs) == {}
    shown = kvmctl.json("get", "vm", "v")["items"][0]["status"]["managedBy"]
    assert "baseline" not in shown


def test_a_mark_without_memory_gets_one(kvmctl: Program, conn: Any) -> None:
    specs = {"vm/v": "type: qemu, memory: 64MiB"}
    kvmctl.apply(specs)
    xml = conn.lookupByName("v").XMLDesc(2)
    conn.defineXML(re.sub(' baseline="[^"]*"', "", xml))
    assert drift(kvmctl, specs=specs) == {}
    assert "No changes" in kvmctl.run("apply", "--yes", specs=specs).stdout
    assert conn.lookupByName("v").XMLDesc(2) == xml


def test_an_unknown_class_is_an_error(kvmctl: Program) -> None:
    told = kvmctl.run("drift", "--fail-on", "managed,other", specs=HOST, code=1).stderr
    assert "'other' is no class of drift: managed, unmanaged, pending, foreign, or none" in told


def test_no_password_is_remembered(kvmctl: Program, conn: Any) -> None:
    specs = {"vm/v": "type: qemu, memory: 64MiB"}
    kvmctl.apply(specs)
    redefine(conn, "v", ("</devices>", "<graphics type='vnc' passwd='s3cret'/></devices>"))
    kvmctl.run("apply", "--yes", "--own", specs=specs)
    xml = conn.lookupByName("v").XMLDesc(3)  # VIR_DOMAIN_XML_SECURE too
    _, mark = ownership.split(xml)
    assert "passwd='s3cret'" in xml
    assert mark is not None
    assert "<graphics type='vnc'" in ownership.remembered(mark)
    assert "s3cret" not in ownership.remembered(mark)
