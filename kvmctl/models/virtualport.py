"""What a switch has to know of a port (libvirt: docs/formatdomain, "virtualport")."""

from __future__ import annotations

from typing import Literal

from kvmctl.codec import Integer, Text, Uuid
from kvmctl.fields import Model, model, xml


@model(short=("type",))
class Virtualport(Model):
    """What a switch has to know of a port; a bare type is enough where it needs no parameters."""

    type: Literal["802.1Qbg", "802.1Qbh", "openvswitch", "midonet"] | None = xml(
        "@type", doc="Kind of switch: by IEEE 802.1Qbg or 802.1Qbh, Open vSwitch, or MidoNet."
    )
    manager_id: int | None = xml(
        "parameters/@managerid", codec=Integer(0, 255), doc="VSI manager that knows the type (802.1Qbg)."
    )
    type_id: int | None = xml("parameters/@typeid", codec=Integer(0, 2**24 - 1), doc="VSI type of the port (802.1Qbg).")
    type_id_version: int | None = xml(
        "parameters/@typeidversion", codec=Integer(0, 255), doc="Version of the VSI type (802.1Qbg)."
    )
    instance_id: str | None = xml(
        "parameters/@instanceid", codec=Uuid(), doc="Identity of the VSI instance (802.1Qbg)."
    )
    profile_id: str | None = xml(
        "parameters/@profileid",
        codec=Text(r"[^\n]{1,39}", "a name of 1 to 39 characters"),
        doc="Name of the port's profile (802.1Qbh, openvswitch).",
    )
    interface_id: str | None = xml(
        "parameters/@interfaceid", codec=Uuid(),
        doc="Identity of the port (openvswitch, midonet); libvirt makes one up for Open vSwitch.",
    )  # fmt: skip
