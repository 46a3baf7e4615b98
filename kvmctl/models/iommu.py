"""The emulated IOMMU (libvirt: docs/formatdomain, "IOMMU devices")."""

from __future__ import annotations

from typing import Literal

from kvmctl.codec import ON_OFF, Integer
from kvmctl.fields import model, xml
from kvmctl.models.device import Device


@model()
class Iommu(Device):
    """A device that keeps the guest's other devices to the memory that its kernel grants them."""

    model: Literal["intel", "smmuv3", "virtio"] | None = xml(
        "@model", required=True, doc="Device that the guest sees: intel on q35, smmuv3 on ARM, virtio on both."
    )
    intremap: bool | None = xml(
        "driver/@intremap", codec=ON_OFF, since="3.4.0", doc="Whether it remaps interrupts; needs the I/O APIC of the emulator (intel)."
    )  # fmt: skip
    caching_mode: bool | None = xml(
        "driver/@caching_mode", codec=ON_OFF, since="3.4.0", doc="Whether the guest has to report each mapping, as devices of the host need it (intel)."
    )  # fmt: skip
    eim: bool | None = xml(
        "driver/@eim", codec=ON_OFF, since="3.4.0", doc="Whether interrupts reach more than 255 CPUs (intel)."
    )
    iotlb: bool | None = xml(
        "driver/@iotlb", codec=ON_OFF, since="3.5.0", doc="Whether devices may cache translations (intel)."
    )
    aw_bits: int | None = xml(
        "driver/@aw_bits",
        codec=Integer(1, 255),
        since="6.5.0",
        doc="Width of the addresses that devices use, in bits (intel).",
    )
