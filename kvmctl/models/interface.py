"""A network interface of a machine (libvirt: docs/formatdomain, "Network interfaces")."""

from __future__ import annotations

from typing import Literal

from kvmctl.codec import Choice, Integer, Mac, Text, UserAlias
from kvmctl.fields import Model, Update, model, xml


@model(keys=(("name",), ("mac",), ("network",), ("bridge",), ("type",)))
class Interface(Model):
    """One network interface of a machine."""

    name: str | None = xml(
        "alias/@name", codec=UserAlias(), update=Update.REPLUG,
        doc="Name within the machine, kept in libvirt as the device's alias; it survives a change of network.",
    )  # fmt: skip
    type: Literal["network", "bridge", "user", "direct", "ethernet", "hostdev", "vhostuser", "vdpa"] | None = xml(
        "@type",
        update=Update.REPLUG,
        doc="What the interface connects to; `network` and `bridge` imply theirs.",
    )
    network: str | None = xml(
        "source/@network", implies=(("@type", "network"),), clears=("source",), refers="network", update=Update.REPLUG,
        doc="Name of the Network that the interface is on.",
    )  # fmt: skip
    bridge: str | None = xml(
        "source/@bridge", implies=(("@type", "bridge"),), clears=("source",), update=Update.REPLUG,
        doc="Name of a bridge of the host that the interface is on.",
    )  # fmt: skip
    mac: str | None = xml(
        "mac/@address",
        codec=Mac(),
        update=Update.REPLUG,
        doc="MAC address; libvirt makes one up on creation, and kvmctl keeps it.",
    )
    model: str | None = xml(
        "model/@type",
        codec=Text(r"[A-Za-z0-9_.-]+", "a model such as virtio, e1000e or rtl8139"),
        update=Update.REPLUG,
        doc="Network card that the guest sees: virtio, e1000e, rtl8139 and others.",
    )
    link: str | None = xml(
        "link/@state",
        codec=Choice(("up", "down")),
        absent="up",
        update=Update.LIVE,
        doc="Whether the cable is plugged in (up) or not (down).",
    )
    mtu: int | None = xml(
        "mtu/@size",
        codec=Integer(68, 65535),
        update=Update.REPLUG,
        doc="MTU in bytes that the guest is told.",
    )
    boot_order: int | None = xml(
        "boot/@order",
        codec=Integer(1, 999),
        update=Update.REPLUG,
        doc="Place in the boot order; can't be mixed with `os.boot`.",
    )
