"""A disk as a machine's device (libvirt: docs/formatdomain, "Hard drives, floppy disks, CDROMs")."""

from __future__ import annotations

from typing import Literal

from kvmctl.codec import ON_OFF, PRESENCE, EndOfChain, Integer, Size, Text
from kvmctl.fields import Model, Update, model, policy, xml
from kvmctl.live import LiveCall, When
from kvmctl.models.credentials import Auth
from kvmctl.models.device import Device, Indexed
from kvmctl.models.disk_tuning import BlockIo, Geometry, IoTune
from kvmctl.models.encryption import Encryption
from kvmctl.models.storage_source import StorageSource, block_row, file_row
from kvmctl.models.virtio import VirtioOptions

_FORMAT = Text(r"[a-z0-9]+", "a format such as raw or qcow2")
_REMOVABLE = (When.REMOVABLE,)
_TARGET = Text(r"(ioemu:)?(vd|sd|hd|fd|xvd|ubd)[a-z]{1,3}[0-9]{0,2}", "a device name such as vda, sda, hdc or fda")


@model(short=("max_size",))
class MetadataCache(Model):
    """The cache of an image's own tables."""

    max_size: int | None = xml(
        "max_size", codec=Size(), xml_unit="bytes", update=Update.REPLUG, since="7.0.0", doc="How large it may become."
    )


@model(short=("type",))
class BackingImage(Model):
    """One image below a disk."""

    type: str | None = xml(
        ".", codec=EndOfChain(), update=Update.REPLUG,
        doc="Nothing but none, as the last item: the chain ends above. Without it the last image is looked into.",
    )  # fmt: skip
    file: str | None = file_row()
    block: str | None = block_row()
    format: str | None = xml("format/@type", codec=_FORMAT, update=Update.REPLUG, doc="Format of the image.")
    source: StorageSource | None = xml(".", update=Update.REPLUG, doc="The image, where it isn't a file or a device.")
    metadata_cache: MetadataCache | None = xml(
        "format/metadata_cache", update=Update.REPLUG, since="7.0.0", doc="The cache of the image's own tables."
    )


