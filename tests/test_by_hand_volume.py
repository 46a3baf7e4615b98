"""What administrators do with virsh vol-create and qemu-img, done with manifests and looked at without kvmctl."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

POOL = {"pool/default": "type: dir, path: /var/lib/libvirt/images"}
UUID = "1f6ab0f2-94f1-4f9c-8d6a-6ef1a8b52c11"
SECRET = {
    f"secret/{UUID}": "usage: {type: volume, volume: /var/lib/libvirt/images/a}, private: true, "
    "value: {env: KVMCTL_TEST_VALUE}"
}
LUKS = f"encryption: {{format: luks, secret: {{uuid: {UUID}}}}}"
MIB = 1 << 20


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KVMCTL_TEST_VALUE", "correct horse")


def image(sandbox: Any, name: str) -> Any:
    """Return what qemu-img says of an image in the pool's folder."""
    path = sandbox.outside(f"/var/lib/libvirt/images/{name}")
    return json.loads(
        subprocess.run(
            ["qemu-img", "info", "--output=json", str(path)], capture_output=True, text=True, check=True
        ).stdout
    )


def applied(kvmctl: Any, specs: dict[str, str]) -> None:
    """Apply until it is done: on a busy host QEMU 7.2 may fail to measure how long a LUKS key takes, and makes none."""
    words = kvmctl.argv("apply", "--yes", "-f", kvmctl.write(specs))
    for _ in range(5):
        if kvmctl.box.run(words, cwd=str(kvmctl.folder), timeout=120).returncode == 0:
            break
    kvmctl.apply(specs)


def planned_after_refresh(kvmctl: Any, conn: Any, specs: dict[str, str]) -> str:
    """Return the plan after libvirt has looked at the images anew, which makes it forget some of what it was told."""
    conn.storagePoolLookupByName("default").refresh()
    told: str = kvmctl.run("plan", "--detailed-exitcode", specs=specs).stdout
    return told


def test_a_qcow2_image_is_one_of_today_unless_it_is_to_be_old(kvmctl: Any, conn: Any, sandbox: Any) -> None:
    specs = {
        **POOL,
        "disk/new": "pool: default, format: qcow2, size: 1MiB",
        "disk/old": "pool: default, format: qcow2, size: 1MiB, compat: '0.10'",
    }
    kvmctl.apply(specs)
    found = {name: image(sandbox, name)["format-specific"]["data"]["compat"] for name in ("new", "old")}
    assert found == {"new": "1.1", "old": "0.10"}
    assert "No changes" in planned_after_refresh(kvmctl, conn, specs)


def test_what_an_image_is_made_with_is_kept_and_no_difference_later(kvmctl: Any, conn: Any, sandbox: Any) -> None:
    specs = {
        **POOL,
        "disk/a": "pool: default, format: qcow2, size: 8MiB, clusterSize: 256KiB, nocow: true, "
        "features: {lazyRefcounts: true, extendedL2: true}, permissions: {mode: '0640', owner: 3, group: 4, label: x}",
        "disk/b.iso": "pool: default, format: iso, size: 1MiB",
    }
    kvmctl.apply(specs)
    told = image(sandbox, "a")
    assert told["cluster-size"] == 256 * 1024
    assert told["format-specific"]["data"]["lazy-refcounts"]
    assert told["format-specific"]["data"]["extended-l2"]
    held = sandbox.outside("/var/lib/libvirt/images/a").stat()
    assert (held.st_mode & 0o777, held.st_uid, held.st_gid) == (0o640, 3, 4)
    assert "No changes" in planned_after_refresh(kvmctl, conn, specs)


@pytest.mark.parametrize("image_format", ["raw", "qcow2"])
def test_room_is_taken_at_once_or_not(kvmctl: Any, sandbox: Any, image_format: str) -> None:
    plain = f"pool: default, format: {image_format}, size: 8MiB"
    kvmctl.apply({**POOL, "disk/a": f"{plain}, allocation: sparse", "disk/b": f"{plain}, allocation: full"})
    assert image(sandbox, "a")["actual-size"] < MIB
    assert image(sandbox, "b")["actual-size"] >= 8 * MIB


def test_tables_are_made_at_once(kvmctl: Any, conn: Any) -> None:
    kvmctl.apply({**POOL, "disk/a": "pool: default, format: qcow2, size: 8MiB, allocation: metadata"})
    # All clusters have their place in the file then, whether or not the file system keeps room for them.
    volume = conn.storagePoolLookupByName("default").storageVolLookupByName("a")
    assert "<physical unit='bytes'>8" in volume.XMLDesc() or volume.info()[2] > 8 * MIB


