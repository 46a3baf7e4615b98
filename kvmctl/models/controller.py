"""Controllers: what disks, ports and slots hang on (libvirt: docs/formatdomain, "Controllers")."""

from __future__ import annotations

from typing import Literal

from kvmctl.codec import ON_OFF, Hexadecimal, Integer, Size
from kvmctl.fields import Model, model, xml
from kvmctl.models.device import Device, Indexed
from kvmctl.models.virtio import VirtioOptions

_BYTE = Integer(0, 255)
_COUNT = Integer(0, 2**32 - 1)
_MODEL = Literal[
    "pci-root", "pcie-root", "pci-bridge", "dmi-to-pci-bridge", "pcie-to-pci-bridge", "pcie-root-port",
    "pcie-switch-upstream-port", "pcie-switch-downstream-port", "pci-expander-bus", "pcie-expander-bus",
    "auto", "buslogic", "lsilogic", "lsisas1068", "lsisas1078", "vmpvscsi", "ibmvscsi", "virtio-scsi", "virtio",
    "virtio-transitional", "virtio-non-transitional", "ncr53c90", "dc390", "am53c974",
    "piix3-uhci", "piix4-uhci", "ehci", "ich9-ehci1", "ich9-uhci1", "ich9-uhci2", "ich9-uhci3", "vt82c686b-uhci",
    "pci-ohci", "nec-xhci", "qemu-xhci", "qusb1", "qusb2", "none", "piix3", "piix4", "ich6",
]  # fmt: skip


@model()
class PciTarget(Model):
    """How a PCI controller shows itself; libvirt numbers by itself."""

    chassis: int | None = xml("@chassis", codec=_BYTE, doc="Number of the chassis, of root and switch ports.")
    port: int | None = xml("@port", codec=Hexadecimal(maximum=255), doc="Number of the port, of root and switch ports.")
    chassis_nr: int | None = xml("@chassisNr", codec=Integer(1, 255), doc="Number of the chassis, of a PCI bridge.")
    bus_nr: int | None = xml("@busNr", codec=Integer(1, 254), doc="Number of the bus behind an expander.")
    index: int | None = xml("@index", codec=_BYTE, since="3.6.0", doc="Place among the roots of a pSeries machine.")
    hotplug: bool | None = xml(
        "@hotplug", codec=ON_OFF, since="6.3.0", doc="Whether devices may come and go; they may when omitted."
    )
    node: int | None = xml("node", codec=Integer(0, 1023), doc="NUMA node of the guest that an expander belongs to.")


# libvirt adds the controllers that devices need, on define and on hotplug, and tells nobody which they are: a list that
# had to be complete would take them away again, and with them the slots of devices.
@model(keys=(("type", "index", "model"), ("type", "index"), ("type",)), open_list=True)
class Controller(VirtioOptions, Device, Indexed):
    """A controller; those that a manifest doesn't list stay as they are, since libvirt adds what devices need."""

    type: Literal["pci", "usb", "scsi", "sata", "ide", "fdc", "virtio-serial", "ccid", "xenbus", "isa"] | None = xml(
        "@type", required=True, doc="What hangs on it."
    )
    index: int | None = xml(
        "@index",
        codec=Integer(0, 2**31 - 1),
        doc="Number within its type, which addresses mean; the next free one when omitted.",
    )
    model: _MODEL | None = xml("@model", doc="Device that the guest sees; libvirt picks one for the machine.")
    ports: int | None = xml("@ports", codec=_COUNT, doc="How many ports it has (virtio-serial, usb).")
    vectors: int | None = xml("@vectors", codec=_COUNT, doc="How many interrupts a virtio-serial controller has.")
    max_grant_frames: int | None = xml(
        "@maxGrantFrames", codec=_COUNT, since="5.2.0", doc="How many grant frames Xen's bus has at most."
    )
    max_event_channels: int | None = xml(
        "@maxEventChannels", codec=_COUNT, since="6.3.0", doc="How many event channels Xen's bus has at most."
    )
    queues: int | None = xml(
        "driver/@queues", codec=_COUNT, doc="How many queues a virtio-scsi controller has; one for each CPU is best."
    )
    cmd_per_lun: int | None = xml(
        "driver/@cmd_per_lun", codec=_COUNT, since="1.2.7", doc="How many commands may wait at each unit."
    )
    max_sectors: int | None = xml(
        "driver/@max_sectors",
        codec=_COUNT,
        since="1.2.7",
        doc="How much one command moves at most, in sectors of 512 bytes.",
    )
    ioeventfd: bool | None = xml(
        "driver/@ioeventfd", codec=ON_OFF, since="1.2.18", doc="Whether a thread of its own takes the guest's requests."
    )
    iothread: int | None = xml(
        "driver/@iothread", codec=Integer(1, 2**32 - 1), since="1.3.5",
        doc="Number of the I/O thread that serves a virtio-scsi controller.",
    )  # fmt: skip
    model_name: str | None = xml(
        "model/@name",
        since="1.2.19",
        doc="Device of the emulator behind the model of a PCI controller; libvirt picks it.",
    )
    target: PciTarget | None = xml("target", since="1.2.19", doc="How a PCI controller shows itself.")
    pcihole64: int | None = xml(
        "pcihole64", codec=Size(minimum=0, multiple=1024), since="1.1.2",
        doc="Room above 4 GiB for PCI devices' memory, of a root controller; 0 for guests that can't stand it.",
    )  # fmt: skip
    startport: int | None = xml(
        "master/@startport",
        codec=Integer(0, 255),
        doc="First port of its master that a USB companion controller serves.",
    )
