"""What nearly every device has: its place in the machine, and a name of its own (libvirt: docs/formatdomain, "Device Addresses")."""

from __future__ import annotations

from kvmctl.codec import DeviceAddress, Integer, UserAlias
from kvmctl.fields import Model, Update, model, xml


@model()
class Placed(Model):
    """The row that each model of a device with an address takes over by naming this one as its parent."""

    address: str | None = xml(
        "address", codec=DeviceAddress(), update=Update.REPLUG,
        doc="Place of the device in the machine, such as pci:0000:01:00.0 or usb:0.1; libvirt picks one, and kvmctl keeps it.",
    )  # fmt: skip


@model()
class Device(Placed):
    """The rows of a device that has an address and can be given a name."""

    alias: str | None = xml(
        "alias/@name", codec=UserAlias(), update=Update.REPLUG, since="3.9.0",
        doc="Name of the device within the machine, for people and tools; libvirt keeps it as the alias ua-NAME.",
    )  # fmt: skip


@model()
class Indexed(Model):
    """The row of a device that the guest's firmware can number."""

    acpi_index: int | None = xml(
        "acpi/@index", codec=Integer(1, 16383), update=Update.REPLUG, since="7.3.0",
        doc="Number by which the guest's firmware names the device.",
    )  # fmt: skip