@pytest.mark.parametrize("image_format", ["raw", "qcow2"])
def test_a_disk_is_encrypted_empty_and_from_a_file(
    kvmctl: Any, conn: Any, sandbox: Any, tmp_path: Path, image_format: str
) -> None:
    (tmp_path / "source.raw").write_bytes(b"plain text that nobody is to find" * 1000 + bytes(MIB))
    source = "source: {path: source.raw, format: raw}"
    specs = {
        **SECRET,
        **POOL,
        "disk/a": f"pool: default, format: {image_format}, size: 2MiB, {LUKS}",
        "disk/b": f"pool: default, format: {image_format}, {source}, {LUKS}",
    }
    applied(kvmctl, specs)
    for name in ("a", "b"):
        raw = sandbox.outside(f"/var/lib/libvirt/images/{name}").read_bytes()
        assert b"LUKS" in raw
        assert b"plain text" not in raw
    assert "No changes" in planned_after_refresh(kvmctl, conn, specs)
    names = [volume.name() for volume in conn.storagePoolLookupByName("default").listAllVolumes()]
    assert sorted(names) == ["a", "b"]


def test_a_disk_from_a_file_gets_what_libvirt_makes_images_with(kvmctl: Any, sandbox: Any, tmp_path: Path) -> None:
    (tmp_path / "source.raw").write_bytes(b"content" * 1000 + bytes(MIB))
    kvmctl.apply({
        **POOL,
        "disk/a": "pool: default, format: qcow2, clusterSize: 128KiB, permissions: {mode: '0644'}, "
        "source: {path: source.raw, format: raw}",
    })  # fmt: skip
    assert image(sandbox, "a")["cluster-size"] == 128 * 1024
    path = sandbox.outside("/var/lib/libvirt/images/a")
    assert path.stat().st_mode & 0o777 == 0o644
    subprocess.run(["qemu-img", "compare", str(path), str(tmp_path / "source.raw")], check=True, capture_output=True)


def test_the_secret_of_a_disk_is_deleted_after_it(kvmctl: Any, conn: Any) -> None:
    applied(kvmctl, {**SECRET, **POOL, "disk/a": f"pool: default, size: 1MiB, {LUKS}"})
    told = kvmctl.json("delete", "--yes", "--allow-data-loss", specs={
        **SECRET, "disk/a": f"pool: default, size: 1MiB, {LUKS}",
    })  # fmt: skip
    assert {each["address"] for each in told["actions"]} == {"disk/a", f"secret/{UUID}"}
    assert [each for each in conn.listAllSecrets() if not each.usageID().startswith("kvmctl.")] == []


@pytest.fixture
def loop_device(tmp_path: Path) -> Iterator[str]:
    """An empty block device of 64 MiB."""
    file = tmp_path / "device"
    file.touch()
    os.truncate(file, 64 * MIB)
    made = subprocess.run(["losetup", "--find", "--show", str(file)], capture_output=True, text=True, check=False)
    if made.returncode:
        pytest.skip(f"no loop devices here: {made.stderr.strip()}")
    device = made.stdout.strip()
    yield device
    subprocess.run(["losetup", "--detach", device], check=True)


def test_a_file_system_is_made_mounted_and_filled(kvmctl: Any, conn: Any, loop_device: str) -> None:
    specs = {
        "pool/fs": f"type: fs, path: /mnt/fs, source: {{devices: [{loop_device}], format: ext4}}, mountOpts: [noatime]",
        "disk/a": "pool: fs, size: 1MiB",
    }
    kvmctl.apply(specs)
    pool = conn.storagePoolLookupByName("fs")
    assert pool.storageVolLookupByName("a").info()[1] == MIB
    kvmctl.run("delete", "--yes", "pool/fs")
    assert conn.listAllStoragePools() == []


def test_partitions_are_disks(kvmctl: Any, conn: Any, loop_device: str) -> None:
    import libvirt

    pool = f"type: disk, path: /dev, source: {{devices: [{loop_device}], format: gpt}}"
    kvmctl.apply({"pool/parts": f"{pool}, active: false"})
    try:
        conn.storagePoolLookupByName("parts").build(libvirt.VIR_STORAGE_POOL_BUILD_NO_OVERWRITE)
    except libvirt.libvirtError as error:
        pytest.skip(f"no partition tables here: {error}")
    name = f"{loop_device.rpartition('/')[2]}p1"
    disk = "pool: parts, size: 8MiB, format: linux"
    kvmctl.apply({"pool/parts": f"{pool}, active: true", f"disk/{name}": disk})
    assert conn.storagePoolLookupByName("parts").storageVolLookupByName(name).info()[1] == 8 * MIB


def test_disks_are_imported_as_they_were_made(kvmctl: Any, conn: Any, tmp_path: Path) -> None:
    specs = {
        **POOL,
        "disk/full": "pool: default, size: 1MiB, allocation: full",
        "disk/plain": "pool: default, size: 1MiB",
        "disk/old": "pool: default, format: qcow2, size: 1MiB, compat: '0.10', clusterSize: 128KiB",
    }
    kvmctl.apply(specs)
    conn.storagePoolLookupByName("default").refresh()
    kvmctl.run("import", "--all", "-d", "out")
    told = {path.stem: path.read_text() for path in (tmp_path / "out").rglob("*.yaml")}
    assert "allocation: full" in told["full"]
    assert "allocation" not in told["plain"]
    assert "compat: '0.10'" in told["old"]
    assert "clusterSize: 128KiB" in told["old"]
    assert "xml:" not in told["default"]
    assert "No changes" in kvmctl.run("plan", "-f", "out").stdout
