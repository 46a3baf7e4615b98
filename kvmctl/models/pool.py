"""A storage pool (libvirt: docs/formatstorage, docs/storage)."""

from __future__ import annotations

from typing import Literal

from kvmctl.codec import Text, Uuid
from kvmctl.fields import Model, Update, document, model, policy, state, xml
from kvmctl.models.permissions import Permissions
from kvmctl.models.pool_source import PoolSource
from kvmctl.models.profiled import Profiled

_MOVES = "the pool's volumes are there; define a second pool and move them"


@model(keys=(("name",),))
class ConfigOption(Model):
    """An option of Ceph's client library."""

    name: str | None = xml("@name", required=True, doc="Name of the option, such as client_mount_timeout.")
    value: str | None = xml("@value", required=True, doc="Value of the option.")


@model()
class StoragePool(Profiled):
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
    permissions: Permissions | None = xml(
        "target/permissions", doc="Permissions of the pool's folder, set when it is built (dir, fs, netfs)."
    )
    cow: bool | None = xml(
        "features/cow/@state", since="6.6.0",
        doc="Whether files of the pool are written elsewhere when they change, on btrfs (dir, fs). False suits images.",
    )  # fmt: skip
    mount_opts: tuple[str, ...] | None = xml(
        "fs:mount_opts/fs:option/@name", since="5.1.0",
        doc="Options for mounting, such as noatime (fs, netfs); complete when given.",
    )  # fmt: skip
    config_opts: tuple[ConfigOption, ...] | None = xml(
        "rbd:config_opts/rbd:option", since="5.1.0",
        doc="Options of Ceph's client library (rbd); complete when given.",
    )  # fmt: skip
    refresh_allocation: Literal["default", "capacity"] | None = xml(
        "refresh/volume/@allocation", since="5.2.0",
        doc="How a volume's allocation is found out: asked of the storage, or taken to be its capacity, which is faster (rbd).",
    )  # fmt: skip
    xml: str | None = document(
        doc="Whatever has no field of its own: a partial libvirt document of the pool, merged last by the keys of its elements."
    )
