"""A disk: a volume of a storage pool (libvirt: docs/formatstorage, "Storage volume XML")."""

from __future__ import annotations

from typing import Literal

from kvmctl.codec import PRESENCE, FileMode, Integer, Size, Text
from kvmctl.fields import Model, Update, model, policy, xml
from kvmctl.models.disk_encryption import DiskEncryption
from kvmctl.models.profiled import Profiled

# libvirt hands sizes to qemu-img in KiB, rounded up (libvirt 9.0: storage_util.c, virStorageBackendCreateQemuImgCmdFromVol).
# A folder within a pool is a volume of 0 bytes.
_SIZE = Size(minimum=0, multiple=512, grain=1024)
_FIXED = "an image has it from when it was made; make a second Disk with this one as source.disk"
_OWNED = "libvirt changes no permissions of what exists; change them on the host with chmod, chown or chcon"
_ID = Integer(0, 2**32 - 2)


@model()
class SourceVolume(Model):
    """A volume of a pool, which need not be a Disk of any manifest."""

    pool: str | None = policy(refers="pool", required=True, doc="Name of the StoragePool that holds it.")
    name: str | None = policy(required=True, doc="Name of the volume in the pool.")


@model()
class DiskSource(Model):
    """What a new disk is filled with; looked at on creation only."""

    path: str | None = policy(doc="Image file, relative to the manifest.")
    url: str | None = policy(
        codec=Text(
            r"https?://[^\s@/?#]+(?:/\S*)?", "an address that starts with https:// or http://, without a password"
        ),
        doc="Address of an image file. It is fetched once and kept in `~/.cache/kvmctl` (or XDG_CACHE_HOME) for all Disks; with http:// a checksum is needed, unless the server is this machine.",
    )
    disk: str | None = policy(refers="disk", doc="Another Disk, copied whole.")
    volume: SourceVolume | None = policy(doc="A volume that is no Disk of the manifests, copied whole.")
    format: (
        Literal["raw", "qcow2", "vmdk", "vdi", "vhdx", "vpc", "qed", "parallels", "dmg", "bochs", "cloop"] | None
    ) = policy(doc="Format of the source; never guessed. Follows from the Disk when `disk` is given.")
    archive: Literal["none", "xz", "gz", "zst"] | None = policy(
        doc="How the file at `path` or `url` is packed. Omitted: as its name ends, .xz, .gz, .zst, else not at all.",
    )
    sha256: str | None = policy(
        codec=Text(r"[0-9a-fA-F]{64}", "a SHA-256 of 64 hexadecimal digits"),
        doc="SHA-256 of the source file, packed as it is; nothing is used before it matches.",
    )
    sha512: str | None = policy(
        codec=Text(r"[0-9a-fA-F]{128}", "a SHA-512 of 128 hexadecimal digits"),
        doc="SHA-512 of the source file, packed as it is; nothing is used before it matches.",
    )
    checksums: str | None = policy(
        doc="Address or path, relative to the manifest, of a file that lists the checksum beside the source's name, such as SHA256SUMS.",
    )


@model(short=("disk",))
class Backing(Model):
    """The image that holds what this disk hasn't written itself."""

    disk: str | None = policy(refers="disk", doc="Name of the Disk below this one.")
    path: str | None = xml(
        "path",
        codec=Text(r"/.+", "an absolute path on the host, starting with /"),
        update=Update.NONE,
        doc="Path on the host of the image below this one. Another one is put below while no machine runs on the disk.",
    )
    format: str | None = xml(
        "format/@type",
        codec=Text(r"[a-z0-9]+", "a format such as raw or qcow2"),
        update=Update.NONE,
        doc="Format of the image below; required with `path`.",
    )


@model()
class DiskPermissions(Model):
    """Who owns the file of a new disk, and who may read it; libvirt gives it to the guest's user while one runs."""

    mode: str | None = xml(
        "mode",
        codec=FileMode(),
        doc='Permission bits in octal, in quotes: "0600".',
        update=Update.REFUSED,
        reason=_OWNED,
    )
    owner: int | None = xml(
        "owner", codec=_ID, doc="Number of the user that it belongs to.", update=Update.REFUSED, reason=_OWNED
    )
    group: int | None = xml(
        "group", codec=_ID, doc="Number of the group that it belongs to.", update=Update.REFUSED, reason=_OWNED
    )
    label: str | None = xml(
        "label", doc="SELinux label; kept by hosts with SELinux only.", update=Update.REFUSED, reason=_OWNED
    )


