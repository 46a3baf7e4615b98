"""What a person types and points with (libvirt: docs/formatdomain, "Input devices")."""

from __future__ import annotations

from typing import Literal

from kvmctl.codec import ON_OFF, Text
from kvmctl.fields import Update, model, xml
from kvmctl.models.device import Device
from kvmctl.models.virtio import VirtioOptions

_PATH = Text(r"/.+", "an absolute path on the host, starting with /")
_EVDEV = ("evdev",)


@model(keys=(("type", "bus"), ("dev",), ("type",)), implicit=(("bus", "ps2"),))
class Input(VirtioOptions, Device):
    """A keyboard, mouse or tablet, or one of the host's. libvirt adds the PS/2 ones by itself."""

    type: Literal["mouse", "tablet", "keyboard", "passthrough", "evdev"] | None = xml(
        "@type", required=True, doc="Kind of device; passthrough and evdev hand over one of the host's."
    )
    bus: Literal["ps2", "usb", "virtio", "xen", "none"] | None = xml("@bus", doc="Bus that it is on.")
    model: Literal["virtio", "virtio-transitional", "virtio-non-transitional"] | None = xml(
        "@model", update=Update.REPLUG, since="5.2.0", doc="Which versions of virtio it speaks, on the bus virtio."
    )
    evdev: str | None = xml(
        "source/@evdev", codec=_PATH, types=("passthrough",), update=Update.REPLUG,
        doc="Path on the host of the event device that the guest takes over (passthrough).",
    )  # fmt: skip
    dev: str | None = xml(
        "source/@dev", codec=_PATH, types=_EVDEV, update=Update.REPLUG, since="7.4.0",
        doc="Path on the host of the event device that guest and host share (evdev).",
    )  # fmt: skip
    grab: Literal["all"] | None = xml(
        "source/@grab", types=_EVDEV, update=Update.REPLUG, since="7.4.0",
        doc="Which of the shared devices change hands together: all of them (evdev).",
    )  # fmt: skip
    grab_toggle: (
        Literal["ctrl-ctrl", "alt-alt", "shift-shift", "meta-meta", "scrolllock", "ctrl-scrolllock"] | None
    ) = xml(
        "source/@grabToggle", types=_EVDEV, update=Update.REPLUG, since="7.6.0",
        doc="Keys that hand the device to the other side (evdev).",
    )  # fmt: skip
    repeat: bool | None = xml(
        "source/@repeat", codec=ON_OFF, types=_EVDEV, update=Update.REPLUG, since="7.4.0",
        doc="Whether a key that is held down repeats (evdev).",
    )  # fmt: skip
