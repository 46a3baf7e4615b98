"""What administrators do with qemu-img, virsh pool-… and vol-…, done with manifests and looked at without kvmctl."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

MIB = 1024 * 1024
POOL = {"pool/p": "type: dir, path: /var/lib/libvirt/images/p"}
FOLDER = "/var/lib/libvirt/images/p"
RUNNING = "type: qemu, memory: 64MiB, powerState: Running, shutdown: {timeout: 1s, force: true}"


def image(path: Path, image_format: str, size: int = 64 * MIB) -> Path:
    """Make an image with a few written places and large holes."""
    raw = path.with_suffix(".made")
    with raw.open("wb") as file:
        file.truncate(size)
        for place in (0, size // 2, size - 4096):
            file.seek(place)
            file.write(os.urandom(4096))
    subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", image_format, raw, path], check=True)
    raw.unlink()
    return path


def names(sandbox: Any) -> list[str]:
    """Return what lies in the pool's folder."""
    return sorted(path.name for path in sandbox.outside(FOLDER).iterdir())


def same_content(one: Path, one_format: str, other: Path, other_format: str) -> bool:
    command = ["qemu-img", "compare", "-f", one_format, "-F", other_format, str(one), str(other)]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def info(path: Path) -> dict[str, Any]:
    told = subprocess.run(
        ["qemu-img", "info", "--force-share", "--output=json", path], check=True, capture_output=True, text=True
    )
    found: dict[str, Any] = json.loads(told.stdout)
    return found


@pytest.mark.parametrize(
    ("source", "target"), [("raw", "qcow2"), ("qcow2", "raw"), ("vmdk", "qcow2"), ("qcow2", "qcow2"), ("raw", "raw")]
)
def test_a_source_of_another_format_is_converted_on_creation_and_stays_sparse(
    kvmctl: Any, sandbox: Any, tmp_path: Path, source: str, target: str
) -> None:
    original = image(tmp_path / f"a.{source}", source)
    told = kvmctl.apply(
        {**POOL, "disk/a": f"pool: p, format: {target}, source: {{path: a.{source}, format: {source}}}"}
    )
    assert "virtual size 64MiB" in told
    made = sandbox.outside(f"{FOLDER}/a")
    assert info(made)["format"] == target
    assert same_content(original, source, made, target)
    assert made.stat().st_blocks * 512 < 4 * MIB
    told = sandbox.run(["virsh", "vol-info", "a", "--pool", "p", "--bytes"]).stdout
    assert f"Capacity:       {64 * MIB} bytes" in told
    assert names(sandbox) == ["a"], "something was left beside the disk"
    assert not any(path.name.startswith(".kvmctl") for path in tmp_path.iterdir())


def test_a_disk_is_larger_than_its_source_where_that_is_said(kvmctl: Any, sandbox: Any, tmp_path: Path) -> None:
    original = image(tmp_path / "a.raw", "raw")
    kvmctl.apply({**POOL, "disk/a": "pool: p, format: qcow2, size: 1GiB, source: {path: a.raw, format: raw}"})
    made = sandbox.outside(f"{FOLDER}/a")
    assert info(made)["virtual-size"] == 1024 * MIB
    command = ["qemu-img", "compare", "-f", "raw", "-F", "qcow2", original, made]
    assert "Images are identical" in subprocess.run(command, check=False, capture_output=True, text=True).stdout


def test_the_sum_of_a_source_is_checked_before_anything_is_made(
    kvmctl: Any, conn: Any, sandbox: Any, tmp_path: Path
) -> None:
    original = image(tmp_path / "a.raw", "raw", MIB)
    right = hashlib.sha256(original.read_bytes()).hexdigest()
    wrong = right[::-1]
    disk = "pool: p, format: qcow2, source: {path: a.raw, format: raw, sha256: "
    result = kvmctl.run("apply", "--yes", specs={**POOL, "disk/a": f'{disk}"{wrong}"}}'}, code=4)
    assert right in result.stdout
    assert wrong in result.stdout
    assert conn.storagePoolLookupByName("p").listVolumes() == []
    assert list(sandbox.outside(FOLDER).iterdir()) == []
    kvmctl.apply({**POOL, "disk/a": f'{disk}"{right.upper()}"}}'})


