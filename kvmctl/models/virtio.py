"""What all virtio devices have in common (libvirt: docs/formatdomain, "Virtio-related options")."""

from __future__ import annotations

from kvmctl.codec import ON_OFF
from kvmctl.fields import Model, Update, model, xml


@model()
class VirtioOptions(Model):
    """The rows that each model of a virtio device takes over by naming this one as its parent."""

    iommu: bool | None = xml(
        "driver/@iommu", codec=ON_OFF, update=Update.REPLUG, since="3.5.0",
        doc="Whether the device reaches the guest's memory through the emulated IOMMU.",
    )  # fmt: skip
    ats: bool | None = xml(
        "driver/@ats", codec=ON_OFF, update=Update.REPLUG, since="3.5.0",
        doc="Whether the device caches the IOMMU's answers (address translation services of PCIe).",
    )  # fmt: skip
    packed: bool | None = xml(
        "driver/@packed", codec=ON_OFF, update=Update.REPLUG, since="6.3.0",
        doc="Whether the device offers packed virtqueues beside split ones.",
    )  # fmt: skip
    page_per_vq: bool | None = xml(
        "driver/@page_per_vq", codec=ON_OFF, update=Update.REPLUG, since="7.9.0",
        doc="Whether each virtqueue has its notifications on a page of its own; some vDPA devices need it.",
    )  # fmt: skip
