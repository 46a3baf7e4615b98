"""The definition of a machine as a backup has it, made fit for where it is brought back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kvmctl.backup.machine import part_of
from kvmctl.names import NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from xml.etree.ElementTree import Element

_OF_ONE: Final = ("uuid", "genid", "os/nvram", "sysinfo/system/entry[@name='uuid']")
"""What two machines can't share, and libvirt makes anew."""


def with_disks(root: Element, paths: Mapping[str, tuple[Path, str]], *, alone: bool) -> list[str]:
    """Have the disks of these targets be the images at these paths, of these formats, and return what to tell.

    `alone` takes away the others that a guest can write to: they are the first machine's.
    """
    notes = []
    devices = root.find("devices")
    for device in root.findall("devices/disk"):
        target = part_of(device).target
        if target in paths:
            _point(device, *paths[target])
        elif device.get("device", "disk") == "disk" and device.find("readonly") is None:
            notes.append(f"{target} is not in the backup" + (": the machine is made without" if alone else ""))
            if alone and devices is not None:
                devices.remove(device)
    return notes


def _point(device: Element, path: Path, image_format: str) -> None:
    for tag in ("source", "backingStore", "mirror"):
        for each in device.findall(tag):
            device.remove(each)
    device.set("type", "file")
    source = device.makeelement("source", {"file": str(path)})
    driver = device.find("driver")
    device.insert(0 if driver is None else 1, source)
    if driver is not None:
        driver.set("type", image_format)


def renamed(root: Element, name: str) -> None:
    """Make the definition that of another machine: its name, and nothing that only one machine can have."""
    held = root.find("name")
    if held is not None:
        held.text = name
    for place in _OF_ONE:
        parent = root.find(place.rpartition("/")[0] or ".")
        for each in root.findall(place):
            if parent is not None:
                parent.remove(each)
    metadata = root.find("metadata")
    for mark in list(metadata if metadata is not None else ()):
        if metadata is not None and mark.tag.startswith(f"{{{NAMESPACE}}}"):
            metadata.remove(mark)
    if metadata is not None and not len(metadata):
        root.remove(metadata)
    for interface in root.iterfind("devices/interface"):
        for mac in interface.findall("mac"):
            interface.remove(mac)
