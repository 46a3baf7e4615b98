"""Where a disk's content is, in a file, a pool, on a server (libvirt: docs/formatdomain, "Hard drives", `source`).

A disk and each image below it have the same rows: a file or a block device beside them, all else in `source`. What a
source is decides the element's @type, so the row that tells it sets that, and empties the source first.
"""

from __future__ import annotations

from typing import Any, Literal

from kvmctl.codec import ByteCount, Integer, PciPlace, Text
from kvmctl.fields import Model, Update, model, xml
from kvmctl.models.credentials import Auth
from kvmctl.models.encryption import Encryption
from kvmctl.models.seclabel import SourceSeclabel

PATH = Text(r"/.+", "an absolute path on the host, starting with /")
# Hyper-V's and VMware's hosts name their files otherwise: X:\disk.vhdx, [datastore] web1/disk.vmdk.
_FILE = Text(r"(/|[A-Za-z]:\\|\[).+", "an absolute path on the host, starting with /")


def file_row(**more: Any) -> Any:
    """Return the declaration of a file as the source."""
    return xml(
        "source/@file", codec=_FILE, implies=(("@type", "file"),), clears=("source",),
        doc="Path on the host of an image file, where no Disk is managed for it.", **({} if "live" in more else {"update": Update.REPLUG}), **more,
    )  # fmt: skip


def block_row(**more: Any) -> Any:
    """Return the declaration of a block device as the source."""
    return xml(
        "source/@dev", codec=PATH, implies=(("@type", "block"),), clears=("source",),
        doc="Path on the host of a block device.", **({} if "live" in more else {"update": Update.REPLUG}), **more,
    )  # fmt: skip


@model(keys=(("name", "port"), ("name",), ("socket",)))
class StorageHost(Model):
    """A server of network storage."""

    name: str | None = xml("@name", update=Update.REPLUG, doc="Name or address of the server.")
    port: int | None = xml(
        "@port", codec=Integer(1, 65535), update=Update.REPLUG, doc="Port; the protocol's own when omitted."
    )
    transport: Literal["tcp", "rdma", "unix"] | None = xml(
        "@transport", update=Update.REPLUG, doc="How the server is reached; tcp when omitted."
    )
    socket: str | None = xml(
        "@socket", codec=PATH, update=Update.REPLUG, doc="Path of the server's socket, with transport unix."
    )


@model()
class NfsIdentity(Model):
    """As whom files are opened on an NFS server."""

    user: str | None = xml("@user", update=Update.REPLUG, doc="Name of the user, or its number behind a +.")
    group: str | None = xml("@group", update=Update.REPLUG, doc="Name of the group, or its number behind a +.")


@model()
class StorageReconnect(Model):
    """Whether a lost connection to a socket is made anew."""

    enabled: bool | None = xml("@enabled", required=True, update=Update.REPLUG, doc="Whether it is made anew.")
    timeout: int | None = xml(
        "@timeout", codec=Integer(0, 2**32 - 1), update=Update.REPLUG, doc="How long to wait before, in seconds."
    )


@model(short=("managed",))
class Reservations(Model):
    """Persistent reservations of a SCSI disk."""

    managed: bool | None = xml(
        "@managed", required=True, update=Update.REPLUG, doc="Whether libvirt runs the helper that makes them."
    )
    path: str | None = xml(
        "source/@path", codec=PATH, implies=(("source/@type", "unix"), ("source/@mode", "client")), update=Update.REPLUG,
        doc="Path of the socket of a helper that somebody else runs.",
    )  # fmt: skip


@model()
class Slice(Model):
    """The part of a file or device that holds the image."""

    offset: int | None = xml(
        "@offset", codec=ByteCount(), required=True, update=Update.REPLUG, doc="Where it begins, in bytes."
    )
    size: int | None = xml(
        "@size", codec=ByteCount(1), required=True, update=Update.REPLUG, doc="How long it is, in bytes."
    )


_PROTOCOL = Literal[
    "nbd", "rbd", "iscsi", "gluster", "sheepdog", "http", "https", "ftp", "ftps", "tftp", "ssh", "nfs", "vxhs"
]


