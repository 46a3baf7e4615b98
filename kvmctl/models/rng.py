"""Random number generators (libvirt: docs/formatdomain, "Random number generator device")."""

from __future__ import annotations

from typing import Literal

from kvmctl.codec import Integer, Text
from kvmctl.fields import Model, Update, model, xml
from kvmctl.models.character_source import OF_THE_TYPE, TYPE_DOC, CharacterSource, SourceType
from kvmctl.models.device import Device
from kvmctl.models.virtio import VirtioOptions


@model()
class RngBackend(CharacterSource):
    """Where the host takes random numbers from."""

    model: Literal["random", "egd", "builtin"] | None = xml(
        "@model", required=True, update=Update.REPLUG,
        doc="A device of the host (random), a server of random numbers (egd), or the emulator itself (builtin).",
    )  # fmt: skip
    device: str | None = xml(
        ".", codec=Text(r"/.+", "an absolute path on the host, starting with /"), default="/dev/random", update=Update.REPLUG,
        doc="Path on the host of the device (random).",
    )  # fmt: skip
    type: SourceType | None = xml("@type", clears=OF_THE_TYPE, update=Update.REPLUG, doc=f"{TYPE_DOC} With egd only.")


@model()
class RngRate(Model):
    """How much randomness the guest may take."""

    bytes: int | None = xml("@bytes", codec=Integer(1, 2**32 - 1), required=True, doc="Number of bytes in a period.")
    period: int | None = xml(
        "@period", codec=Integer(1, 2**32 - 1), doc="Length of the period in milliseconds; a second when omitted."
    )


@model()
class Rng(VirtioOptions, Device):
    """A random number generator."""

    model: Literal["virtio", "virtio-transitional", "virtio-non-transitional"] | None = xml(
        "@model", required=True, update=Update.REPLUG, doc="Device that the guest sees."
    )
    backend: RngBackend | None = xml("backend", required=True, update=Update.REPLUG, doc="Where the numbers come from.")
    rate: RngRate | None = xml("rate", update=Update.REPLUG, doc="How much the guest may take; no limit when omitted.")