@model()
class DiskFeatures(Model):
    """Features of the image format (qcow2)."""

    lazy_refcounts: bool | None = xml(
        "lazy_refcounts", codec=PRESENCE, absent=False,
        doc="Whether reference counts are written late: faster, and checked after a crash.", update=Update.REFUSED, reason=_FIXED,
    )  # fmt: skip
    extended_l2: bool | None = xml(
        "extended_l2", codec=PRESENCE, absent=False,
        doc="Whether clusters have parts that are allocated by themselves; suits large clusters.", update=Update.REFUSED, reason=_FIXED,
    )  # fmt: skip


@model()
class Disk(Profiled):
    """A disk: a volume of a storage pool, named by metadata.name."""

    pool: str | None = policy(
        required=True, refers="pool", update=Update.LIVE,
        doc="Name of the StoragePool that holds the disk. Another one moves the image, under a running guest too.",
    )  # fmt: skip
    size: int | None = xml(
        "capacity", codec=_SIZE, xml_unit="bytes", update=Update.LIVE,
        doc="Size that a guest sees (the virtual size). Growing is done in place, under a running guest too; shrinking is refused.",
    )  # fmt: skip
    format: Literal[
        "raw", "qcow2", "vmdk", "vdi", "qed", "vpc", "bochs", "cloop", "dmg", "iso", "qcow", "cow", "vhd", "fat", "dir",
        "ploop", "luks", "unknown", "none", "linux", "fat16", "fat32", "linux-swap", "linux-lvm", "linux-raid", "extended",
    ] | None = xml(
        "target/format/@type", initial="raw", absent="raw", update=Update.LIVE,
        doc="Format of the image. raw is the fastest and has no features; qcow2 grows on demand and carries snapshots and backing files. Another one converts the image, under a running guest too. In a pool of type disk: what a partition is for.",
    )  # fmt: skip
    allocation: Literal["sparse", "metadata", "full"] | None = policy(
        doc="How much room a new disk takes at once: none, that of its tables (qcow2), or all of its size. Omitted: none in folders, all on devices.",
    )
    compat: Literal["0.10", "1.1"] | None = xml(
        "target/compat",
        doc="Oldest QEMU that opens the image (qcow2): 0.10, or 1.1 with all features, which a new one gets when omitted.", update=Update.REFUSED, reason=_FIXED,
    )  # fmt: skip
    cluster_size: int | None = xml(
        "target/clusterSize", codec=Size(minimum=512, multiple=512), xml_unit="bytes", default=64 * 1024, since="7.4.0",
        doc="Unit in which the image is allocated (qcow2), a power of two from 512B to 2MiB.", update=Update.REFUSED, reason=_FIXED,
    )  # fmt: skip
    compression: Literal["zlib", "zstd"] | None = policy(
        doc="How the content of a file or URL is packed in a new image (qcow2), which gets smaller and slower to read; what guests write is not packed. Only where kvmctl runs on the host of the pool.",
    )
    features: DiskFeatures | None = xml(
        "target/features", doc="Features of the image format (qcow2).", update=Update.REFUSED, reason=_FIXED
    )
    nocow: bool | None = xml(
        "target/nocow", codec=PRESENCE, absent=False,
        doc="Whether a new file is exempt from copy-on-write on btrfs, which is faster; libvirt doesn't tell it of existing ones.", update=Update.REFUSED, reason=_FIXED,
    )  # fmt: skip
    permissions: DiskPermissions | None = xml(
        "target/permissions", doc="Permissions of a new disk's file.", update=Update.REFUSED, reason=_OWNED
    )
    encryption: DiskEncryption | None = xml(
        "target/encryption", update=Update.REFUSED,
        reason="a disk is encrypted when it is made; make a second Disk with this one as source.disk",
        doc="How the content is encrypted; omitted: not at all.",
    )  # fmt: skip
    source: DiskSource | None = policy(
        update=Update.REFUSED, reason="an existing disk is never filled anew; give the new content a Disk of its own",
        doc="What a new disk is filled with; empty when omitted. kvmctl records it on the host, and refuses another one later.",
    )  # fmt: skip
    backing: Backing | None = xml(
        "backingStore", update=Update.LIVE,
        doc="The image below this one; a bare name is a Disk. The disk then holds only what differs. null fills it with what is below.",
    )  # fmt: skip
