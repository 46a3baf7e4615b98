"""The boot ROM of a PCI device (libvirt: docs/formatdomain, "rom")."""

from __future__ import annotations

from kvmctl.codec import ON_OFF, Text
from kvmctl.fields import Model, Update, model, xml


@model()
class Rom(Model):
    """The boot ROM that the guest sees of a PCI device."""

    bar: bool | None = xml("@bar", codec=ON_OFF, update=Update.REPLUG, doc="Whether the guest sees the device's ROM.")
    file: str | None = xml(
        "@file",
        codec=Text(r"/.+", "an absolute path on the host, starting with /"),
        update=Update.REPLUG,
        doc="Path on the host of another ROM for the device.",
    )
    enabled: bool | None = xml(
        "@enabled", update=Update.REPLUG, since="4.3.0", doc="Whether the device has a ROM at all."
    )
