"""Secrets by reference: nothing here holds a value, only the UUID or the usage name under which libvirt keeps one."""

from __future__ import annotations

from typing import Literal

from kvmctl.codec import Uuid
from kvmctl.fields import Model, Update, model, xml


@model()
class AuthSecret(Model):
    """The secret to log in with, by its usage name or its UUID."""

    type: Literal["ceph", "iscsi"] | None = xml(
        "@type", required=True, update=Update.REPLUG, doc="What the secret is for: ceph with rbd, else iscsi."
    )
    usage: str | None = xml(
        "@usage", refers="secret", loose=True, update=Update.REPLUG, doc="Usage name of the secret."
    )
    uuid: str | None = xml(
        "@uuid",
        codec=Uuid(),
        refers="secret",
        loose=True,
        update=Update.REPLUG,
        doc="UUID of the secret, instead of its usage.",
    )


@model()
class Auth(Model):
    """Who logs in at a storage server, and with which secret."""

    username: str | None = xml("@username", required=True, update=Update.REPLUG, doc="Name of the user.")
    secret: AuthSecret | None = xml(
        "secret", update=Update.REPLUG, doc="The secret of libvirt that holds the password."
    )