def test_an_image_and_its_backing_file_become_one_where_that_is_said(kvmctl: Any, tmp_path: Path) -> None:
    original = image(tmp_path / "a.raw", "raw")
    overlay = ["qemu-img", "create", "-q", "-f", "qcow2", "-b", "a.raw", "-F", "raw", "over.qcow2"]
    subprocess.run(overlay, cwd=tmp_path, check=True)
    told = kvmctl.run("image", "convert", "over.qcow2", "flat.raw", code=1).stderr
    assert "kvmctl image convert --allow-backing --from qcow2 over.qcow2" in told
    assert not (tmp_path / "flat.raw").exists()
    kvmctl.run("image", "convert", "--allow-backing", "over.qcow2", "flat.raw")
    assert (tmp_path / "flat.raw").read_bytes() == original.read_bytes()


def test_image_convert_and_image_info(kvmctl: Any, tmp_path: Path) -> None:
    original = image(tmp_path / "a.raw", "raw")
    kvmctl.run("image", "convert", "--from", "raw", "a.raw", "b.qcow2")
    assert same_content(original, "raw", tmp_path / "b.qcow2", "qcow2")
    kvmctl.run("image", "convert", "b.qcow2", "c.raw")
    assert same_content(original, "raw", tmp_path / "c.raw", "raw")
    assert (tmp_path / "c.raw").stat().st_blocks * 512 < 4 * MIB
    before = (tmp_path / "c.raw").read_bytes()
    assert "exists already" in kvmctl.run("image", "convert", "b.qcow2", "c.raw", code=1).stderr
    assert (tmp_path / "c.raw").read_bytes() == before
    told = kvmctl.json("image", "info", "b.qcow2")
    assert (told["format"], told["virtualSize"]) == ("qcow2", 64 * MIB)
    assert "virtual size:  64MiB" in kvmctl.run("image", "info", "b.qcow2").stdout


def test_image_convert_with_options_of_the_format(kvmctl: Any, tmp_path: Path) -> None:
    (tmp_path / "a.raw").write_bytes(b"data" * MIB)
    kvmctl.run("image", "convert", "--compression", "zstd", "--cluster-size", "128KiB", "a.raw", "b.qcow2")
    told = info(tmp_path / "b.qcow2")
    assert (told["cluster-size"], told["format-specific"]["data"]["compression-type"]) == (128 * 1024, "zstd")
    assert told["actual-size"] < MIB
    kvmctl.run("image", "convert", "--preallocation", "full", "a.raw", "c.qcow2")
    assert info(tmp_path / "c.qcow2")["actual-size"] >= 4 * MIB
    assert (
        "--cluster-size 'x' is not a size"
        in kvmctl.run("image", "convert", "--cluster-size", "x", "a.raw", "d.qcow2", code=1).stderr
    )
    for name in ("b", "c"):
        assert same_content(tmp_path / "a.raw", "raw", tmp_path / f"{name}.qcow2", "qcow2")


def test_empty_disks_of_every_unit_and_get_shows_size_and_allocation(kvmctl: Any, conn: Any) -> None:
    sizes = {
        "20GiB": 20 << 30, "1TiB": 1 << 40, "10MiB": 10 << 20, "2048KiB": 2 << 20, "512000kB": 512_000_000,
        "3GB": 3_000_000_000, "1048576": 1 << 20,
    }  # fmt: skip
    disks: dict[str, str] = {}
    for size in sizes:
        disks |= {f"disk/{size}.{form}": f"pool: p, format: {form}, size: {size}" for form in ("raw", "qcow2")}
    kvmctl.apply({**POOL, **disks})
    pool = conn.storagePoolLookupByName("p")
    for address in disks:
        name = address.removeprefix("disk/")
        _type, capacity, allocation = pool.storageVolLookupByName(name).info()
        assert 0 <= capacity - sizes[name.split(".")[0]] < 1024, name  # libvirt rounds up to KiB
        assert allocation < MIB, name
    table = kvmctl.run("get", "disk").stdout
    assert "VIRTUAL SIZE" in table
    assert "ALLOCATED" in table
    row = next(line for line in table.splitlines() if line.startswith("20GiB.qcow2"))
    assert "20GiB" in row


def test_a_disk_on_a_backing_disk_holds_only_what_differs(kvmctl: Any, sandbox: Any, tmp_path: Path) -> None:
    original = image(tmp_path / "base.raw", "raw")
    kvmctl.apply({
        **POOL,
        "disk/top": "pool: p, format: qcow2, size: 128MiB, backing: base",
        "disk/base": "pool: p, format: qcow2, source: {path: base.raw, format: raw}",
        "disk/other": "pool: p, format: qcow2, size: 64MiB, backing: {disk: base}",
        "disk/by-path": f"pool: p, format: qcow2, size: 64MiB, backing: {{path: {FOLDER}/base, format: qcow2}}",
    })  # fmt: skip
    for name in ("top", "other", "by-path"):
        found = info(sandbox.outside(f"{FOLDER}/{name}"))
        assert found["backing-filename"] == f"{FOLDER}/base"
        assert found["backing-filename-format"] == "qcow2"
        assert found["actual-size"] < MIB
    compared = sandbox.run(["qemu-img", "compare", "-f", "raw", "-F", "qcow2", str(original), f"{FOLDER}/other"])
    assert compared.returncode == 0, compared.stderr