@model(keys=(("target",),))
class DiskDevice(VirtioOptions, Device, Indexed):
    """One disk of a machine."""

    target: str | None = xml(
        "target/@dev", codec=_TARGET, required=True,
        doc="Name of the device in the definition (vda, sda, hdc); the guest may name it otherwise.",
    )  # fmt: skip
    device: Literal["disk", "cdrom", "floppy", "lun"] | None = xml(
        "@device", absent="disk", default="disk", update=Update.REPLUG, doc="What the guest sees."
    )
    type: Literal["file", "block", "dir", "network", "volume", "nvme", "vhostuser"] | None = xml(
        "@type", absent="file", update=Update.REPLUG,
        doc="What holds the content; it follows from the source, and matters by itself for an empty drive only.",
    )  # fmt: skip
    bus: Literal["virtio", "sata", "scsi", "ide", "usb", "fdc", "sd", "xen", "nvme", "uml"] | None = xml(
        "target/@bus",
        update=Update.REPLUG,
        doc="Bus that the disk is on; libvirt guesses it from the target's name.",
    )
    disk: str | None = policy(
        refers="disk",
        live=LiveCall.MEDIUM,
        when=_REMOVABLE,
        doc="Name of the Disk that this device holds; its path and format follow from it.",
    )
    file: str | None = file_row(live=LiveCall.MEDIUM, when=_REMOVABLE)
    block: str | None = block_row(live=LiveCall.MEDIUM, when=_REMOVABLE)
    format: str | None = xml(
        "driver/@type", codec=_FORMAT, implies=(("driver/@name", "qemu"),), update=Update.REPLUG,
        doc="Format of the image; never guessed, because guessing lets a guest choose which files the host opens.",
    )  # fmt: skip
    source: StorageSource | None = xml(
        ".",
        update=Update.REPLUG,
        doc="What holds the content, where it isn't a Disk, a file or a device; and its details.",
    )
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
    error_policy: Literal["stop", "report", "ignore", "enospace"] | None = xml(
        "driver/@error_policy", update=Update.REPLUG,
        doc="What an error of the host does: the guest stops, is told, isn't told, or stops when the host is full.",
    )  # fmt: skip
    rerror_policy: Literal["stop", "report", "ignore"] | None = xml(
        "driver/@rerror_policy",
        update=Update.REPLUG,
        doc="What an error of reading does; as `errorPolicy` when omitted.",
    )
    ioeventfd: bool | None = xml(
        "driver/@ioeventfd", codec=ON_OFF, update=Update.REPLUG,
        doc="Whether a thread of its own takes the guest's requests.",
    )  # fmt: skip
    event_idx: bool | None = xml(
        "driver/@event_idx", codec=ON_OFF, update=Update.REPLUG, doc="Whether virtio leaves out needless interrupts."
    )
    iothread: int | None = xml(
        "driver/@iothread", codec=Integer(1, 2**32 - 1), update=Update.REPLUG, since="1.2.8",
        doc="Number of the I/O thread that serves the disk.",
    )  # fmt: skip
    queues: int | None = xml(
        "driver/@queues", codec=Integer(1, 2**32 - 1), update=Update.REPLUG, since="3.9.0",
        doc="How many queues a virtio disk has.",
    )  # fmt: skip
    queue_size: int | None = xml(
        "driver/@queue_size", codec=Integer(1, 2**32 - 1), update=Update.REPLUG, since="7.8.0",
        doc="How many requests a queue of a virtio disk holds; a power of two.",
    )  # fmt: skip
    metadata_cache: MetadataCache | None = xml(
        "driver/metadata_cache", update=Update.REPLUG, since="7.0.0", doc="The cache of a qcow2 image's own tables."
    )
    backing_chain: tuple[BackingImage, ...] | None = xml(
        "backingStore", nested=True, volatile=True, update=Update.REPLUG, since="1.2.4",
        doc="The images below this one, from the uppermost down, instead of those that the images name; complete when given.",
    )  # fmt: skip
    serial: str | None = xml(
        "serial",
        codec=Text(r"[A-Za-z0-9_.+ -]+", "text of letters, digits, spaces and _ . + -"),
        update=Update.REPLUG,
        doc="Serial number that the guest sees.",
    )
    wwn: str | None = xml(
        "wwn", codec=Text(r"(0x)?[0-9a-fA-F]{16}", "16 hexadecimal digits in quotes"), update=Update.REPLUG,
        doc="World-wide name that the guest sees (SCSI, IDE, SATA).",
    )  # fmt: skip
    vendor: str | None = xml(
        "vendor", codec=Text(r"[ -~]{1,8}", "at most 8 printable characters"), update=Update.REPLUG, since="1.0.1",
        doc="Vendor that the guest sees of a SCSI disk.",
    )  # fmt: skip
    product: str | None = xml(
        "product", codec=Text(r"[ -~]{1,16}", "at most 16 printable characters"), update=Update.REPLUG, since="1.0.1",
        doc="Product that the guest sees of a SCSI disk.",
    )  # fmt: skip
    rotation_rate: int | None = xml(
        "target/@rotation_rate", codec=Integer(1, 65534), update=Update.REPLUG, since="7.3.0",
        doc="Turns per minute that the guest sees; 1: a disk that doesn't turn (SCSI, IDE, SATA).",
    )  # fmt: skip
    removable: bool | None = xml(
        "target/@removable", codec=ON_OFF, update=Update.REPLUG, since="1.1.3",
        doc="Whether a USB disk shows itself as removable.",
    )  # fmt: skip
    tray: Literal["open", "closed"] | None = xml(
        "target/@tray", absent="closed", volatile=True, update=Update.REPLUG, doc="Tray of a drive; the guest moves it."
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
    loadparm: str | None = xml(
        "boot/@loadparm", codec=Text(r"[A-Za-z0-9. ]{1,8}", "1 to 8 letters, digits, dots and spaces"),
        update=Update.REPLUG, since="3.5.0", doc="Boot entry that an S/390 guest picks.",
    )  # fmt: skip
    share_backing: bool | None = xml(
        "transient/@shareBacking", absent=False, update=Update.REPLUG, since="7.4.0",
        doc="Whether several machines may run on the content of a transient disk at once.",
    )  # fmt: skip
    transient: bool | None = xml(
        "transient", codec=PRESENCE, absent=False, update=Update.REPLUG,
        doc="Whether what the guest writes is dropped when it stops.",
    )  # fmt: skip
    snapshot: Literal["no", "internal", "external", "manual"] | None = xml(
        "@snapshot", update=Update.REPLUG, doc="What a snapshot of the machine does with this disk by default."
    )
    iotune: IoTune | None = xml("iotune", live=LiveCall.IOTUNE, doc="Limits of the disk's I/O.")
    geometry: Geometry | None = xml("geometry", update=Update.REPLUG, doc="Geometry that the guest's BIOS reports.")
    blockio: BlockIo | None = xml("blockio", update=Update.REPLUG, doc="Sizes of blocks that the guest is told.")
    encryption: Encryption | None = xml(
        "encryption", update=Update.REPLUG,
        doc="How the content is encrypted, at the place that libvirt had for it before 3.9; `source.encryption` is better.",
    )  # fmt: skip
    auth: Auth | None = xml(
        "auth", update=Update.REPLUG,
        doc="Who logs in at the server, at the place that libvirt had for it before 3.9; `source.auth` is better.",
    )  # fmt: skip
    sgio: Literal["filtered", "unfiltered"] | None = xml(
        "@sgio", update=Update.REPLUG, since="1.0.2", doc="Whether the guest's SCSI commands to a lun are filtered."
    )
    rawio: bool | None = xml(
        "@rawio", update=Update.REPLUG, doc="Whether the emulator may send raw SCSI commands to a lun."
    )
    model: Literal["virtio", "virtio-transitional", "virtio-non-transitional"] | None = xml(
        "@model", update=Update.REPLUG, since="5.2.0", doc="Generation of virtio that the guest sees."
    )
    backend_domain: str | None = xml(
        "backenddomain/@name", update=Update.REPLUG, since="1.2.13", doc="Domain of Xen that serves the disk."
    )
