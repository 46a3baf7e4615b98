"""`kvmctl import` on a real host: readable manifests, with all that a machine uses, whose plan is empty."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from kvmctl import manifest, ownership

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Program

POOL = "type: dir, path: /var/lib/libvirt/images/vms, active: true, autostart: true"
NETWORK = "active: false, forward: {mode: nat}, ips: [{address: 192.168.100.1, prefix: 24}]"
MACHINE = """
type: qemu, vcpus: {current: 1, max: 2}, memory: 64MiB, autostart: true, os: {machine: q35, boot: [hd]},
disks: [{target: vda, disk: root.qcow2, bus: virtio}, {target: sda, device: cdrom, bus: sata}],
interfaces: [{name: lan, network: lab, model: virtio, mac: "52:54:00:00:00:01"}], serials: [{type: pty}]
"""
HOST = {
    "pool/vms": POOL,
    "network/lab": NETWORK,
    "disk/root.qcow2": "pool: vms, format: qcow2, size: 1GiB",
    "disk/other.raw": "pool: vms, format: raw, size: 1MiB",
    "vm/web": MACHINE,
    "vm/db": "type: qemu, memory: 32MiB",
}


def documents(text: str) -> dict[str, Any]:
    """Return the specs of a stream of manifests by kind and name."""
    return {f"{each['kind']}/{each['metadata']['name']}": each["spec"] for each in yaml.safe_load_all(text)}


def test_a_machine_brings_along_what_it_uses(kvmctl: Program, tmp_path: Path) -> None:
    kvmctl.apply(HOST)
    text = kvmctl.run("import", "vm/web").stdout
    found = documents(text)
    assert list(found) == ["StoragePool/vms", "Network/lab", "Disk/root.qcow2", "VirtualMachine/web"]
    root = found["VirtualMachine/web"]["disks"][0]
    assert root.pop("address").startswith("pci:")
    assert root == {"target": "vda", "bus": "virtio", "disk": "root.qcow2"}
    (tmp_path / "again.yaml").write_text(text)
    again = kvmctl.run("plan", "--detailed-exitcode", "-f", str(tmp_path / "again.yaml")).stdout
    assert "No changes" in again


def test_manifests_are_as_a_person_writes_them(kvmctl: Program) -> None:
    kvmctl.apply(HOST)
    lines = kvmctl.run("import", "vm/web").stdout.splitlines()
    assert "metadata: {name: web}" in lines
    assert "  autostart: true" in lines
    assert "  memory: 64MiB" in lines
    assert any(line.startswith("  vcpus: {max: 2, current: 1") for line in lines)
    assert any(line.startswith("    - {target: vda, bus: virtio, disk: root.qcow2, address: ") for line in lines)
    assert not [line for line in lines if len(line) > 120]


def test_what_was_started_and_is_stopped_by_hand_is_drift(kvmctl: Program, conn: Any, tmp_path: Path) -> None:
    kvmctl.apply({"pool/vms": POOL, "network/lab": NETWORK.replace("active: false", "active: true")})
    kvmctl.run("import", "--all", "-d", str(tmp_path / "live"))
    conn.networkLookupByName("lab").destroy()
    conn.storagePoolLookupByName("vms").destroy()
    drift = kvmctl.json("drift", "-f", str(tmp_path / "live"), code=2)
    causes = {each["address"]: [cause["path"] for cause in each["because"]] for each in drift["actions"]}
    assert causes == {"pool/vms": ["spec.active"], "network/lab": ["spec.active"]}


@pytest.mark.parametrize(
    ("devices", "told"),
    [
        ("graphics: [{type: vnc}]", None),
        ("graphics: [{type: spice}]", None),
        ("graphics: [{type: spice}], audios: [{id: 1, type: none}]", [{"id": 1, "type": "none"}]),
        (
            "audios: [{id: 1, type: none}, {id: 2, type: alsa}]",
            [{"id": 1, "type": "none"}, {"id": 2, "type": "alsa"}],
        ),
    ],
)
def test_sound_is_left_out_where_libvirt_adds_it_again(kvmctl: Program, devices: str, told: object) -> None:
    kvmctl.apply({"vm/a": f"type: qemu, memory: 64MiB, {devices}"})
    assert documents(kvmctl.run("import", "vm/a").stdout)["VirtualMachine/a"].get("audios") == told


def test_everything_goes_to_a_file_an_object(kvmctl: Program, tmp_path: Path) -> None:
    kvmctl.apply(HOST)
    folder = tmp_path / "manifests"
    kvmctl.run("import", "--all", "-d", str(folder))
    files = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.yaml"))
    assert files == [
        "disk/other.raw.yaml", "disk/root.qcow2.yaml", "network/lab.yaml", "pool/vms.yaml", "vm/db.yaml", "vm/web.yaml",
    ]  # fmt: skip
    assert "No changes" in kvmctl.run("plan", "--detailed-exitcode", "-f", str(folder)).stdout
    assert [str(address) for address in manifest.load([folder])] == [
        "disk/other.raw", "disk/root.qcow2", "network/lab", "pool/vms", "vm/db", "vm/web",
    ]  # fmt: skip


def test_files_that_exist_are_never_overwritten(kvmctl: Program, tmp_path: Path) -> None:
    kvmctl.apply(HOST)
    folder = tmp_path / "manifests"
    mine = folder / "vm" / "db.yaml"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine\n")
    said = kvmctl.run("import", "--all", "-d", str(folder), code=1).stderr
    assert f"{mine} is there already" in said
    assert list(folder.rglob("*.yaml")) == [mine]
    assert mine.read_text() == "mine\n"


def test_a_removed_machine_comes_back_as_it_was(kvmctl: Program, conn: Any, tmp_path: Path) -> None:
    import libvirt

    kvmctl.apply(HOST)
    folder = str(tmp_path / "manifests")
    kvmctl.run("import", "--all", "-d", folder)
    domain = conn.lookupByName("web")
    before, _ = ownership.split(domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE))
    domain.undefine()
    kvmctl.run("apply", "--yes", "-f", folder)
    assert ownership.split(conn.lookupByName("web").XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE))[0] == before
    assert conn.lookupByName("web").autostart()


def test_references_that_lead_nowhere_are_told_in_the_partial_document(kvmctl: Program, tmp_path: Path) -> None:
    kvmctl.apply(HOST)
    kvmctl.run("delete", "--yes", "vm/web", "network/lab")
    xml = Path(__file__).parent / "cases" / "vm" / "unchanged-order" / "vm.web1.xml"
    kvmctl.box.run(["virsh", "define", str(xml)])
    text = kvmctl.run("import", "vm/web1").stdout
    assert "# It refers to network/lab, which does not exist" in text
    (tmp_path / "again.yaml").write_text(text)
    assert "No changes" in kvmctl.run("plan", "--detailed-exitcode", "-f", str(tmp_path / "again.yaml")).stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "either addresses or --all"),
        (("--all", "vm/web"), "either addresses or --all"),
        (("vm/nobody",), "there is no vm/nobody"),
        (("nothing",), "'nothing' is not an address"),
    ],
)
def test_what_cannot_be_imported_is_said(kvmctl: Program, words: tuple[str, ...], said: str) -> None:
    assert said in kvmctl.run("import", *words, code=1).stderr


def test_an_empty_host_has_nothing_to_import(kvmctl: Program, empty_sandbox: Callable[[], None]) -> None:
    empty_sandbox()
    result = kvmctl.run("import", "--all")
    assert result.stdout == ""
    assert "nothing to import" in result.stderr


def test_names_that_no_file_can_have_get_files_of_their_own(kvmctl: Program, tmp_path: Path) -> None:
    names = ["a:b", "a?b", ".a_b"]
    kvmctl.apply({f"vm/{name}": "type: qemu, memory: 32MiB" for name in names})
    folder = tmp_path / "manifests"
    kvmctl.run("import", "--all", "-d", str(folder))
    assert sorted(path.name for path in folder.rglob("*.yaml")) == ["a_b-2.yaml", "a_b-3.yaml", "a_b.yaml"]
    assert {address.name for address in manifest.load([folder])} == set(names)


def test_what_has_to_be_supplied_for_a_secret_is_said(kvmctl: Program, conn: Any) -> None:
    conn.secretDefineXML("<secret><usage type='ceph'><name>ceph-admin</name></usage></secret>").setValue(
        b"opensesame", 0
    )
    text = kvmctl.run("import", "secret/ceph-admin").stdout
    assert text.startswith("# Its value is not imported.")
    assert "opensesame" not in text
    assert documents(text)["Secret/ceph-admin"]["usage"]["type"] == "ceph"
