"""Folders of the host that the guest mounts (libvirt: docs/formatdomain, "Filesystems")."""

from __future__ import annotations

from typing import Literal

from kvmctl.codec import ON_OFF, PRESENCE, FileMode, Integer, Size, Text
from kvmctl.fields import Model, Update, model, xml
from kvmctl.models.device import Device, Indexed
from kvmctl.models.virtio import VirtioOptions

_PATH = Text(r"/.*", "an absolute path on the host, starting with /")
_BITS = FileMode()


@model()
class VirtiofsBinary(Model):
    """How the virtiofs daemon of a folder is run."""

    path: str | None = xml(
        "@path", codec=_PATH, update=Update.REPLUG, since="6.2.0", doc="Path on the host of the daemon."
    )
    xattr: bool | None = xml(
        "@xattr", codec=ON_OFF, update=Update.REPLUG, since="6.2.0", doc="Whether extended attributes are passed on."
    )
    cache: Literal["none", "always"] | None = xml(
        "cache/@mode", update=Update.REPLUG, since="6.2.0", doc="What the guest may cache."
    )
    sandbox: Literal["namespace", "chroot"] | None = xml(
        "sandbox/@mode", update=Update.REPLUG, since="7.2.0", doc="How the daemon is locked in."
    )
    posix_lock: bool | None = xml(
        "lock/@posix", codec=ON_OFF, update=Update.REPLUG, since="6.2.0", doc="Whether POSIX locks reach the host."
    )
    flock: bool | None = xml(
        "lock/@flock", codec=ON_OFF, update=Update.REPLUG, since="6.2.0", doc="Whether BSD locks reach the host."
    )
    thread_pool: int | None = xml(
        "thread_pool/@size", codec=Integer(0, 2**31 - 1), update=Update.REPLUG, since="8.5.0",
        doc="How many threads the daemon has at most; 0: none beside its own.",
    )  # fmt: skip


@model(keys=(("target",),))
class Filesystem(VirtioOptions, Device, Indexed):
    """A folder of the host that the guest mounts."""

    target: str | None = xml(
        "target/@dir", update=Update.REPLUG,
        doc="Tag by which the guest mounts it; for containers the path that it is mounted at.",
    )  # fmt: skip
    type: Literal["mount", "template", "file", "block", "ram", "bind"] | None = xml(
        "@type", initial="mount", default="mount", update=Update.REPLUG,
        doc="What is mounted: a folder (mount) for virtual machines; the others are for containers.",
    )  # fmt: skip
    driver: Literal["path", "handle", "virtiofs", "loop", "nbd", "ploop"] | None = xml(
        "driver/@type", update=Update.REPLUG, doc="How it is offered: by 9p (path, the default) or by virtiofs."
    )
    dir: str | None = xml(
        "source/@dir", codec=_PATH, clears=("source",), update=Update.REPLUG, doc="Path on the host of the folder."
    )
    socket: str | None = xml(
        "source/@socket", codec=_PATH, clears=("source",), update=Update.REPLUG, since="6.2.0",
        doc="Path of the socket of a virtiofs daemon that somebody else runs.",
    )  # fmt: skip
    file: str | None = xml(
        "source/@file", codec=_PATH, implies=(("@type", "file"),), clears=("source",), update=Update.REPLUG,
        doc="Path on the host of an image that a container mounts.",
    )  # fmt: skip
    block: str | None = xml(
        "source/@dev", codec=_PATH, implies=(("@type", "block"),), clears=("source",), update=Update.REPLUG,
        doc="Path on the host of a block device that a container mounts.",
    )  # fmt: skip
    template: str | None = xml(
        "source/@name", implies=(("@type", "template"),), clears=("source",), update=Update.REPLUG,
        doc="Name of a template of OpenVZ.",
    )  # fmt: skip
    usage: int | None = xml(
        "source/@usage", codec=Integer(1), implies=(("@type", "ram"),), clears=("source",), update=Update.REPLUG,
        doc="Size in KiB of a file system in memory, for a container.",
    )  # fmt: skip
    accessmode: Literal["passthrough", "mapped", "squash"] | None = xml(
        "@accessmode", default="passthrough", update=Update.REPLUG,
        doc="With whose rights files are opened: the guest's users' (passthrough, squash) or the emulator's (mapped).",
    )  # fmt: skip
    multidevs: Literal["default", "remap", "forbid", "warn"] | None = xml(
        "@multidevs", update=Update.REPLUG, since="6.3.0",
        doc="What 9p does about a folder that spans several file systems.",
    )  # fmt: skip
    fmode: str | None = xml(
        "@fmode", codec=_BITS, update=Update.REPLUG, since="6.10.0",
        doc="Permissions of new files with accessmode mapped; 600 when omitted.",
    )  # fmt: skip
    dmode: str | None = xml(
        "@dmode", codec=_BITS, update=Update.REPLUG, since="6.10.0",
        doc="Permissions of new folders with accessmode mapped; 700 when omitted.",
    )  # fmt: skip
    readonly: bool | None = xml(
        "readonly", codec=PRESENCE, absent=False, update=Update.REPLUG, doc="Whether the guest can't write."
    )
    space_hard_limit: int | None = xml(
        "space_hard_limit", codec=Size(), xml_unit="bytes", update=Update.REPLUG,
        doc="How much a container may store at most.",
    )  # fmt: skip
    space_soft_limit: int | None = xml(
        "space_soft_limit", codec=Size(), xml_unit="bytes", update=Update.REPLUG,
        doc="How much a container may store for long.",
    )  # fmt: skip
    binary: VirtiofsBinary | None = xml(
        "binary", update=Update.REPLUG, since="6.2.0", doc="How the virtiofs daemon is run."
    )
    queue: int | None = xml(
        "driver/@queue", codec=Integer(1, 2**31 - 1), update=Update.REPLUG, since="6.2.0",
        doc="How many requests to virtiofs may wait.",
    )  # fmt: skip
    wrpolicy: Literal["immediate"] | None = xml(
        "driver/@wrpolicy",
        update=Update.REPLUG,
        doc="With immediate, what the guest writes with 9p goes to the disk at once.",
    )
    format: str | None = xml("driver/@format", update=Update.REPLUG, doc="Format of the image that a container mounts.")
    model: Literal["virtio", "virtio-transitional", "virtio-non-transitional"] | None = xml(
        "@model", update=Update.REPLUG, since="5.2.0", doc="Generation of virtio that the guest sees."
    )
    boot_order: int | None = xml(
        "boot/@order", codec=Integer(1, 999), update=Update.REPLUG,
        doc="Place in the boot order (virtiofs); can't be mixed with `os.boot`.",
    )  # fmt: skip
