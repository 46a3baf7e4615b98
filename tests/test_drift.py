"""Whole drift on a real host: what was changed by hand, in whichever class, and who may let a run fail for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

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


def test_an_unknown_class_is_an_error(kvmctl: Program) -> None:
    told = kvmctl.run("drift", "--fail-on", "managed,other", specs=HOST, code=1).stderr
    assert "'other' is no class of drift: managed, unmanaged, pending, foreign, or none" in told
