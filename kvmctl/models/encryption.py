"""Encrypted storage (libvirt: docs/formatstorageencryption)."""

from __future__ import annotations

from typing import Literal

from kvmctl.codec import Uuid
from kvmctl.fields import Model, Update, model, xml


@model(short=("usage",))
class EncryptionSecret(Model):
    """The secret that opens the storage; its type is always passphrase."""

    usage: str | None = xml(
        "@usage",
        implies=(("@type", "passphrase"),),
        refers="secret",
        loose=True,
        update=Update.REPLUG,
        doc="Usage name of the secret.",
    )
    uuid: str | None = xml(
        "@uuid", codec=Uuid(), implies=(("@type", "passphrase"),), refers="secret", loose=True, update=Update.REPLUG,
        doc="UUID of the secret, instead of its usage.",
    )  # fmt: skip


@model()
class Encryption(Model):
    """How storage is encrypted, and which secret opens it: all that a machine has to know."""

    format: Literal["default", "qcow", "luks", "luks2"] | None = xml(
        "@format", required=True, update=Update.REPLUG,
        doc="Format of the encryption. QEMU 2.9 and newer open luks only, and luks2 through librbd.",
    )  # fmt: skip
    engine: Literal["qemu", "librbd"] | None = xml(
        "@engine", update=Update.REPLUG, doc="Who encrypts: the emulator, or Ceph's library; qemu when omitted."
    )
    secret: EncryptionSecret | None = xml("secret", update=Update.REPLUG, doc="The secret that opens the storage.")
