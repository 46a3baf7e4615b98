"""Sockets between host and guest (libvirt: docs/formatdomain, "Vsock")."""

from __future__ import annotations

from typing import Literal

from kvmctl.codec import ContextId
from kvmctl.fields import Update, model, xml
from kvmctl.models.device import Device
from kvmctl.models.virtio import VirtioOptions


@model()
class Vsock(VirtioOptions, Device):
    """A device for sockets between host and guest."""

    model: Literal["virtio", "virtio-transitional", "virtio-non-transitional"] | None = xml(
        "@model", update=Update.REPLUG, doc="Device that the guest sees; virtio when omitted."
    )
    cid: str | None = xml(
        "cid", codec=ContextId(), update=Update.REPLUG,
        doc="Number by which the host reaches the guest, or auto for one that libvirt picks at each start.",
    )  # fmt: skip
