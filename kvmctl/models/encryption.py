"""Encrypted storage (libvirt: docs/formatstorageencryption)."""

from __future__ import annotations

from typing import Literal

from kvmctl.codec import Integer, Uuid
from kvmctl.fields import Model, Update, model, xml


@model(short=("usage",))
class EncryptionSecret(Model):
    """The secret that opens the storage; its type is always passphrase."""

    usage: str | None = xml(
        "@usage", implies=(("@type", "passphrase"),), update=Update.REPLUG, doc="Usage name of the secret."
    )
    uuid: str | None = xml(
        "@uuid", codec=Uuid(), implies=(("@type", "passphrase"),), update=Update.REPLUG,
        doc="UUID of the secret, instead of its usage.",
    )  # fmt: skip


@model()
class Cipher(Model):
    """The algorithm that content is encrypted with."""

    name: str | None = xml("@name", required=True, update=Update.REPLUG, doc="Name such as aes, serpent or twofish.")
    size: int | None = xml("@size", codec=Integer(1, 65535), update=Update.REPLUG, doc="Length of the key in bits.")
    mode: str | None = xml("@mode", update=Update.REPLUG, doc="Mode such as cbc or xts.")
    hash: str | None = xml("@hash", update=Update.REPLUG, doc="Hash of the master key, such as sha256.")


@model()
class IvGen(Model):
    """How the initialisation vectors are made."""

    name: str | None = xml("@name", required=True, update=Update.REPLUG, doc="Name such as plain64 or essiv.")
    hash: str | None = xml("@hash", update=Update.REPLUG, doc="Hash that the algorithm uses, such as sha256.")


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


@model()
class VolumeEncryption(Encryption):
    """How a volume is encrypted: what a machine has to know, and what making it takes."""

    cipher: Cipher | None = xml(
        "cipher", update=Update.REPLUG, doc="The algorithm, for storage that is encrypted anew."
    )
    ivgen: IvGen | None = xml(
        "ivgen", update=Update.REPLUG, doc="How initialisation vectors are made; needs `cipher` beside it."
    )
