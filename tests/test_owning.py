"""Whose objects are, on a real host: marked when they are made or adopted, and never taken from another project."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from kvmctl import ownership
from kvmctl.names import NAMESPACE, PREFIX

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Program

ALL = {
    "pool/p": "type: dir, path: /var/lib/libvirt/images/p",
    "disk/d": "pool: p, size: 1MiB, format: qcow2",
    "network/lan": "bridge: br-own",
    "secret/s": "usage: ceph",
    "nwfilter/f": "chain: root",
    "vm/v": "type: qemu, memory: 64MiB, powerState: Running, disks: [{target: vda, disk: d, bus: virtio}]",
}
BY_HAND = """<domain type='qemu'><name>v</name><title>by hand</title><memory>65536</memory><os><type>hvm</type></os>
<metadata><app:x xmlns:app="urn:app">kept</app:x></metadata></domain>"""
FLAGS = (0, 1)  # what runs, and VIR_DOMAIN_XML_INACTIVE, which for networks is the same bit


def marks(kvmctl: Program) -> dict[str, Any]:
    """Return whose each object is, as `get` tells it."""
    told = kvmctl.json("get", "--all")["items"]
    return {each["metadata"]["name"]: each["status"].get("managedBy") for each in told}


def ours(kvmctl: Program) -> set[tuple[str, str]]:
    return {(name, mark["project"]) for name, mark in marks(kvmctl).items() if mark}


def everything(conn: Any) -> dict[str, str]:
    """Return all definitions of machines, networks and secrets, kvmctl's record among them."""
    found = {f"{each.name()}{flag}": each.XMLDesc(flag * 2) for each in conn.listAllDomains() for flag in FLAGS}
    found |= {f"{each.name()}{flag}": each.XMLDesc(flag) for each in conn.listAllNetworks() for flag in FLAGS}
    return found | {each.UUIDString(): each.XMLDesc() for each in conn.listAllSecrets()}


def test_what_is_made_is_marked(kvmctl: Program, conn: Any, tmp_path: Path) -> None:
    (tmp_path / "kvmctl.yaml").write_text("project: shop\n")
    told = kvmctl.apply(ALL)
    assert " mark " not in told
    assert ours(kvmctl) == {(name.partition("/")[2], "shop") for name in ALL}
    assert {mark["manifest"] for mark in marks(kvmctl).values() if mark} == {"manifest.yaml"}
    again = kvmctl.run("plan", "--own", "--detailed-exitcode", specs=ALL)
    assert "No changes" in again.stdout
    before = everything(conn)
    assert kvmctl.run("apply", "--yes", "--own", specs=ALL).stderr == ""
    assert everything(conn) == before
    listed = kvmctl.run("get", "vm", "-o", "wide").stdout.splitlines()
    assert listed[0].index("MANAGED BY") == listed[1].index("shop: manifest.yaml")
    assert "kvmctl:mark" not in kvmctl.run("import", "--all").stdout


def test_what_is_imported_is_adopted_without_another_change(kvmctl: Program, conn: Any, tmp_path: Path) -> None:
    machine = conn.defineXML(BY_HAND)
    machine.create()
    network = conn.networkDefineXML("<network><name>lan</name><bridge name='br-own'/><domain name='x'/></network>")
    network.create()
    before, folder = everything(conn), str(tmp_path / "manifests")
    kvmctl.run("import", "--all", "-d", folder)
    listed = kvmctl.json("plan", "--own", "-f", folder)["actions"]
    assert {each["address"] for each in listed} == {"vm/v", "network/lan"}
    assert {(each["operation"], each["disruption"]) for each in listed} == {("mark", "none")}
    assert kvmctl.json("plan", "-f", folder)["actions"] == []
    told = kvmctl.run("apply", "--yes", "-f", folder)
    assert "No changes" in told.stdout
    assert "marked 2 objects as project default's" in told.stderr
    after = everything(conn)
    assert {name: ownership.split(xml)[0] for name, xml in after.items()} == before
    changed = {name for name in before if after[name] != before[name]}
    assert changed == {"v0", "v1", "lan0", "lan1"} - ({"lan0"} if after["lan0"] == before["lan0"] else set())
    assert kvmctl.run("apply", "--yes", "-f", folder).stderr == ""


def test_a_change_renews_the_mark_and_drift_does_not_look_at_it(kvmctl: Program, conn: Any) -> None:
    kvmctl.apply({"vm/v": "type: qemu, memory: 64MiB, powerState: Running, title: one"})
    first = marks(kvmctl)["v"]
    again = kvmctl.apply({"vm/v": "type: qemu, memory: 64MiB, powerState: Running, title: two"})
    assert "set-text" in again
    second = marks(kvmctl)["v"]
    assert second["digest"] != first["digest"]
    running, defined = (ownership.split(conn.lookupByName("v").XMLDesc(flag * 2))[1] for flag in FLAGS)
    assert running == defined
    # A field that states what is so anyway is nothing to do, and yet another manifest.
    wanted = {"vm/v": "type: qemu, memory: 64MiB, powerState: Running, title: two, vcpus: 1"}
    assert kvmctl.json("drift", specs=wanted)["actions"] == []
    assert "No changes" in kvmctl.run("apply", "--yes", specs=wanted).stdout
    assert marks(kvmctl)["v"]["digest"] != second["digest"]


