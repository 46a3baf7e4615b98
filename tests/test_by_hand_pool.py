"""What administrators do with virsh pool-…, done with manifests and looked at without kvmctl."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any

import pytest


def test_a_pool_is_started_stopped_and_set_to_autostart(kvmctl: Any, conn: Any, sandbox: Any) -> None:
    deep = "type: dir, path: /var/lib/libvirt/images/not/yet/there"
    kvmctl.apply({"pool/p": f"{deep}, active: true, autostart: true"})
    pool = conn.storagePoolLookupByName("p")
    assert sandbox.outside("/var/lib/libvirt/images/not/yet/there").is_dir()
    assert (pool.isActive(), pool.autostart()) == (1, 1)
    kvmctl.apply({"pool/p": f"{deep}, active: true, autostart: false"})
    assert (pool.isActive(), pool.autostart()) == (1, 0)
    off = {"pool/p": f"{deep}, active: false, autostart: true"}
    refused = kvmctl.run("apply", "--yes", specs=off, code=3)
    assert "--max-disruption interrupt" in refused.stderr
    assert (pool.isActive(), pool.autostart()) == (1, 0)
    kvmctl.apply(off, "--max-disruption", "interrupt")
    assert (pool.isActive(), pool.autostart()) == (0, 1)
    kvmctl.apply({"pool/p": deep + ", active: true"})
    assert pool.isActive()
    refused = kvmctl.run("apply", "--yes", specs={"pool/p": "type: dir, path: /elsewhere"}, code=3)
    assert "spec.path" in refused.stderr


def test_a_passing_pool_becomes_persistent(kvmctl: Any, conn: Any, sandbox: Any) -> None:
    """virsh pool-create makes a pool that libvirt gives no autostart and forgets once it stops."""
    path = "/var/lib/libvirt/images/passing"
    sandbox.outside(path).mkdir()
    conn.storagePoolCreateXML(f"<pool type='dir'><name>p</name><target><path>{path}</path></target></pool>")
    specs = {"pool/p": f"type: dir, path: {path}, active: true, autostart: true"}
    assert "makes the pool persistent" in kvmctl.apply(specs)
    pool = conn.storagePoolLookupByName("p")
    assert (pool.isPersistent(), pool.isActive(), pool.autostart()) == (1, 1, 1)


def test_drift_takes_no_disk_of_a_stopped_pool_for_missing(kvmctl: Any, conn: Any) -> None:
    specs = {
        "pool/p": "type: dir, path: /var/lib/libvirt/images/seen, active: true",
        "disk/a": "pool: p, size: 1MiB, format: raw",
    }
    kvmctl.apply(specs)
    conn.storagePoolLookupByName("p").destroy()
    told = kvmctl.run("drift", specs=specs, code=2).stdout
    assert "disk/a  can't be seen: pool/p is not active" in told
    assert "missing" not in told
    kvmctl.apply(specs)
    conn.storagePoolLookupByName("p").storageVolLookupByName("a").delete()
    assert "disk/a  missing" in kvmctl.run("drift", specs=specs, code=2).stdout


def test_a_pool_of_a_missing_folder_is_not_built_where_that_is_unwanted(kvmctl: Any, conn: Any, sandbox: Any) -> None:
    path = "/var/lib/libvirt/images/absent"
    kvmctl.apply({"pool/p": f"type: dir, path: {path}, build: false, active: false"})
    assert not sandbox.outside(path).exists()
    assert not conn.storagePoolLookupByName("p").isActive()


POOL_TYPES = {
    "fs": "path: /mnt/fs, source: {devices: [/dev/sdz1], format: ext4}",
    "netfs": "path: /mnt/nfs, source: {hosts: [{name: nas}], dir: /export, format: nfs}",
    "logical": "path: /dev/vg, source: {name: vg, devices: [/dev/sdz2], format: lvm2}",
    "disk": "path: /dev, source: {devices: [/dev/sdz], format: gpt}",
    "iscsi": "path: /dev/disk/by-path, source: {hosts: [{name: san, port: 3260}], devices: [iqn.2020-01.example:a]}",
    "iscsi-direct": (
        "source: {hosts: [{name: san}], devices: [iqn.2020-01.example:a], initiator: iqn.2020-01.example:me}"
    ),
    "scsi": "path: /dev/disk/by-path, source: {adapter: host0}",
    "mpath": "path: /dev/mapper",
    "rbd": "source: {hosts: [{name: mon1, port: 6789}], name: rbd}",
    "gluster": "source: {hosts: [{name: g1}], name: vol, dir: /}",
    "zfs": "source: {name: tank}",
    "vstorage": "path: /mnt/v, source: {name: cluster}",
}


@pytest.mark.parametrize("kind", POOL_TYPES)
def test_pools_of_every_type_are_defined(kvmctl: Any, conn: Any, kind: str) -> None:
    if f"type='{kind}' supported='yes'" not in conn.getStoragePoolCapabilities(0):
        pytest.skip(f"this libvirt is built without pools of type {kind}")
    kvmctl.apply({"pool/p": f"type: {kind}, active: false, build: false, {POOL_TYPES[kind]}"})
    pool = conn.storagePoolLookupByName("p")
    assert ET.fromstring(pool.XMLDesc(0)).get("type") == kind
    assert not pool.isActive()
