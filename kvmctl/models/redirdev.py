"""USB devices of far away, and the hubs that USB devices are on (libvirt: docs/formatdomain, "Redirected devices", "Hub devices")."""

from __future__ import annotations

from typing import Literal

from kvmctl.codec import Integer, Text, UpperHex
from kvmctl.fields import Model, Update, model, xml
from kvmctl.models.character_source import OF_THE_TYPE, TYPE_DOC, CharacterSource, SourceType
from kvmctl.models.device import Device


@model()
class Redirdev(CharacterSource, Device):
    """A port of the guest to which a USB device of the viewer's machine can be connected."""

    bus: Literal["usb"] | None = xml(
        "@bus", initial="usb", update=Update.REPLUG, doc="Bus of the guest that the device appears on."
    )
    type: SourceType | None = xml("@type", required=True, clears=OF_THE_TYPE, update=Update.REPLUG, doc=TYPE_DOC)
    boot_order: int | None = xml(
        "boot/@order",
        codec=Integer(1, 999),
        update=Update.REPLUG,
        doc="Place in the boot order; can't be mixed with `os.boot`.",
    )


@model()
class RedirRule(Model):
    """Which USB devices may be connected, or may not; what a rule doesn't say fits every device."""

    class_: str | None = xml("@class", codec=UpperHex(2), doc='USB class in quotes, such as "0x08" for storage.')
    vendor: str | None = xml("@vendor", codec=UpperHex(4), doc='Vendor id in quotes, such as "0x15E1".')
    product: str | None = xml("@product", codec=UpperHex(4), doc='Product id in quotes, such as "0x2007".')
    version: str | None = xml(
        "@version", codec=Text(r"[0-9]{1,2}\.[0-9]{1,2}", 'a version in quotes, such as "1.10"'),
        doc='Version of the device in quotes, such as "1.10".',
    )  # fmt: skip
    allow: bool | None = xml("@allow", required=True, doc="Whether such devices may be connected.")


@model()
class Hub(Device):
    """A hub. libvirt adds those that it needs to connect all USB devices."""

    type: Literal["usb"] | None = xml("@type", required=True, doc="Kind of hub.")
