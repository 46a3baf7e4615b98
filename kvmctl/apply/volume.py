"""The definition of a volume that is to be made."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING, Any

from kvmctl import xmlio
from kvmctl.fields import UNSET, changed, is_set, known
from kvmctl.plan.creation import FOLDERS

if TYPE_CHECKING:
    from kvmctl.apply.context import Context
    from kvmctl.models.disk import Disk


def pool_type(context: Context, pool: str) -> str:
    """Return the type of a pool, such as dir."""
    return xmlio.parse(context.hypervisor.pool_xml(pool)).get("type", "")


def volume_xml(name: str, spec: Disk, size: int, pool_type: str) -> str:
    """Return the XML of a new volume of `size` bytes.

    A qcow2 image is one of today unless the manifest says otherwise: libvirt would make one for QEMU 0.10. Where the
    manifest doesn't say how much room it takes, that is none in a folder and all of it on a device.
    """
    root = ET.Element("volume")
    ET.SubElement(root, "name").text = name
    ET.SubElement(root, "capacity", {"unit": "bytes"}).text = str(size)
    allocation = known(spec.allocation) or ("sparse" if pool_type in FOLDERS else "")
    image_format = known(spec.format) or "raw"
    if allocation == "full":
        ET.SubElement(root, "allocation").text = str(size)
    elif allocation == "sparse" and image_format in _UNTABLED:
        ET.SubElement(root, "allocation").text = "0"
    more: dict[str, Any] = {"size": UNSET}
    if image_format == "qcow2" and not is_set(spec.compat):
        more["compat"] = "1.1"
    elif known(spec.compat) == _LIBVIRTS_COMPAT:
        more["compat"] = UNSET
    xmlio.write(root, changed(spec, **more), fresh=True)
    return xmlio.serialize(root)


def preallocates(spec: Disk) -> bool:
    """Say whether libvirt has to be told to make the tables of a new image at once, or all of it."""
    return known(spec.allocation) in ("metadata", "full") and (known(spec.format) or "raw") not in _UNTABLED


_LIBVIRTS_COMPAT = "0.10"
"""What libvirt 9.0 makes by itself and then doesn't print; asked for it would be printed."""

_UNTABLED = frozenset({"raw", "iso"})
"""Formats that have no tables: libvirt refuses to make them beforehand."""
