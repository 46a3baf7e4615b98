"""What a person sees and types on: graphics, video, input (libvirt: docs/formatdomain)."""

from __future__ import annotations

from typing import Literal

from kvmctl.codec import Integer, Text
from kvmctl.fields import Model, model, xml


@model(keys=(("type",),))
class Graphics(Model):
    """A graphical console."""

    type: Literal["vnc", "spice", "sdl", "rdp", "desktop", "egl-headless", "dbus"] | None = xml(
        "@type", required=True, doc="Protocol that viewers speak."
    )
    port: int | None = xml("@port", codec=Integer(-1, 65535), volatile=True, doc="TCP port; -1 with autoport.")
    autoport: bool | None = xml("@autoport", doc="Whether libvirt picks a free port at each start.")
    listen: str | None = xml(
        "@listen",
        also="listen[@type=address]/@address",
        volatile=True,
        doc="Address of the host to listen on; 127.0.0.1 unless libvirt is configured otherwise.",
    )
    keymap: str | None = xml(
        "@keymap", codec=Text(r"[A-Za-z0-9_-]+", "a keyboard layout such as en-us or de"), doc="Keyboard layout."
    )


@model()
class Video(Model):
    """A video card; the first one is the primary."""

    model: str | None = xml(
        "model/@type",
        codec=Text(r"[a-z0-9-]+", "a model such as virtio, qxl or vga"),
        required=True,
        doc="Card that the guest sees: virtio, qxl, vga, cirrus, bochs, ramfb, none and others.",
    )
    vram: int | None = xml("model/@vram", codec=Integer(1), doc="Video memory in KiB.")
    heads: int | None = xml("model/@heads", codec=Integer(1, 64), doc="Number of screens.")


@model(keys=(("type", "bus"), ("type",)), implicit=(("bus", "ps2"),))
class Input(Model):
    """A keyboard, mouse or tablet. libvirt adds the PS/2 ones by itself."""

    type: Literal["mouse", "tablet", "keyboard", "passthrough", "evdev"] | None = xml(
        "@type", required=True, doc="Kind of device."
    )
    bus: Literal["ps2", "usb", "virtio", "xen", "none"] | None = xml("@bus", doc="Bus that it is on.")
