"""The memory balloon (libvirt: docs/formatdomain, "Memory balloon device")."""

from __future__ import annotations

from typing import Literal

from kvmctl.codec import ON_OFF, Duration
from kvmctl.fields import model, xml
from kvmctl.models.device import Device
from kvmctl.models.virtio import VirtioOptions


@model(short=("model",))
class Memballoon(VirtioOptions, Device):
    """The device by which the host takes memory from a running guest and gives it back. libvirt adds one by itself."""

    model: Literal["virtio", "virtio-transitional", "virtio-non-transitional", "xen", "none"] | None = xml(
        "@model", required=True, doc="Device that the guest sees; none for no balloon."
    )
    autodeflate: bool | None = xml(
        "@autodeflate", codec=ON_OFF, since="1.3.1", doc="Whether it gives memory back before the guest kills a process for want of it."
    )  # fmt: skip
    free_page_reporting: bool | None = xml(
        "@freePageReporting",
        codec=ON_OFF,
        since="6.9.0",
        doc="Whether the guest tells the host which of its memory is free.",
    )
    stats_period: int | None = xml(
        "stats/@period", codec=Duration(), since="1.1.1", doc="How often the guest reports its use of memory."
    )
