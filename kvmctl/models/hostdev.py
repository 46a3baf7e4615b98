"""Devices of the host that are given to the guest (libvirt: docs/formatdomain, "Host device assignment")."""

from __future__ import annotations

from typing import Literal

from kvmctl.codec import ON_OFF, PRESENCE, DeviceAddress, HostScsi, HostUsb, Integer, PciPlace, Text, Uuid
from kvmctl.fields import Update, model, xml
from kvmctl.models.credentials import Auth
from kvmctl.models.device import Device, Indexed
from kvmctl.models.rom import Rom
from kvmctl.models.storage_source import StorageHost

_PATH = Text(r"/.+", "an absolute path on the host, starting with /")
_SUBSYSTEM = ("@mode", "subsystem")
_CAPABILITIES = ("@mode", "capabilities")


@model(
    keys=(
        ("pci",), ("usb",), ("mdev",), ("scsi",), ("iscsi",), ("scsi_host",), ("storage",), ("misc",), ("net",),
    )
)  # fmt: skip
class Hostdev(Device, Indexed):
    """A device of the host: exactly one of pci, usb, mdev, scsi, iscsi, scsiHost, storage, misc and net says which."""

    pci: str | None = xml(
        "source/address", codec=PciPlace(), implies=(_SUBSYSTEM, ("@type", "pci")), clears=("source",),
        update=Update.REPLUG, doc="PCI address on the host, as lspci -D shows it.",
    )  # fmt: skip
    usb: str | None = xml(
        "source", codec=HostUsb(), implies=(_SUBSYSTEM, ("@type", "usb")), clears=("source",), update=Update.REPLUG,
        doc="USB device: vendor and product as in 1234:beef, bus and device as in @1.4, or both, as lsusb shows them.",
    )  # fmt: skip
    mdev: str | None = xml(
        "source/address/@uuid", codec=Uuid(), implies=(_SUBSYSTEM, ("@type", "mdev")), clears=("source",),
        update=Update.REPLUG, since="3.2.0", doc="UUID of a mediated device, such as a virtual GPU.",
    )  # fmt: skip
    scsi: str | None = xml(
        "source", codec=HostScsi(), implies=(_SUBSYSTEM, ("@type", "scsi")), clears=("source",), update=Update.REPLUG,
        doc="SCSI device: adapter, bus, target and unit as in scsi_host0:0:0:0.",
    )  # fmt: skip
    iscsi: str | None = xml(
        "source/@name", implies=(_SUBSYSTEM, ("@type", "scsi"), ("source/@protocol", "iscsi")), clears=("source",),
        update=Update.REPLUG, since="1.2.8", doc="Name of an iSCSI target (IQN), with /UNIT behind it.",
    )  # fmt: skip
    scsi_host: str | None = xml(
        "source/@wwpn", implies=(_SUBSYSTEM, ("@type", "scsi_host"), ("source/@protocol", "vhost")), clears=("source",),
        codec=Text(r"naa\.[0-9a-fA-F]{16}", "naa. and 16 hexadecimal digits"), update=Update.REPLUG, since="2.5.0",
        doc="World-wide name of a vhost-scsi target; the guest gets all its units.",
    )  # fmt: skip
    storage: str | None = xml(
        "source/block", codec=_PATH, implies=(_CAPABILITIES, ("@type", "storage")), clears=("source",),
        update=Update.REPLUG, doc="Path on the host of a block device, for a container.",
    )  # fmt: skip
    misc: str | None = xml(
        "source/char", codec=_PATH, implies=(_CAPABILITIES, ("@type", "misc")), clears=("source",),
        update=Update.REPLUG, doc="Path on the host of a character device, for a container.",
    )  # fmt: skip
    net: str | None = xml(
        "source/interface", implies=(_CAPABILITIES, ("@type", "net")), clears=("source",), update=Update.REPLUG,
        doc="Name of a network device of the host, for a container.",
    )  # fmt: skip
    managed: bool | None = xml(
        "@managed", initial=False, default=False, update=Update.REPLUG,
        doc="Whether libvirt takes a PCI device from the host's driver at start and gives it back.",
    )  # fmt: skip
    model: (
        Literal["vfio-pci", "vfio-ccw", "vfio-ap", "virtio", "virtio-transitional", "virtio-non-transitional"] | None
    ) = xml(
        "@model", update=Update.REPLUG,
        doc="Interface of a mediated device (vfio-pci, vfio-ccw, vfio-ap), or generation of virtio of a scsiHost.",
    )  # fmt: skip
    display: bool | None = xml(
        "@display", codec=ON_OFF, update=Update.REPLUG, since="4.6.0",
        doc="Whether a mediated device's screen is shown by the graphical console.",
    )  # fmt: skip
    ramfb: bool | None = xml(
        "@ramfb", codec=ON_OFF, update=Update.REPLUG, since="5.10.0",
        doc="Whether a mediated device has a simple screen before its driver runs.",
    )  # fmt: skip
    driver: Literal["vfio", "kvm", "xen"] | None = xml(
        "driver/@name", update=Update.REPLUG, doc="Driver of the host that hands a PCI device over."
    )
    rom: Rom | None = xml("rom", update=Update.REPLUG, doc="The boot ROM that the guest sees of a PCI device.")
    write_filtering: bool | None = xml(
        "source/@writeFiltering", update=Update.REPLUG, since="6.8.0",
        doc="Whether Xen lets the guest write safe parts of a PCI device's configuration only.",
    )  # fmt: skip
    startup_policy: Literal["mandatory", "requisite", "optional"] | None = xml(
        "source/@startupPolicy", update=Update.REPLUG,
        doc="What a missing USB device does: the start fails, it fails but for migration and restore, or goes on without.",
    )  # fmt: skip
    guest_reset: Literal["off", "uninitialized", "on"] | None = xml(
        "source/@guestReset", update=Update.REPLUG, since="8.6.0", doc="Whether the guest's resets reach a USB device."
    )
    hosts: tuple[StorageHost, ...] | None = xml(
        "source/host", update=Update.REPLUG, doc="Server of an iSCSI target; complete when given."
    )
    auth: Auth | None = xml("source/auth", update=Update.REPLUG, doc="Who logs in at the iSCSI target.")
    initiator: str | None = xml(
        "source/initiator/iqn/@name", update=Update.REPLUG, since="6.7.0",
        doc="Name (IQN) that the emulator has towards the iSCSI target.",
    )  # fmt: skip
    sgio: Literal["filtered", "unfiltered"] | None = xml(
        "@sgio", update=Update.REPLUG, doc="Whether the guest's SCSI commands are filtered."
    )
    rawio: bool | None = xml(
        "@rawio", update=Update.REPLUG, since="1.2.9", doc="Whether the emulator may send raw SCSI commands."
    )
    readonly: bool | None = xml(
        "readonly", codec=PRESENCE, absent=False, update=Update.REPLUG, doc="Whether the guest can't write (SCSI)."
    )
    shareable: bool | None = xml(
        "shareable", codec=PRESENCE, absent=False, update=Update.REPLUG,
        doc="Whether several machines may use the device at once (SCSI).",
    )  # fmt: skip
    boot_order: int | None = xml(
        "boot/@order", codec=Integer(1, 999), update=Update.REPLUG,
        doc="Place in the boot order; can't be mixed with `os.boot`.",
    )  # fmt: skip
    address: str | None = xml(
        "address", codec=DeviceAddress(), update=Update.REPLUG,
        doc="Where the device sits in the guest; unassigned: held for the machine, but not shown to the guest.",
    )  # fmt: skip
