"""Panic devices (libvirt: docs/formatdomain, "panic device")."""

from __future__ import annotations

from typing import Literal

from kvmctl.fields import model, xml
from kvmctl.models.device import Device


@model()
class Panic(Device):
    """A device by which a guest tells the host that its kernel has crashed."""

    model: Literal["isa", "pseries", "hyperv", "s390"] | None = xml(
        "@model", doc="Device that the guest sees; by the machine when omitted: isa on x86."
    )
