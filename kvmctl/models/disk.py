"""A disk: a volume of a storage pool (libvirt: docs/formatstorage, "Storage volume XML")."""

from __future__ import annotations

from typing import Literal

from kvmctl.codec import Size, Text
from kvmctl.fields import Model, Update, model, policy, xml

# libvirt hands sizes to qemu-img in KiB, rounded up (libvirt 9.0: storage_util.c, virStorageBackendCreateQemuImgCmdFromVol).
_SIZE = Size(multiple=512, grain=1024)


@model()
class DiskSource(Model):
    """What a new disk is filled with; looked at on creation only."""

    path: str | None = policy(doc="Image file, relative to the manifest.")
    disk: str | None = policy(refers="disk", doc="Another Disk, copied whole.")
    format: (
        Literal["raw", "qcow2", "vmdk", "vdi", "vhdx", "vpc", "qed", "parallels", "dmg", "bochs", "cloop"] | None
    ) = policy(doc="Format of the source; never guessed. Follows from the Disk when `disk` is given.")
    sha256: str | None = policy(
        codec=Text(r"[0-9a-fA-F]{64}", "a SHA-256 of 64 hexadecimal digits"),
        doc="SHA-256 of the source file; nothing is used before it matches.",
    )


@model(short=("disk",))
class Backing(Model):
    """The image that holds what this disk hasn't written itself."""

    disk: str | None = policy(refers="disk", doc="Name of the Disk below this one.")
    path: str | None = xml(
        "path",
        codec=Text(r"/.+", "an absolute path on the host, starting with /"),
        update=Update.REFUSED,
        reason="a backing file is changed by a rebase, which kvmctl does not do here",
        doc="Path on the host of the image below this one.",
    )
    format: str | None = xml(
        "format/@type",
        codec=Text(r"[a-z0-9]+", "a format such as raw or qcow2"),
        update=Update.REFUSED,
        reason="the backing file's format is recorded in the image; kvmctl does not rewrite it",
        doc="Format of the image below; required with `path`.",
    )


@model()
class Disk(Model):
    """A disk: a volume of a storage pool, named by metadata.name."""

    pool: str | None = policy(required=True, refers="pool", doc="Name of the StoragePool that holds the disk.")
    size: int | None = xml(
        "capacity", codec=_SIZE, xml_unit="bytes", update=Update.LIVE,
        doc="Size that a guest sees (the virtual size). Growing is done in place, under a running guest too; shrinking is refused.",
    )  # fmt: skip
    format: Literal["raw", "qcow2", "vmdk", "vdi", "qed", "vpc", "bochs", "cloop", "dmg", "iso"] | None = xml(
        "target/format/@type", initial="raw", update=Update.REFUSED,
        reason="changing the format means copying the image; make a second Disk with this one as source.disk",
        doc="Format of the image. raw is the fastest and has no features; qcow2 grows on demand and carries snapshots and backing files.",
    )  # fmt: skip
    source: DiskSource | None = policy(
        update=Update.REFUSED, reason="an existing disk is never filled anew; give the new content a Disk of its own",
        doc="What a new disk is filled with; empty when omitted. kvmctl records it on the host, and refuses another one later.",
    )  # fmt: skip
    backing: Backing | None = xml(
        "backingStore",
        doc="The image below this one; a bare name is a Disk. The disk then holds only what differs.",
    )
