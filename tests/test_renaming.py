"""A machine under another name: it stays what it is, and what can't be kept is a reason not to do it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

UUID = "0f6c1f52-6d0c-4b1f-9a43-3f0a6e1d2c11"
POOL = {"pool/p": "type: dir, path: /var/lib/libvirt/images/p", "disk/root": "pool: p, format: qcow2, size: 8MiB"}
DISK = "disks: [{target: vda, disk: root, bus: virtio}]"
KEPT = f"type: qemu, memory: 64MiB, autostart: true, shutdown: {{timeout: 1s, force: true}}, {DISK}"


def operations(plan: Any) -> list[tuple[str, str]]:
    return [(each["operation"], each["disruption"]) for each in plan["actions"]]


def names(conn: Any) -> list[str]:
    return sorted(domain.name() for domain in conn.listAllDomains())


@pytest.mark.parametrize("told", [f"uuid: {UUID}", ""], ids=["by-uuid", "by-annotation"])
def test_a_renamed_machine_keeps_everything(kvmctl: Any, conn: Any, told: str, tmp_path: Path) -> None:
    snapshots = "snapshots: [{name: before}]"
    kvmctl.apply({**POOL, "vm/old": f"uuid: {UUID}, {KEPT}, description: Kept, {snapshots}"})
    specs = {**POOL, "vm/new": f"{told}, {KEPT}, {snapshots}, title: New".lstrip(", ")}
    manifest = tmp_path / "manifests.yaml"
    text = (tmp_path / kvmctl.write(specs)).read_text()
    annotations = "" if told else ", annotations: {kvmctl/renamed-from: old}"
    manifest.write_text(text.replace('{name: "new"}', f'{{name: "new"{annotations}}}'))

    plan = kvmctl.json("plan", "-f", str(manifest))
    assert operations(plan) == [("rename", "none"), ("redefine", "none")]
    assert plan["actions"][0]["because"] == [{"path": "metadata.name", "before": "old", "after": "new"}]
    assert plan["actions"][0]["equivalent"] == ["virsh domrename old new"]
    assert plan["summary"]["create"] == 0
    assert "metadata.name  old → new" in kvmctl.run("plan", "-f", str(manifest)).stdout
    kvmctl.run("apply", "--yes", "-f", str(manifest))
    assert "No changes" in kvmctl.run("plan", "--detailed-exitcode", "-f", str(manifest)).stdout
    assert names(conn) == ["new"]
    domain = conn.lookupByName("new")
    assert (domain.UUIDString(), domain.autostart(), domain.snapshotListNames()) == (UUID, 1, ["before"])
    assert "<description>Kept</description>" in domain.XMLDesc(0)
    kvmctl.run("revert", "vm/new@before", "--yes", "--allow-data-loss")


def test_a_machine_that_is_wanted_under_both_names_is_not_renamed(kvmctl: Any, conn: Any) -> None:
    kvmctl.apply({"vm/old": f"uuid: {UUID}, type: qemu, memory: 64MiB"})
    both = {"vm/old": "memory: 64MiB", "vm/new": "type: qemu, memory: 64MiB"}
    assert operations(kvmctl.json("plan", specs=both)) == [("create", "none")]
    kvmctl.apply(both)
    assert names(conn) == ["new", "old"]


def test_what_libvirt_can_not_rename_is_refused_with_the_reason(kvmctl: Any, conn: Any) -> None:
    machine = f"uuid: {UUID}, type: qemu, memory: 64MiB"
    kvmctl.apply({"vm/old": f"{machine}, powerState: Running"})
    for state, reason in ((None, "vm/old runs"), ("save", "the memory of vm/old is saved")):
        if state:
            conn.lookupByName("old").managedSave()
        plan = kvmctl.json("plan", specs={"vm/new": machine})
        assert (plan["actions"], plan["summary"]["refused"]) == ([], 1)
        assert reason in plan["refused"][0]["reason"]
        assert reason in kvmctl.run("apply", "--yes", specs={"vm/new": machine}, code=3).stderr
    assert names(conn) == ["old"]


def test_the_nvram_stays_with_the_machine(kvmctl: Any, conn: Any, sandbox: Any) -> None:
    """libvirt 9.0 makes a new one under the new name, unless the definition names the file."""
    uefi = f"uuid: {UUID}, type: qemu, memory: 64MiB, shutdown: {{timeout: 1s, force: true}}"
    kvmctl.apply({"vm/old": f"{uefi}, powerState: Running, os: {{machine: q35, firmware: uefi, secureBoot: false}}"})
    conn.lookupByName("old").destroy()
    refused = kvmctl.run("apply", "--yes", specs={"vm/new": uefi}, code=3).stderr
    assert "without its boot entries and keys" in refused
    path = "/var/lib/libvirt/qemu/nvram/old_VARS.fd"
    assert path in refused
    specs = {"vm/new": f"{uefi}, powerState: Running, os: {{nvram: {{path: {path}}}}}"}
    kvmctl.apply(specs)
    assert f">{path}</nvram>" in conn.lookupByName("new").XMLDesc(0)
    folder = sandbox.outside("/var/lib/libvirt/qemu/nvram")
    assert [each.name for each in folder.iterdir()] == ["old_VARS.fd"]
