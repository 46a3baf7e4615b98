"""The NVRAM of POWER machines (libvirt: docs/formatdomain, "NVRAM device")."""

from __future__ import annotations

from kvmctl.fields import model
from kvmctl.models.device import Placed


@model()
class NvramDevice(Placed):
    """The device that holds the firmware's settings of a POWER machine."""