def test_a_plan_of_what_is_marked_asks_no_more(kvmctl: Program, conn: Any) -> None:
    from kvmctl.hypervisor import Hypervisor
    from kvmctl.observe import observe

    wanted = {"vm/v": "type: qemu, memory: 64MiB", "network/lan": "bridge: br-own"}
    kvmctl.apply(wanted)
    with Hypervisor.open(kvmctl.box.uri, readonly=True) as hypervisor:
        from kvmctl import manifest

        want = manifest.load([kvmctl.write(wanted)])
        observe(hypervisor, want)
        calls = hypervisor.calls
        seen = observe(hypervisor, want).inventory
        marked = hypervisor.calls - calls
        conn.lookupByName("v").setMetadata(2, None, PREFIX, NAMESPACE, 2)
        calls = hypervisor.calls
        observe(hypervisor, want)
        assert hypervisor.calls - calls == marked
    assert all(resource.live and resource.live.mark for resource in seen.values())


def test_what_is_another_projects_is_not_taken(kvmctl: Program, conn: Any) -> None:
    kvmctl.run("apply", "--yes", "--project", "shop", specs=ALL)
    before = everything(conn)
    refused = kvmctl.run("apply", "--yes", "--project", "bank", specs=ALL, code=3)
    assert "vm/v: it belongs to project shop" in refused.stderr
    assert "these manifests are bank's" in refused.stderr
    assert "--own to take over" in refused.stderr
    nameless = kvmctl.run("apply", "--yes", specs={**ALL, "vm/v": ALL["vm/v"] + ", title: mine"}, code=3)
    assert "neither kvmctl.yaml nor --project names one" in nameless.stderr
    assert everything(conn) == before
    plan = kvmctl.json("plan", "--project", "bank", specs=ALL)
    assert {each["address"] for each in plan["refused"]} == set(ALL)
    assert plan["summary"]["unchanged"] == 0
    told = kvmctl.run("apply", "--yes", "--project", "bank", "--own", specs=ALL).stdout
    assert told.count("taken over from project shop") == len(ALL)
    assert ours(kvmctl) == {(name.partition("/")[2], "bank") for name in ALL}


def test_what_is_nobodys_in_particular_goes_to_who_is_named(kvmctl: Program) -> None:
    kvmctl.apply(ALL)
    assert {project for _, project in ours(kvmctl)} == {"default"}
    told = kvmctl.run("apply", "--yes", "--project", "shop", specs=ALL)
    assert "No changes" in told.stdout
    assert {project for _, project in ours(kvmctl)} == {"shop"}


def test_a_namesake_made_by_hand_is_nobodys(kvmctl: Program, conn: Any) -> None:
    kvmctl.run("apply", "--yes", "--project", "shop", specs=ALL)
    pool = conn.storagePoolLookupByName("p")
    pool.destroy()
    pool.undefine()
    conn.storagePoolDefineXML(
        "<pool type='dir'><name>p</name><target><path>/var/lib/libvirt/images/p</path></target></pool>"
    )
    conn.nwfilterLookupByName("f").undefine()
    conn.nwfilterDefineXML("<filter name='f' chain='root'/>")
    assert ours(kvmctl) == {("s", "shop"), ("lan", "shop"), ("v", "shop")}


def test_the_record_forgets_what_is_deleted(kvmctl: Program, conn: Any) -> None:
    kvmctl.apply(ALL)
    kvmctl.run("delete", "--yes", "vm/v", "network/lan", "secret/s", "nwfilter/f")
    (record,) = [each for each in conn.listAllSecrets() if each.usageID() == "kvmctl.record"]
    text = record.XMLDesc()
    assert "disk/p/d" in text
    assert "secret/s" not in text
    kvmctl.run("delete", "--yes", "--allow-data-loss", "disk/d", "pool/p")
    assert conn.listAllSecrets() == []


def test_a_saved_plan_with_marks_is_carried_out(kvmctl: Program, tmp_path: Path, conn: Any) -> None:
    conn.defineXML(BY_HAND)
    wanted = {"vm/v": "title: by hand, memory: 64MiB"}
    saved = str(tmp_path / "plan.json")
    kvmctl.run("plan", "--own", "--project", "shop", "--out", saved, specs=wanted)
    assert json.loads((tmp_path / "plan.json").read_text())["actions"][0]["operation"] == "mark"
    kvmctl.run("apply", saved, "--yes", "--own", "--project", "shop", specs=wanted)
    assert ours(kvmctl) == {("v", "shop")}
    stale = kvmctl.run("apply", saved, "--yes", "--own", "--project", "shop", specs=wanted, code=3)
    assert "no longer: vm/v mark" in stale.stderr


def test_manifests_of_another_project_delete_nothing(kvmctl: Program, conn: Any) -> None:
    wanted = {"vm/v": "type: qemu, memory: 64MiB"}
    kvmctl.run("apply", "--yes", "--project", "shop", specs=wanted)
    refused = kvmctl.run("delete", "--yes", "--project", "bank", specs=wanted, code=3)
    assert "it belongs to project shop" in refused.stderr
    assert conn.lookupByName("v")
    kvmctl.run("delete", "--yes", "--project", "shop", specs=wanted)
    assert conn.listAllDomains() == []


def test_an_unusable_project_is_told(kvmctl: Program, tmp_path: Path) -> None:
    (tmp_path / "kvmctl.yaml").write_text("project: a/b\n")
    told = kvmctl.run("plan", specs={"vm/v": "memory: 64MiB"}, code=1)
    assert "kvmctl.yaml:1:10: project: a/b is no project" in told.stderr


@pytest.mark.parametrize("command", ["plan", "apply"])
def test_the_commands_explain_themselves(kvmctl: Program, command: str) -> None:
    told = kvmctl.run(command, "--help").stdout
    assert "--project NAME" in told
    assert "--own" in told
