"""Notations of the host's devices, as lsusb and lsscsi write them."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from typing import Final

from kvmctl.codec.element import ElementCodec
from kvmctl.codec.notation import notation

_USB_ID: Final = r"(?:0x)?([0-9a-fA-F]{1,4}):(?:0x)?([0-9a-fA-F]{1,4})"
_USB_PLACE: Final = r"([0-9]{1,3})\.([0-9]{1,3})"
_USB: Final = rf"(?:{_USB_ID})?(?:@{_USB_PLACE})?"
_SCSI: Final = r"([^\s:]+):([0-9]{1,3}):([0-9]{1,20}):([0-9]{1,20})"
_SCSI_NAMES: Final = ("bus", "target", "unit")


@notation
class HostUsb(ElementCodec):
    """A USB device of the host by what it is, where it is plugged in, or both: `1234:beef`, `@1.4`, `1234:beef@1.4`."""

    expects: str = "a USB device such as 1234:beef (vendor and product), @1.4 (bus and device) or 1234:beef@1.4"
    name: str = "USB device"

    def parse(self, value: object) -> str:
        """Return the canonical text: four hexadecimal digits each, then decimal numbers."""
        match = re.fullmatch(_USB, value) if type(value) is str and value else None
        if match is None:
            raise ValueError
        vendor, product, bus, device = match.groups()
        return _usb_text((vendor, product) if vendor else None, (bus, device) if bus else None)

    def read_element(self, element: ET.Element) -> str | None:
        """Return what a `source` element says; None where it names no USB device."""
        identity = _attributes(element, ("vendor", "id"), ("product", "id"))
        place = _attributes(element, ("address", "bus"), ("address", "device"))
        if identity is None and place is None:
            return None
        known = identity and (f"{int(identity[0], 0):x}", f"{int(identity[1], 0):x}")
        return _usb_text(known, place and (str(int(place[0], 0)), str(int(place[1], 0))))

    def write_element(self, element: ET.Element, value: str) -> None:
        """Make a `source` element name the device, and leave its attributes."""
        for child in list(element):
            element.remove(child)
        identity, _, place = value.partition("@")
        if identity:
            vendor, product = identity.split(":")
            ET.SubElement(element, "vendor", id=f"0x{vendor}")
            ET.SubElement(element, "product", id=f"0x{product}")
        if place:
            bus, device = place.split(".")
            ET.SubElement(element, "address", bus=bus, device=device)


def _usb_text(identity: tuple[str, str] | None, place: tuple[str, str] | None) -> str:
    text = f"{int(identity[0], 16):04x}:{int(identity[1], 16):04x}" if identity else ""
    return text + (f"@{int(place[0])}.{int(place[1])}" if place else "")


def _attributes(element: ET.Element, one: tuple[str, str], two: tuple[str, str]) -> tuple[str, str] | None:
    """Return the attributes of two children, each named (element, attribute); None where one is missing."""
    found = []
    for tag, name in (one, two):
        child = element.find(tag)
        text = None if child is None else child.get(name)
        if text is None:
            return None
        found.append(text)
    return found[0], found[1]


@notation
class HostScsi(ElementCodec):
    """A SCSI device of the host by its adapter, bus, target and unit: `scsi_host0:0:0:0`."""

    expects: str = "a SCSI device such as scsi_host0:0:0:0 (adapter, bus, target, unit)"
    name: str = "SCSI device"

    def parse(self, value: object) -> str:
        """Return the canonical text."""
        match = re.fullmatch(_SCSI, value) if type(value) is str else None
        if match is None:
            raise ValueError
        return ":".join((match[1], *(str(int(part)) for part in match.groups()[1:])))

    def read_element(self, element: ET.Element) -> str | None:
        """Return what a `source` element says; None where it names no adapter."""
        adapter, address = element.find("adapter"), element.find("address")
        if adapter is None or address is None:
            return None
        return ":".join((adapter.get("name", ""), *(address.get(name, "0") for name in _SCSI_NAMES)))

    def write_element(self, element: ET.Element, value: str) -> None:
        """Make a `source` element name the device."""
        for child in list(element):
            element.remove(child)
        adapter, *numbers = value.split(":")
        ET.SubElement(element, "adapter", name=adapter)
        ET.SubElement(element, "address", dict(zip(_SCSI_NAMES, numbers, strict=True)))
