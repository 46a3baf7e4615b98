"""Smartcards (libvirt: docs/formatdomain, "Smartcard devices")."""

from __future__ import annotations

from typing import Literal

from kvmctl.codec import Text
from kvmctl.fields import model, xml
from kvmctl.models.character_source import MODE_DOC, OF_THE_TYPE, TYPE_DOC, SourcePlace, SourceType
from kvmctl.models.device import Placed


@model()
class Smartcard(SourcePlace, Placed):
    """A smartcard reader with a card."""

    mode: Literal["host", "host-certificates", "passthrough"] | None = xml(
        "@mode",
        required=True,
        doc="Whose card it is: the host's, one made of certificates, or one that a program offers.",
    )
    certificates: tuple[str, ...] | None = xml(
        "certificate", doc="Names of three certificates in the host's database (host-certificates)."
    )
    database: str | None = xml(
        "database", codec=Text(r"/.+", "an absolute path on the host, starting with /"),
        doc="Folder of the host's certificate database; /etc/pki/nssdb when omitted (host-certificates).",
    )  # fmt: skip
    type: SourceType | None = xml("@type", clears=OF_THE_TYPE, doc=f"{TYPE_DOC} With passthrough only.")
    source_mode: Literal["connect", "bind"] | None = xml(
        "source/@mode", types=("unix", "tcp"), left_open=(), doc=MODE_DOC
    )
