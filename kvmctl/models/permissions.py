"""Permissions of what libvirt makes on the host: folders of pools, files of volumes."""

from __future__ import annotations

from kvmctl.codec import FileMode, Integer
from kvmctl.fields import Model, model, xml

_ID = Integer(0, 2**32 - 2)


@model()
class Permissions(Model):
    """Who owns a folder, and who may enter it."""

    mode: str | None = xml("mode", codec=FileMode(), doc='Permission bits in octal, in quotes: "0755".')
    owner: int | None = xml(
        "owner", codec=_ID, doc="Number of the user that it belongs to; libvirt's own when omitted on creation."
    )
    group: int | None = xml(
        "group", codec=_ID, doc="Number of the group that it belongs to; libvirt's own when omitted on creation."
    )
    label: str | None = xml("label", doc="SELinux label.")
