"""A storage pool (libvirt: docs/formatstorage, docs/storage)."""

from __future__ import annotations

from typing import Literal

from kvmctl.codec import Integer, Text, Uuid
from kvmctl.fields import Model, Update, document, model, policy, state, xml

_MOVES = "the pool's volumes are there; define a second pool and move them"


@model(keys=(("name",),))
class PoolHost(Model):
    """A server that exports the storage."""

    name: str | None = xml("@name", required=True, doc="Name or address of the server.")
    port: int | None = xml("@port", codec=Integer(1, 65535), doc="Port of the server.")


@model(keys=(("path",),), short=("path",))
class PoolDevice(Model):
    """A device that the storage is on."""

    path: str | None = xml("@path", required=True, doc="Path of the device, or the target's name for iSCSI.")


@model()
class PoolSource(Model):
    """Where the storage comes from."""

    hosts: tuple[PoolHost, ...] | None = xml("host", doc="Servers (netfs, iscsi, rbd, gluster); complete when given.")
    dir: str | None = xml("dir/@path", doc="Exported folder (netfs, gluster).")
    devices: tuple[PoolDevice, ...] | None = xml(
        "device", doc="Devices (fs, disk, logical, iscsi, zfs); complete when given."
    )
    name: str | None = xml(
        "name", doc="Name of the volume group (logical), Ceph pool (rbd), volume (gluster) or pool (zfs)."
    )
    format: str | None = xml(
        "format/@type",
        codec=Text(r"[a-z0-9+-]+", "a format such as ext4, nfs or lvm2"),
        doc="Format: of the file system (fs, netfs), partition table (disk) or volume group.",
    )
    initiator: str | None = xml("initiator/iqn/@name", doc="Name of the initiator (iscsi, iscsi-direct).")
    adapter: str | None = xml(
        "adapter/@name", implies=(("adapter/@type", "scsi_host"),), doc="SCSI host adapter (scsi)."
    )


@model()
class StoragePool(Model):
    """A storage pool: a place for disks."""

    active: bool | None = state(
        update=Update.INTERRUPT,
        initial=True,
        doc="Whether the pool is started. Stopping it leaves its files as they are.",
    )
    autostart: bool | None = state(doc="Whether libvirt starts the pool when the host boots.")
    build: bool | None = policy(
        initial=True,
        doc="Whether a new pool is built: its folder made (dir, fs, netfs). Nothing that exists is ever formatted.",
    )
    type: (
        Literal[
            "dir",
            "fs",
            "netfs",
            "logical",
            "disk",
            "iscsi",
            "iscsi-direct",
            "scsi",
            "mpath",
            "rbd",
            "gluster",
            "zfs",
            "vstorage",
            "sheepdog",
        ]
        | None
    ) = xml("@type", required=True, update=Update.REFUSED, reason=_MOVES, doc="Kind of storage.")
    uuid: str | None = xml(
        "uuid",
        codec=Uuid(),
        update=Update.REFUSED,
        reason="a pool's UUID is its identity; leave it out to keep the one it has",
        doc="Identity of the pool; libvirt makes one up on creation.",
    )
    path: str | None = xml(
        "target/path",
        codec=Text(r"/.*", "an absolute path on the host, starting with /"),
        update=Update.REFUSED,
        reason=_MOVES,
        doc="Folder of the host where the volumes are found.",
    )
    source: PoolSource | None = xml("source", doc="Where the storage comes from, for all types but dir.")
    xml: str | None = document(
        doc="Whatever has no field of its own: a partial libvirt document of the pool, merged last by the keys of its elements."
    )