def test_a_disk_is_copied_from_another_disk(kvmctl: Any, sandbox: Any, tmp_path: Path) -> None:
    original = image(tmp_path / "a.raw", "raw")
    kvmctl.apply({
        **POOL,
        "disk/copy": "pool: p, format: raw, size: 128MiB, source: {disk: a}",
        "disk/a": "pool: p, format: qcow2, source: {path: a.raw, format: raw}",
    })  # fmt: skip
    made = sandbox.outside(f"{FOLDER}/copy")
    assert info(made)["virtual-size"] == 128 * MIB
    with original.open("rb") as one, made.open("rb") as other:
        assert one.read() == other.read(64 * MIB)


def test_a_disk_grows_where_no_guest_uses_it(kvmctl: Any, conn: Any) -> None:
    kvmctl.apply({**POOL, "disk/a": "pool: p, format: qcow2, size: 1GiB", "disk/b": "pool: p, size: 1GiB"})
    grown = {**POOL, "disk/a": "pool: p, format: qcow2, size: 2GiB", "disk/b": "pool: p, size: 1536MiB"}
    told = kvmctl.apply(grown)
    assert "1GiB → 2GiB" in told
    pool = conn.storagePoolLookupByName("p")
    assert pool.storageVolLookupByName("a").info()[1] == 2 << 30
    assert pool.storageVolLookupByName("b").info()[1] == 1536 * MIB


def test_a_disk_grows_under_a_running_guest(kvmctl: Any, conn: Any) -> None:
    specs = {
        **POOL,
        "disk/a": "pool: p, format: qcow2, size: 1GiB",
        "vm/m": f"{RUNNING}, disks: [{{target: vda, disk: a, bus: virtio}}]",
    }
    kvmctl.apply(specs)
    domain = conn.lookupByName("m")
    assert domain.blockInfo("vda")[0] == 1 << 30
    running_since = domain.ID()
    plan = kvmctl.json("plan", specs={**specs, "disk/a": "pool: p, format: qcow2, size: 3GiB"})
    assert [(each["operation"], each["disruption"]) for each in plan["actions"]] == [("resize", "live")]
    kvmctl.apply({**specs, "disk/a": "pool: p, format: qcow2, size: 3GiB"})
    assert domain.blockInfo("vda")[0] == 3 << 30
    assert conn.storagePoolLookupByName("p").storageVolLookupByName("a").info()[1] == 3 << 30
    assert domain.ID() == running_since


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("pool: p, format: qcow2, size: 512MiB", "never shrunk"),
        ("pool: p, format: vmdk, size: 1GiB", "can't be made vmdk here"),
        ("pool: p, format: iso, size: 1GiB", "can't be made iso here"),
    ],
)
def test_what_would_lose_data_or_cannot_be_done_is_refused_and_changes_nothing(
    kvmctl: Any, sandbox: Any, change: str, told: str
) -> None:
    specs = {**POOL, "disk/a": "pool: p, format: qcow2, size: 1GiB", "disk/b": "pool: p, format: qcow2, size: 1GiB"}
    kvmctl.apply(specs)
    files = {name: sandbox.outside(f"{FOLDER}/{name}").read_bytes() for name in ("a", "b")}
    changed = {**specs, "disk/a": change, "disk/new": "pool: p, size: 1MiB"}
    plan = kvmctl.json("plan", "--detailed-exitcode", specs=changed, code=2)
    assert {each["address"] for each in plan["refused"]} == {"disk/a"}
    assert told in plan["refused"][0]["reason"]
    assert plan["refused"][0]["hint"]
    assert told in kvmctl.run("apply", "--yes", "--allow-data-loss", specs=changed, code=3).stderr
    assert {name: sandbox.outside(f"{FOLDER}/{name}").read_bytes() for name in ("a", "b")} == files
    assert names(sandbox) == ["a", "b"]


