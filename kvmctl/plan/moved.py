"""A machine as it will be once its disks have their other images: the change of its definition is the disk's."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from kvmctl import xmlio
from kvmctl.fields import changed, known
from kvmctl.inventory import Live, Resource

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from kvmctl.models.vm import VirtualMachine


def as_moved(have: Resource, want: Resource, moved: Mapping[str, tuple[str, str]]) -> Resource:
    """Return the machine with the paths and formats that the planned moves will give it; others stay themselves."""
    live = have.live
    if have.address.kind != "vm" or live is None:
        return have
    xml, running_xml = rewritten(live.xml, moved), rewritten(live.running_xml, moved) if live.running_xml else ""
    if (xml, running_xml) == (live.xml, live.running_xml):
        return have
    wish, spec = cast("VirtualMachine", want.spec), cast("VirtualMachine", have.spec)
    if known(cast("Any", wish).disks) is not None:
        disks = xmlio.read(type(wish), xmlio.parse(xml), wish).disks
        spec = changed(spec, disks=disks)
    return Resource(have.address, spec, live=Live(xml, running_xml, live.active, live.persistent, live.facts))


def rewritten(text: str, moved: Mapping[str, tuple[str, str]]) -> str:
    """Return the definition with the new path and format of each image that moves; as it was where none does."""
    root, found = xmlio.parse(text), False
    for device in root.iterfind("devices/disk"):
        source, driver = device.find("source"), device.find("driver")
        path = None if source is None else source.get("file") or source.get("dev")
        if source is not None and path is not None and path in moved:
            attribute = "file" if source.get("file") else "dev"
            place, image_format = moved[path]
            source.set(attribute, place)
            if driver is not None:
                driver.set("type", image_format)
            found = True
    return xmlio.serialize(root) if found else text
