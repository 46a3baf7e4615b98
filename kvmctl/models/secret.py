"""A secret: a passphrase or key that libvirt keeps for others to use (libvirt: docs/formatsecret)."""

from __future__ import annotations

from typing import Literal

from kvmctl.codec import Text, Uuid
from kvmctl.fields import Model, Update, model, policy, xml
from kvmctl.models.profiled import Profiled

_IDENTITY = "what a secret is for is its identity; give the other use a Secret of its own"

USAGE_IDS = {"volume": "volume", "ceph": "name", "iscsi": "target", "tls": "name", "vtpm": "name"}
"""The field that holds the id of a usage, by its type."""


@model(short=("type",))
class Usage(Model):
    """What a secret is for, and the id under which users name it."""

    type: Literal["volume", "ceph", "iscsi", "tls", "vtpm"] | None = xml(
        "@type", required=True, update=Update.REFUSED, reason=_IDENTITY,
        doc="Who uses the secret: an encrypted volume, a Ceph client, an iSCSI initiator (CHAP), TLS private keys, or an emulated TPM.",
    )  # fmt: skip
    name: str | None = xml(
        "name", update=Update.REFUSED, reason=_IDENTITY,
        doc="Id of the usage, with type ceph, tls and vtpm; it is metadata.name, and may be left out.",
    )  # fmt: skip
    target: str | None = xml(
        "target", update=Update.REFUSED, reason=_IDENTITY,
        doc="Id of the usage, with type iscsi; it is metadata.name, and may be left out.",
    )  # fmt: skip
    volume: str | None = xml(
        "volume", codec=Text(r"/.+", "an absolute path on the host, starting with /"),
        update=Update.REFUSED, reason=_IDENTITY,
        doc="Path on the host of the volume, with type volume. A path can't be a name: metadata.name is the secret's UUID then.",
    )  # fmt: skip


@model()
class SecretValue(Model):
    """Where the value of a secret comes from: one of the three; the value itself stands in no manifest."""

    env: str | None = policy(
        codec=Text(r"[A-Za-z_][A-Za-z0-9_]*", "the name of an environment variable"),
        doc="Name of an environment variable of kvmctl.",
    )
    file: str | None = policy(doc="Path of a file, relative to the manifest.")
    command: tuple[str, ...] | None = policy(
        doc="A program and its arguments; what it prints is the value. It is run in the manifest's folder, without a shell."
    )
    encoding: Literal["text", "base64", "binary"] | None = policy(
        initial="text",
        doc="What is found there: text, of which one line break at the end is dropped; base64, which is decoded; or the bytes as they are.",
    )  # fmt: skip


@model()
class Secret(Profiled):
    """A secret that libvirt keeps; metadata.name is the id of its usage, or else its UUID."""

    uuid: str | None = xml(
        "uuid", codec=Uuid(), update=Update.REFUSED,
        reason="a secret's UUID is its identity; leave it out to keep the one it has",
        doc="Identity of the secret; libvirt makes one up on creation.",
    )  # fmt: skip
    description: str | None = xml("description", update=Update.NONE, doc="Free text about the secret.")
    usage: Usage | None = xml(
        "usage", update=Update.REFUSED, reason=_IDENTITY,
        doc="What the secret is for; a bare type is enough. Omitted on creation: nothing that libvirt knows of.",
    )  # fmt: skip
    ephemeral: bool | None = xml(
        "@ephemeral", default=False, update=Update.NONE,
        doc="Whether the value is kept in memory only, and gone when libvirt's daemon ends.",
    )  # fmt: skip
    private: bool | None = xml(
        "@private",
        default=False,
        update=Update.NONE,
        doc="Whether nobody can read the value back from libvirt. A secret that is private stays so.",
    )
    value: SecretValue | None = policy(
        doc="Where the value comes from. A new secret gets it, and an existing one where libvirt says that it has none, or another one; that only apply finds out, and of a private secret nobody does."
    )
