"""Leases of a lock manager (libvirt: docs/formatdomain, "Device leases")."""

from __future__ import annotations

from kvmctl.codec import ByteCount, Text
from kvmctl.fields import Model, Update, model, xml


@model(keys=(("key", "lockspace"), ("key",)))
class Lease(Model):
    """A lease that the lock manager must get before the machine may run."""

    lockspace: str | None = xml("lockspace", required=True, update=Update.REPLUG, doc="Name of the lock space.")
    key: str | None = xml("key", required=True, update=Update.REPLUG, doc="Name of the lease within its space.")
    path: str | None = xml(
        "target/@path",
        codec=Text(r"/.+", "an absolute path on the host, starting with /"),
        required=True,
        update=Update.REPLUG,
        doc="Path on the host of the file that holds the lock space.",
    )
    offset: int | None = xml(
        "target/@offset", codec=ByteCount(), absent=0, update=Update.REPLUG, doc="Where in that file the lease is."
    )
