"""How the content of a volume is encrypted (libvirt: docs/formatstorageencryption)."""

from __future__ import annotations

from typing import Literal

from kvmctl.codec import Integer, Text, Uuid
from kvmctl.fields import Model, Update, model, xml

_FIXED = "a disk is encrypted when it is made; make a second Disk with this one as source.disk"
_PASSPHRASE = (("@type", "passphrase"),)
_WORD = Text(r"[a-z0-9_-]+", "a name such as aes, cbc or sha256")


@model(short=("usage",))
class DiskSecret(Model):
    """The secret that holds the passphrase; it has to be one of usage `volume`."""

    usage: str | None = xml(
        "@usage", implies=_PASSPHRASE, refers="secret", loose=True, update=Update.REFUSED, reason=_FIXED,
        doc="Path that the secret is for.",
    )  # fmt: skip
    uuid: str | None = xml(
        "@uuid", codec=Uuid(), implies=_PASSPHRASE, refers="secret", loose=True, update=Update.REFUSED, reason=_FIXED,
        doc="UUID of the secret, instead of its usage.",
    )  # fmt: skip


@model()
class DiskCipher(Model):
    """The cipher that the content is written with."""

    name: str | None = xml(
        "@name",
        codec=_WORD,
        required=True,
        doc="Name of the cipher, such as aes, twofish or serpent.",
        update=Update.REFUSED,
        reason=_FIXED,
    )
    size: int | None = xml(
        "@size",
        codec=Integer(1, 4096),
        required=True,
        doc="Length of the key, in bits, such as 256.",
        update=Update.REFUSED,
        reason=_FIXED,
    )
    mode: str | None = xml(
        "@mode", codec=_WORD, doc="Mode of the cipher, such as cbc or xts.", update=Update.REFUSED, reason=_FIXED
    )
    hash: str | None = xml(
        "@hash", codec=_WORD, doc="Hash for the key, such as sha256.", update=Update.REFUSED, reason=_FIXED
    )


@model(short=("name",))
class DiskIvgen(Model):
    """How the initialisation vectors are made."""

    name: str | None = xml(
        "@name",
        codec=_WORD,
        required=True,
        doc="Name of the algorithm, such as plain64 or essiv.",
        update=Update.REFUSED,
        reason=_FIXED,
    )
    hash: str | None = xml(
        "@hash", codec=_WORD, doc="Hash that it uses, such as sha256.", update=Update.REFUSED, reason=_FIXED
    )


@model()
class DiskEncryption(Model):
    """How the content is encrypted."""

    format: Literal["luks", "luks2", "qcow", "default"] | None = xml(
        "@format",
        required=True,
        doc="Format of the encryption. QEMU makes luks only, in raw and qcow2 images.",
        update=Update.REFUSED,
        reason=_FIXED,
    )
    engine: Literal["qemu", "librbd"] | None = xml(
        "@engine", doc="Who encrypts: QEMU, or Ceph's library (luks2).", update=Update.REFUSED, reason=_FIXED
    )
    secret: DiskSecret | None = xml(
        "secret",
        doc="The secret that holds the passphrase; a new disk needs one. A bare path is enough.",
        update=Update.REFUSED,
        reason=_FIXED,
    )
    cipher: DiskCipher | None = xml(
        "cipher", doc="The cipher; aes-256 in mode xts when omitted (QEMU 7.2).", update=Update.REFUSED, reason=_FIXED
    )
    ivgen: DiskIvgen | None = xml(
        "ivgen", doc="How the initialisation vectors are made, beside cipher.", update=Update.REFUSED, reason=_FIXED
    )
