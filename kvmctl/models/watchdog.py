"""The watchdog (libvirt: docs/formatdomain, "Watchdog devices")."""

from __future__ import annotations

from typing import Literal

from kvmctl.fields import Update, model, xml
from kvmctl.models.device import Device


@model()
class Watchdog(Device):
    """A device that acts when the guest stops feeding it."""

    model: Literal["i6300esb", "ib700", "diag288"] | None = xml(
        "@model", required=True, update=Update.REPLUG, doc="Device that the guest sees; diag288 is for s390x."
    )
    action: Literal["reset", "shutdown", "poweroff", "pause", "none", "dump", "inject-nmi"] | None = xml(
        "@action", default="reset", update=Update.REPLUG, doc="What happens to a guest that hangs."
    )
