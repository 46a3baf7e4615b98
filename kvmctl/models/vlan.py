"""VLAN tags of a network's or an interface's traffic (libvirt: docs/formatnetwork, "VLAN tag")."""

from __future__ import annotations

from typing import Literal

from kvmctl.codec import Integer
from kvmctl.fields import Model, model, xml


@model(keys=(("id",),), short=("id",))
class VlanTag(Model):
    """One VLAN tag."""

    id: int | None = xml("@id", codec=Integer(0, 4095), required=True, doc="Number of the VLAN.")
    native_mode: Literal["tagged", "untagged"] | None = xml(
        "@nativeMode", since="1.1.0",
        doc="Whether this VLAN, the trunk's native one, keeps its tag (tagged) or has none (untagged).",
    )  # fmt: skip


@model()
class Vlan(Model):
    """VLAN tags, with Open vSwitch, SR-IOV and other switches that know them."""

    trunk: bool | None = xml(
        "@trunk", absent=False, doc="Whether several VLANs are let through; more than one tag says so by itself."
    )
    tags: tuple[VlanTag, ...] | None = xml("tag", doc="Tags; complete when given. Bare numbers are enough.")
