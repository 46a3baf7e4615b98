"""Limits of a network's or an interface's traffic (libvirt: docs/formatnetwork, "Quality of service")."""

from __future__ import annotations

from typing import Final

from kvmctl.codec import Integer
from kvmctl.fields import Model, model, xml

_RATE: Final = Integer(1, 2**32 - 1)


@model()
class Rates(Model):
    """Limits of the traffic in one direction; rates in KiB a second."""

    average: int | None = xml("@average", codec=_RATE, doc="Average rate, in KiB a second.")
    peak: int | None = xml("@peak", codec=_RATE, doc="Highest rate of a burst, in KiB a second.")
    burst: int | None = xml("@burst", codec=_RATE, doc="How much may pass at the peak rate, in KiB.")


@model()
class GuaranteedRates(Rates):
    """Limits of the traffic to one guest; rates in KiB a second."""

    floor: int | None = xml(
        "@floor", codec=_RATE, since="1.0.1",
        doc="Rate that is guaranteed, in KiB a second, on a network that routes and limits inbound traffic itself.",
    )  # fmt: skip


@model()
class Bandwidth(Model):
    """Limits of traffic, as the guests see it."""

    inbound: Rates | None = xml("inbound", doc="Limits of what comes to the guests; without it there are none.")
    outbound: Rates | None = xml("outbound", doc="Limits of what the guests send; without it there are none.")


@model()
class InterfaceBandwidth(Model):
    """Limits of one interface's traffic, as the guest sees it."""

    inbound: GuaranteedRates | None = xml(
        "inbound", doc="Limits of what comes to the guest; without it there are none."
    )
    outbound: Rates | None = xml("outbound", doc="Limits of what the guest sends; without it there are none.")
