"""`--prune` on a real host: what left the manifests goes, and nothing that somebody else has or needs."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Program

FOLDER = "/var/lib/libvirt/images/p"
POOL = f"type: dir, path: {FOLDER}"
DISK = "pool: p, size: 1MiB, format: qcow2"
OFF = "active: false"
PRUNE = ("--prune", "--yes")


@pytest.fixture
def kvmctl(kvmctl: Program, tmp_path: Path) -> Program:
    """The program, in a project of its own."""
    (tmp_path / "kvmctl.yaml").write_text("project: shop\n")
    return kvmctl


def machine(disk: str = "", more: str = "") -> str:
    disks = f", disks: [{{target: vda, disk: {disk}, bus: virtio}}]" if disk else ""
    return f"type: qemu, memory: 64MiB{disks}{more}"


def there(conn: Any) -> set[str]:
    """Return the names of all objects, and of the volumes in active pools."""
    found = {each.name() for each in (*conn.listAllDomains(), *conn.listAllNetworks(), *conn.listAllStoragePools())}
    found |= {each.usageID() for each in conn.listAllSecrets()} - {"kvmctl.record"}
    active = [pool for pool in conn.listAllStoragePools() if pool.isActive()]
    return found | {volume.name() for pool in active for volume in pool.listAllVolumes()}


def steps(plan: Any) -> list[str]:
    return [f"{each['operation']} {each['address']}" for each in plan["actions"]]


def test_what_left_the_manifests_goes_and_its_disks_stay(kvmctl: Program, conn: Any) -> None:
    stays = {"pool/p": POOL, "disk/a": DISK, "vm/a": machine("a")}
    guest = machine("b", ", powerState: Running, interfaces: [{network: lan, model: virtio, filterref: f}]")
    goes = {"disk/b": DISK, "network/lan": "bridge: br-own", "nwfilter/f": "chain: root", "secret/s": "usage: ceph"}
    kvmctl.apply({**stays, **goes, "vm/b": guest})
    plan = kvmctl.json("plan", "--prune", specs=stays)
    done = steps(plan)
    assert set(done) == {"delete vm/b", "delete network/lan", "delete nwfilter/f", "delete secret/s"}
    assert done.index("delete vm/b") < min(done.index("delete network/lan"), done.index("delete nwfilter/f"))
    assert plan["summary"] == {"create": 0, "update": 0, "delete": 4, "unchanged": 3, "pending": 0, "refused": 0}
    assert [each["address"] for each in plan["kept"]] == ["disk/b"]
    assert "No changes" in kvmctl.run("plan", specs=stays).stdout
    kvmctl.run("apply", *PRUNE, specs=stays)
    assert there(conn) == {"p", "a", "b"}
    again = kvmctl.run("plan", "--prune", "--detailed-exitcode", specs=stays).stdout
    assert f"{FOLDER}/b stays; say --allow-data-loss" in again
    assert "No changes" in again
    refused = kvmctl.run("apply", "--prune", "--allow-data-loss", specs=stays, code=3).stdout
    assert f"deletes {FOLDER}/b" in refused
    kvmctl.run("apply", *PRUNE, "--allow-data-loss", specs=stays)
    assert there(conn) == {"p", "a"}


def test_what_is_others_or_nobodys_stays(kvmctl: Program, conn: Any, tmp_path: Path) -> None:
    kvmctl.run("apply", "--yes", "--project", "bank", specs={"vm/banks": machine(), "network/banks": OFF})
    kvmctl.run(
        "apply", "--yes", "--project", "default", specs={"vm/nameless": machine(), "secret/nameless": "usage: ceph"}
    )
    conn.defineXML("<domain type='qemu'><name>hand</name><memory>65536</memory><os><type>hvm</type></os></domain>")
    kvmctl.apply({"vm/ours": machine(), "vm/left": machine()})
    wanted = {"vm/ours": machine()}
    before = there(conn)
    (tmp_path / "kvmctl.yaml").unlink()
    refused = kvmctl.run("apply", *PRUNE, specs=wanted, code=1)
    assert "say --project NAME" in refused.stderr
    assert there(conn) == before
    kvmctl.run("apply", *PRUNE, "--allow-data-loss", "--project", "shop", specs=wanted)
    assert there(conn) == before - {"left"}


def write(folder: Path, protect: str) -> None:
    for name, noted in (("a", ""), ("b", f', annotations: {{kvmctl/protect: "{protect}"}}')):
        (folder / f"{name}.yaml").write_text(
            f"apiVersion: kvmctl/v1\nkind: VirtualMachine\nmetadata: {{name: {name}{noted}}}\n"
            f"spec: {{type: qemu, memory: 64MiB}}\n"
        )


def test_what_is_protected_stays_after_its_manifest_is_gone(kvmctl: Program, conn: Any, tmp_path: Path) -> None:
    folder = tmp_path / "manifests"
    folder.mkdir()
    write(folder, "true")
    kvmctl.run("apply", "--yes")
    named = kvmctl.run("delete", "--yes", "vm/b", code=3)
    assert "vm/b is protected by its annotation kvmctl/protect" in named.stderr
    kvmctl.run("delete", "--yes", "-f", str(folder), code=3)
    (folder / "b.yaml").unlink()
    refused = kvmctl.run("apply", *PRUNE, code=3)
    assert 'apply its manifest with kvmctl/protect: "false" first' in refused.stderr
    assert there(conn) == {"a", "b"}
    write(folder, "false")
    told = kvmctl.run("apply", "--yes")
    assert "marked 1 object " in told.stderr
    (folder / "b.yaml").unlink()
    kvmctl.run("apply", *PRUNE)
    assert there(conn) == {"a"}


def test_a_pool_is_protected_by_the_record(kvmctl: Program, conn: Any, tmp_path: Path) -> None:
    (tmp_path / "pool.yaml").write_text(
        'apiVersion: kvmctl/v1\nkind: StoragePool\nmetadata: {name: p, annotations: {kvmctl/protect: "true"}}\n'
        f"spec: {{{POOL}}}\n"
    )
    kvmctl.run("apply", "--yes", "-f", "pool.yaml")
    kvmctl.run("delete", "--yes", "pool/p", code=3)
    assert there(conn) == {"p"}


def test_what_somebody_stands_on_stays(kvmctl: Program, conn: Any) -> None:
    lan = {"network/lan": "bridge: br-own"}
    disks = {"pool/p": POOL, "disk/base": DISK, "disk/used": DISK}
    rest = {"vm/ours": machine()}
    kvmctl.apply({**lan, **disks, **rest})
    conn.defineXML(
        "<domain type='qemu'><name>hand</name><memory>65536</memory><os><type>hvm</type></os><devices>"
        "<interface type='network'><source network='lan'/></interface>"
        f"<disk type='file'><driver name='qemu' type='qcow2'/><source file='{FOLDER}/used'/><target dev='vda'/></disk>"
        "</devices></domain>"
    )
    conn.storagePoolLookupByName("p").createXML(
        "<volume><name>overlay</name><capacity>1048576</capacity><target><format type='qcow2'/></target>"
        f"<backingStore><path>{FOLDER}/base</path><format type='qcow2'/></backingStore></volume>"
    )
    before = there(conn)
    told = kvmctl.json("plan", "--prune", "--allow-data-loss", specs=rest)["refused"]
    assert {each["address"]: each["reason"].partition("in use by ")[2] for each in told} == {
        "network/lan": "vm/hand", "disk/used": "vm/hand", "disk/base": "disk/overlay",
    }  # fmt: skip
    kvmctl.run("apply", *PRUNE, "--allow-data-loss", specs=rest, code=3)
    assert there(conn) == before
    # What a manifest refers to is needed, though it isn't there yet.
    named = {**rest, "vm/new": machine("", ", interfaces: [{network: lan}]"), **disks}
    assert "network/lan is in use by vm/hand, vm/new" in kvmctl.run("apply", *PRUNE, specs=named, code=3).stderr


def test_a_pool_stays_with_the_disks_that_somebody_has(kvmctl: Program, conn: Any) -> None:
    kvmctl.apply({"pool/p": POOL, "vm/ours": machine()})
    kvmctl.run("apply", "--yes", "--project", "bank", specs={"disk/banks": DISK})
    refused = kvmctl.run("apply", *PRUNE, specs={"vm/ours": machine()}, code=3)
    assert "pool/p is in use by disk/banks" in refused.stderr
    wanted = {"vm/ours": machine(), "disk/ours": DISK}
    kvmctl.run("delete", "--yes", "--allow-data-loss", "disk/banks")
    assert "in use by disk/ours" in kvmctl.run("apply", *PRUNE, specs=wanted, code=3).stderr
    assert there(conn) == {"p", "ours"}


def test_the_key_of_a_disk_that_is_kept_is_kept(kvmctl: Program, conn: Any) -> None:
    key = "11111111-2222-4333-8444-555555555555"
    wanted = {
        "pool/p": POOL, "vm/ours": machine(),
        f"secret/{key}": f"usage: {{type: volume, volume: {FOLDER}/d}}, value: {{command: [printf, swordfish]}}",
        "disk/d": f"{DISK}, encryption: {{format: luks, secret: {{uuid: {key}}}}}",
    }  # fmt: skip
    words = kvmctl.argv("apply", "--yes", "-f", kvmctl.write(wanted))
    # On a busy host QEMU 7.2 may fail to measure how long a LUKS key takes, and makes none.
    assert any(kvmctl.box.run(words, cwd=str(kvmctl.folder), timeout=120).returncode == 0 for _ in range(5))
    told = kvmctl.json("plan", "--prune", specs={"vm/ours": machine()})
    assert told["actions"] == []
    assert {each["address"] for each in told["kept"]} == {"disk/d", "pool/p", f"secret/{key}"}
    kvmctl.run("apply", *PRUNE, specs={"vm/ours": machine()})
    assert {"d", "p", f"{FOLDER}/d"} <= there(conn)


def test_a_large_part_of_many_takes_a_word_more(kvmctl: Program, conn: Any) -> None:
    many = {f"network/n{number}": OFF for number in range(10)}
    kvmctl.apply(many)
    seven, six = dict(list(many.items())[:7]), dict(list(many.items())[:6])
    refused = kvmctl.run("apply", *PRUNE, specs=six, code=3)
    assert "--prune would remove 4 of 10 resources, more than 30 %; say --force-prune" in refused.stderr
    assert "4 to delete, 1 refused" in refused.stdout
    assert len(there(conn)) == 10
    kvmctl.run("apply", *PRUNE, specs=seven)
    assert len(there(conn)) == 7
    kvmctl.run("apply", *PRUNE, specs={"network/n0": OFF})
    assert len(there(conn)) == 1
    kvmctl.apply(many)
    kvmctl.run("apply", *PRUNE, "--force-prune", specs=six)
    assert len(there(conn)) == 6


def test_a_manifest_that_is_there_and_was_not_read_has_left_nothing(kvmctl: Program, conn: Any, tmp_path: Path) -> None:
    kvmctl.apply({"network/a": OFF})
    (tmp_path / "manifest.yaml").rename(tmp_path / "a.yaml")
    kvmctl.run("apply", "--yes", "-f", "a.yaml")
    told = kvmctl.run("apply", *PRUNE, specs={"network/b": OFF}).stdout
    assert "it comes from a.yaml, which was not read" in told
    assert there(conn) == {"a", "b"}
    (tmp_path / "a.yaml").unlink()
    kvmctl.run("apply", *PRUNE, specs={"network/b": OFF})
    assert there(conn) == {"b"}


def test_a_disk_that_moves_is_not_removed(kvmctl: Program, conn: Any) -> None:
    pools = {"pool/p": POOL, "pool/q": "type: dir, path: /var/lib/libvirt/images/q", "vm/v": machine("d")}
    kvmctl.apply({**pools, "disk/d": DISK})
    moved = {**pools, "disk/d": DISK.replace("pool: p", "pool: q")}
    words = (*PRUNE, "--max-disruption", "data-loss")
    assert not [each for each in steps(kvmctl.json("plan", "--prune", specs=moved)) if each.startswith("delete")]
    kvmctl.run("apply", *words, specs=moved)
    assert "No changes" in kvmctl.run("plan", "--prune", "--detailed-exitcode", "--allow-data-loss", specs=moved).stdout
    xml = ET.fromstring(conn.lookupByName("v").XMLDesc())
    assert xml.find("devices/disk/source[@file='/var/lib/libvirt/images/q/d']") is not None
    assert "d" in {volume.name() for volume in conn.storagePoolLookupByName("q").listAllVolumes()}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("plan", "--prune", "--target", "vm/v"), "without them"),
        (("apply", "--prune", "-l", "a=b"), "without them"),
        (("plan", "--force-prune"), "say --prune too"),
    ],
)
def test_words_that_do_not_go_together_are_told(kvmctl: Program, words: tuple[str, ...], said: str) -> None:
    assert said in kvmctl.run(*words, specs={"vm/v": machine()}, code=1).stderr
