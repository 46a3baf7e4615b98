"""A static route (libvirt: docs/formatnetwork, "Static routes"), of a network or within an interface."""

from __future__ import annotations

from typing import Literal

from kvmctl.codec import Integer, IpAddress, Prefix
from kvmctl.fields import Model, model, xml


@model(keys=(("address", "prefix"), ("address",)))
class Route(Model):
    """A static route."""

    address: str | None = xml("@address", codec=IpAddress(), required=True, doc="Network that the route leads to.")
    prefix: int | str | None = xml(
        ".",
        codec=Prefix(),
        clears=("@prefix", "@netmask"),
        doc="Length of that network's prefix, or its netmask.",
    )
    gateway: str | None = xml("@gateway", codec=IpAddress(), required=True, doc="Address to send its traffic to.")
    metric: int | None = xml(
        "@metric", codec=Integer(1, 2**32 - 1), since="1.2.10", doc="Cost of the route; cheaper ones are preferred."
    )
    family: Literal["ipv4", "ipv6"] | None = xml(
        "@family", unsaid="ipv4", doc="Family of the addresses; ipv6 has to be said."
    )
