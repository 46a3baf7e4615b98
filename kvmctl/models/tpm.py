"""Trusted platform modules (libvirt: docs/formatdomain, "TPM device")."""

from __future__ import annotations

from typing import Literal

from kvmctl.codec import PRESENCE, Text, Uuid
from kvmctl.fields import Model, model, xml
from kvmctl.models.device import Device

_PATH = Text(r"/.+", "an absolute path on the host, starting with /")
_EMULATOR = ("emulator",)


@model()
class TpmBanks(Model):
    """Which banks of registers a new TPM has in use."""

    sha1: bool | None = xml("sha1", codec=PRESENCE, absent=False, doc="The bank of SHA-1.")
    sha256: bool | None = xml("sha256", codec=PRESENCE, absent=False, doc="The bank of SHA-256.")
    sha384: bool | None = xml("sha384", codec=PRESENCE, absent=False, doc="The bank of SHA-384.")
    sha512: bool | None = xml("sha512", codec=PRESENCE, absent=False, doc="The bank of SHA-512.")


@model()
class TpmBackend(Model):
    """What stands behind the TPM on the host."""

    type: Literal["passthrough", "emulator", "external"] | None = xml(
        "@type",
        required=True,
        doc="The host's own TPM, one that libvirt emulates for the machine, or one that others run.",
    )
    device: str | None = xml(
        "device/@path", codec=_PATH, types=("passthrough",), default="/dev/tpm0", doc="Path on the host of the TPM (passthrough)."
    )  # fmt: skip
    version: Literal["1.2", "2.0"] | None = xml("@version", types=_EMULATOR, doc="Version, in quotes (emulator).")
    persistent_state: bool | None = xml(
        "@persistent_state",
        types=_EMULATOR,
        since="7.0.0",
        doc="Whether a transient machine's TPM outlives it (emulator).",
    )
    encryption_secret: str | None = xml(
        "encryption/@secret", codec=Uuid(), types=_EMULATOR, since="5.6.0",
        doc="UUID of the libvirt secret that the TPM's state is encrypted with (emulator).",
    )  # fmt: skip
    active_pcr_banks: TpmBanks | None = xml(
        "active_pcr_banks", types=_EMULATOR, since="7.10.0", doc="Which banks of registers are in use (emulator)."
    )
    path: str | None = xml(
        "source/@path", codec=_PATH, types=("external",), since="9.0.0", doc="Path on the host of the socket (external).",
        implies=(("source/@type", "unix"), ("source/@mode", "connect")),
    )  # fmt: skip


@model()
class Tpm(Device):
    """A trusted platform module."""

    model: Literal["tpm-tis", "tpm-crb", "tpm-spapr", "spapr-tpm-proxy"] | None = xml(
        "@model", doc="Interface that the guest sees; tpm-tis when omitted, tpm-spapr on POWER."
    )
    backend: TpmBackend | None = xml("backend", required=True, doc="What stands behind it on the host.")
