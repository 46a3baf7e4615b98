"""Notations of devices: what YAML says, what libvirt's XML says, and that each is the other."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any

import pytest

from kvmctl.codec import (
    ByteCount,
    Codec,
    DeviceAddress,
    ElementCodec,
    EndOfChain,
    FileMode,
    HostScsi,
    HostUsb,
    PciPlace,
)

USB = "<vendor id='0x1234'/><product id='0xbeef'/>"
PCI = "<address domain='0x0000' bus='0x06' slot='0x02' function='0x1'/>"


@pytest.mark.parametrize(
    ("codec", "written", "value", "element"),
    [
        (PciPlace(), "0000:06:02.1", "0000:06:02.1", PCI),
        (HostUsb(), "1234:BEEF", "1234:beef", f"<source>{USB}</source>"),
        (HostUsb(), "@1.004", "@1.4", "<source><address bus='1' device='4'/></source>"),
        (HostUsb(), "0x1234:0xbeef@1.4", "1234:beef@1.4", f"<source>{USB}<address bus='1' device='4'/></source>"),
        (
            HostScsi(),
            "scsi_host0:0:01:2",
            "scsi_host0:0:1:2",
            "<source><adapter name='scsi_host0'/><address bus='0' target='1' unit='2'/></source>",
        ),
        (DeviceAddress(), "dimm:0", "dimm:0", "<address type='dimm' slot='0'/>"),
        (DeviceAddress(), "dimm:1@0x0100", "dimm:1@0x100", "<address type='dimm' slot='1' base='0x100'/>"),
        (DeviceAddress(), "unassigned", "unassigned", "<address type='unassigned'/>"),
        (DeviceAddress(), "virtio-mmio", "virtio-mmio", "<address type='virtio-mmio'/>"),
        (EndOfChain(), "none", "none", "<backingStore/>"),
    ],
)
def test_a_device_is_one_word(codec: ElementCodec, written: str, value: str, element: str) -> None:
    meant = ET.fromstring(element)
    made = ET.Element(meant.tag)
    codec.write_element(made, value)
    assert (codec.parse(written), codec.read_element(meant)) == (value, value)
    assert ET.canonicalize(ET.tostring(made)) == ET.canonicalize(element)


@pytest.mark.parametrize(
    ("codec", "element"),
    [
        (PciPlace(), "<address uuid='c2177883-f1bb-47f0-914d-32a22e3a8804'/>"),
        (HostUsb(), f"<source>{PCI}</source>"),
        (HostUsb(), "<source><vendor id='0x1234'/></source>"),
        (HostScsi(), f"<source>{PCI}</source>"),
        (DeviceAddress(), "<address type='dimm' base='0x100'/>"),
        (EndOfChain(), "<backingStore type='file'/>"),
    ],
)
def test_other_elements_say_nothing(codec: ElementCodec, element: str) -> None:
    assert codec.read_element(ET.fromstring(element)) is None


@pytest.mark.parametrize(
    ("codec", "value"),
    [
        (PciPlace(), "06:02"), (PciPlace(), "06:02.8"), (PciPlace(), 6), (HostUsb(), ""), (HostUsb(), "1234"),
        (HostUsb(), "12345:beef"), (HostScsi(), "scsi_host0:0:0"), (EndOfChain(), "last"),
        (ByteCount(1), 0), (ByteCount(), "1.5"),
        (FileMode(), 644), (FileMode(), "0844"),
    ],
)  # fmt: skip
def test_other_values_are_refused(codec: Codec[Any], value: object) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - which value is all that it says
        codec.parse(value)


@pytest.mark.parametrize(
    ("codec", "given", "value", "dumped", "text"),
    [
        (ByteCount(), "64KiB", 65536, "64KiB", "65536"),
        (FileMode(), "644", "0644", "0644", "0644"),
    ],
)
def test_numbers_are_written_as_libvirt_prints_them(
    codec: Codec[Any], given: object, value: object, dumped: object, text: str
) -> None:
    assert codec.parse(given) == value
    assert (codec.dump(value), codec.write(value), codec.read(text)) == (dumped, text, value)