@model()
class StorageSource(Model):
    """A source that isn't a plain file or device: a pool's volume, network storage, NVMe, a folder; and its details."""

    # Those that say what it is come first: each of them empties the source.
    pool: str | None = xml(
        "source/@pool", implies=(("@type", "volume"),), clears=("source",), refers="pool", loose=True,
        update=Update.REPLUG, doc="Name of the StoragePool that the volume is in.",
    )  # fmt: skip
    protocol: _PROTOCOL | None = xml(
        "source/@protocol", implies=(("@type", "network"),), clears=("source",), update=Update.REPLUG,
        doc="Protocol of network storage.",
    )  # fmt: skip
    dir: str | None = xml(
        "source/@dir", codec=PATH, implies=(("@type", "dir"),), clears=("source",), update=Update.REPLUG,
        doc="Path on the host of a folder that the guest sees as a FAT disk, with format fat.",
    )  # fmt: skip
    nvme: str | None = xml(
        "source/address", codec=PciPlace(), implies=(("@type", "nvme"), ("source/@type", "pci")), clears=("source",),
        update=Update.REPLUG, since="6.0.0", doc="PCI address on the host of an NVMe controller.",
    )  # fmt: skip
    vhostuser: str | None = xml(
        "source/@path", codec=PATH, implies=(("@type", "vhostuser"), ("source/@type", "unix")), clears=("source",),
        update=Update.REPLUG, since="7.1.0", doc="Path of the socket of a program that serves the whole disk (vhost-user).",
    )  # fmt: skip
    volume: str | None = xml(
        "source/@volume", refers="disk", loose=True, update=Update.REPLUG,
        doc="Name of a volume of `pool`, looked up by libvirt at each start. The format of a new device follows from the Disk of that name.",
    )  # fmt: skip
    mode: Literal["host", "direct"] | None = xml(
        "source/@mode", update=Update.REPLUG, since="1.1.1",
        doc="How a volume of an iSCSI pool is reached: as the host's device, or by the emulator itself.",
    )  # fmt: skip
    namespace: int | None = xml(
        "source/@namespace", codec=Integer(1, 2**32 - 1), update=Update.REPLUG, since="6.0.0",
        doc="Number of the namespace of the NVMe controller.",
    )  # fmt: skip
    managed: bool | None = xml(
        "source/@managed", default=True, update=Update.REPLUG, since="6.0.0",
        doc="Whether libvirt takes the NVMe controller from the host at start and gives it back.",
    )  # fmt: skip
    reconnect: StorageReconnect | None = xml(
        "source/reconnect", update=Update.REPLUG, since="7.1.0",
        doc="Whether a lost connection to the vhost-user program is made anew.",
    )  # fmt: skip
    name: str | None = xml(
        "source/@name", update=Update.REPLUG,
        doc="What the server calls it: an export, a pool and image, a target with its unit, a path.",
    )  # fmt: skip
    query: str | None = xml(
        "source/@query", update=Update.REPLUG, since="6.2.0", doc="Query string behind the path of an HTTP server."
    )
    hosts: tuple[StorageHost, ...] | None = xml(
        "source/host", update=Update.REPLUG, doc="Servers of network storage; complete when given."
    )
    tls: bool | None = xml(
        "source/@tls", update=Update.REPLUG, since="3.8.0", doc="Whether the connection is encrypted (nbd, vxhs)."
    )
    tls_hostname: str | None = xml(
        "source/@tlsHostname", update=Update.REPLUG, since="8.2.0",
        doc="Name that the NBD server's certificate has to have, where it isn't the host's.",
    )  # fmt: skip
    ssl_verify: bool | None = xml(
        "source/ssl/@verify", update=Update.REPLUG, since="6.2.0",
        doc="Whether the certificate of an HTTPS or FTPS server is checked.",
    )  # fmt: skip
    readahead: int | None = xml(
        "source/readahead/@size", codec=ByteCount(1), update=Update.REPLUG, since="6.2.0",
        doc="How much is read ahead of an HTTP or FTP server.",
    )  # fmt: skip
    timeout: int | None = xml(
        "source/timeout/@seconds", codec=Integer(1), update=Update.REPLUG, since="6.2.0",
        doc="How long the connection to an HTTP or FTP server may take, in seconds.",
    )  # fmt: skip
    snapshot: str | None = xml(
        "source/snapshot/@name", update=Update.REPLUG, since="1.2.11", doc="Snapshot of an RBD image to read."
    )
    config: str | None = xml(
        "source/config/@file", codec=PATH, update=Update.REPLUG, since="1.2.11",
        doc="Path on the host of the configuration of Ceph's client.",
    )  # fmt: skip
    initiator: str | None = xml(
        "source/initiator/iqn/@name", update=Update.REPLUG, since="4.7.0",
        doc="Name (IQN) that the emulator has towards the iSCSI target.",
    )  # fmt: skip
    identity: NfsIdentity | None = xml(
        "source/identity", update=Update.REPLUG, since="7.0.0", doc="As whom files are opened on an NFS server."
    )
    auth: Auth | None = xml(
        "source/auth", update=Update.REPLUG, since="3.9.0", doc="Who logs in at the server (rbd, iscsi)."
    )
    encryption: Encryption | None = xml(
        "source/encryption", update=Update.REPLUG, since="3.9.0", doc="How the content is encrypted."
    )
    startup_policy: Literal["mandatory", "requisite", "optional"] | None = xml(
        "source/@startupPolicy", update=Update.REPLUG,
        doc="What a missing source does: the start fails, it fails but for migration and restore, or the disk is left out.",
    )  # fmt: skip
    fdgroup: str | None = xml(
        "source/@fdgroup", update=Update.REPLUG, since="9.0.0",
        doc="Name under which a program hands libvirt the open file.",
    )  # fmt: skip
    reservations: Reservations | None = xml(
        "source/reservations", update=Update.REPLUG, since="4.4.0",
        doc="Persistent reservations of a SCSI disk; a bare true lets libvirt run the helper.",
    )  # fmt: skip
    slice: Slice | None = xml(
        "source/slices/slice[@type=storage]", update=Update.REPLUG, since="6.1.0",
        doc="The part of the file or device that holds the image.",
    )  # fmt: skip
    seclabels: tuple[SourceSeclabel, ...] | None = xml(
        "source/seclabel", update=Update.REPLUG,
        doc="Labels of security drivers for this source alone; complete when given.",
    )  # fmt: skip