def test_an_existing_volume_is_adopted_and_never_overwritten(kvmctl: Any, conn: Any, sandbox: Any) -> None:
    kvmctl.apply(POOL)
    pool = conn.storagePoolLookupByName("p")
    pool.createXML("<volume><name>a</name><capacity>1048576</capacity></volume>", 0)
    place = sandbox.outside(f"{FOLDER}/a")
    place.write_bytes(b"precious" + bytes(MIB - 8))
    kvmctl.apply({**POOL, "disk/a": "pool: p, format: raw, size: 1MiB"})
    assert place.read_bytes().startswith(b"precious")


def test_a_disk_in_a_stopped_pool_is_kept_when_the_pool_comes_up(kvmctl: Any, conn: Any, sandbox: Any) -> None:
    specs = {**POOL, "disk/a": "pool: p, format: raw, size: 1MiB"}
    kvmctl.apply(specs)
    place = sandbox.outside(f"{FOLDER}/a")
    place.write_bytes(b"precious" + bytes(MIB - 8))
    conn.storagePoolLookupByName("p").destroy()
    refused = kvmctl.run("apply", "--yes", specs=specs, code=3)
    assert "pool/p is not active" in refused.stdout
    assert "active: true" in refused.stderr
    started = {"pool/p": f"{POOL['pool/p']}, active: true"}
    specs |= started
    plan = kvmctl.json("plan", specs=specs)
    assert [each["operation"] for each in plan["actions"]] == ["start", "create"]
    assert "kept as it is" in plan["actions"][1]["note"]
    kvmctl.apply(specs)
    assert place.read_bytes().startswith(b"precious")
    conn.storagePoolLookupByName("p").destroy()
    grown = {**started, "disk/a": "pool: p, format: raw, size: 2MiB"}
    assert "there already, and differs" in kvmctl.run("apply", "--yes", specs=grown, code=4).stdout
    assert place.read_bytes().startswith(b"precious")
    kvmctl.apply(grown)


def test_disks_and_pools_are_deleted_only_where_that_was_said(
    kvmctl: Any, conn: Any, sandbox: Any, tmp_path: Path
) -> None:
    image(tmp_path / "a.raw", "raw", MIB)
    specs = {
        **POOL,
        "disk/a": "pool: p, format: qcow2, source: {path: a.raw, format: raw}",
        "disk/b": "pool: p, size: 1MiB",
    }
    kvmctl.apply(specs)
    place = sandbox.outside(f"{FOLDER}/a")
    refused = kvmctl.run("delete", "disk/a", "--yes", code=3)
    assert f"{FOLDER}/a" in refused.stdout
    assert "--allow-data-loss" in refused.stderr
    assert place.exists()
    plan = kvmctl.json("delete", "disk/a", "--yes", "--allow-data-loss")
    assert [(each["address"], each["disruption"]) for each in plan["actions"]] == [("disk/a", "data-loss")]
    assert f"{FOLDER}/a" in plan["actions"][0]["note"]
    assert not place.exists()
    assert conn.storagePoolLookupByName("p").listVolumes() == ["b"]
    kvmctl.run("delete", "pool/p", "--yes")
    assert conn.listAllStoragePools() == []
    assert sandbox.outside(f"{FOLDER}/b").exists()


def test_from_another_machine_a_disk_is_uploaded_and_nothing_temporary_stays(
    kvmctl: Any, conn: Any, sandbox: Any, tmp_path: Path
) -> None:
    original = image(tmp_path / "a.raw", "raw")
    specs = {
        **POOL,
        "disk/a.qcow2": "pool: p, format: qcow2, size: 128MiB, source: {path: a.raw, format: raw}",
        "disk/a.raw": "pool: p, format: raw, source: {path: a.raw, format: raw}",
    }
    command = kvmctl.argv("apply", "--yes", "-c", sandbox.uri, "-f", kvmctl.write(specs))
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr
    for image_format, size in (("qcow2", 128 * MIB), ("raw", 64 * MIB)):
        made = sandbox.outside(f"{FOLDER}/a.{image_format}")
        found = info(made)
        assert (found["format"], found["virtual-size"]) == (image_format, size)
        assert same_content(original, "raw", made, image_format)
        assert made.stat().st_blocks * 512 < 4 * MIB, "holes were filled"
    pool = conn.storagePoolLookupByName("p")
    pool.refresh()
    assert sorted(pool.listVolumes()) == ["a.qcow2", "a.raw"]
    assert names(sandbox) == ["a.qcow2", "a.raw"]
    again = kvmctl.argv("plan", "--detailed-exitcode", "-c", sandbox.uri, "-f", kvmctl.write(specs))
    assert subprocess.run(again, capture_output=True, check=False, cwd=tmp_path).returncode == 0
