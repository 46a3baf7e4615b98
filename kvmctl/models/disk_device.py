"""A disk as a machine's device (libvirt: docs/formatdomain, "Hard drives, floppy disks, CDROMs")."""

from __future__ import annotations

from typing import Literal

from kvmctl.codec import ON_OFF, PRESENCE, Integer, Text
from kvmctl.fields import Model, Update, model, policy, xml

_PATH = Text(r"/.+", "an absolute path on the host, starting with /")


@model(keys=(("target",),))
class DiskDevice(Model):
    """One disk of a machine."""

    target: str | None = xml(
        "target/@dev", codec=Text(r"(vd|sd|hd|fd|xvd|ubd)[a-z]{1,3}", "a device name such as vda, sda, hdc or fda"), required=True,
        doc="Name of the device in the definition (vda, sda, hdc); the guest may name it otherwise.",
    )  # fmt: skip
    device: Literal["disk", "cdrom", "floppy", "lun"] | None = xml(
        "@device", absent="disk", default="disk", update=Update.REPLUG, doc="What the guest sees."
    )
    bus: Literal["virtio", "sata", "scsi", "ide", "usb", "fdc", "sd", "xen", "nvme"] | None = xml(
        "target/@bus",
        update=Update.REPLUG,
        doc="Bus that the disk is on; libvirt guesses it from the target's name.",
    )
    disk: str | None = policy(
        refers="disk",
        update=Update.REPLUG,
        doc="Name of the Disk that this device holds; its path and format follow from it.",
    )
    file: str | None = xml(
        "source/@file", codec=_PATH, implies=(("@type", "file"),), clears=("source",), update=Update.REPLUG,
        doc="Path on the host of an image file, where no Disk is managed for it.",
    )  # fmt: skip
    block: str | None = xml(
        "source/@dev", codec=_PATH, implies=(("@type", "block"),), clears=("source",), update=Update.REPLUG,
        doc="Path on the host of a block device.",
    )  # fmt: skip
    format: str | None = xml(
        "driver/@type", codec=Text(r"[a-z0-9]+", "a format such as raw or qcow2"), implies=(("driver/@name", "qemu"),), update=Update.REPLUG,
        doc="Format of the image; never guessed, because guessing lets a guest choose which files the host opens.",
    )  # fmt: skip
    cache: Literal["default", "none", "writethrough", "writeback", "directsync", "unsafe"] | None = xml(
        "driver/@cache", update=Update.REPLUG, doc="Host page cache policy of this disk."
    )
    io: Literal["threads", "native", "io_uring"] | None = xml(
        "driver/@io", update=Update.REPLUG, doc="How the emulator issues the disk's I/O."
    )
    discard: Literal["ignore", "unmap"] | None = xml(
        "driver/@discard", update=Update.REPLUG, doc="Whether the guest's discards free space on the host."
    )
    detect_zeroes: Literal["off", "on", "unmap"] | None = xml(
        "driver/@detect_zeroes", update=Update.REPLUG, doc="Whether written zeroes are stored as holes."
    )
    copy_on_read: bool | None = xml(
        "driver/@copy_on_read",
        codec=ON_OFF,
        update=Update.REPLUG,
        doc="Whether what is read from the backing file is kept.",
    )
    serial: str | None = xml(
        "serial",
        codec=Text(r"[A-Za-z0-9_.+ -]+", "text of letters, digits, spaces and _ . + -"),
        update=Update.REPLUG,
        doc="Serial number that the guest sees.",
    )
    boot_order: int | None = xml(
        "boot/@order",
        codec=Integer(1, 999),
        update=Update.REPLUG,
        doc="Place in the boot order; can't be mixed with `os.boot`.",
    )
    readonly: bool | None = xml(
        "readonly",
        codec=PRESENCE,
        absent=False,
        update=Update.REPLUG,
        doc="Whether the guest can't write; always so for a CD-ROM.",
    )
    shareable: bool | None = xml(
        "shareable",
        codec=PRESENCE,
        absent=False,
        update=Update.REPLUG,
        doc="Whether several machines may use the disk at once.",
    )
