"""A machine's snapshot (libvirt: docs/formatsnapshot)."""

from __future__ import annotations

from kvmctl.codec import Choice, Text
from kvmctl.fields import Model, Update, model, policy, xml

_PATH = Text(r"/.+", "an absolute path on the host, starting with /")
_NAME = Text(r"[A-Za-z0-9_.][A-Za-z0-9_.+-]*", "a name of letters, digits and _ . + -")
_PLACE = Choice(("internal", "external", "none"), xml=(("none", "no"),))
_FIXED = "a snapshot can't be changed once it was taken: write it as it is, or give the new one another name"


@model(short=("snapshot",))
class SnapshotMemory(Model):
    """Whether and where a snapshot of a running machine keeps its memory."""

    snapshot: str | None = xml(
        "@snapshot", codec=_PLACE, update=Update.REFUSED, reason=_FIXED,
        doc="Where the memory is kept: in the first disk's image (internal), in a file (external), or nowhere (none).",
    )  # fmt: skip
    file: str | None = xml(
        "@file", codec=_PATH, update=Update.REFUSED, reason=_FIXED,
        doc="Path on the host of the file that keeps the memory, with external.",
    )  # fmt: skip


@model(keys=(("target",),), implicit=(("snapshot", "none"),))
class SnapshotDisk(Model):
    """What a snapshot keeps of one disk."""

    target: str | None = xml("@name", required=True, doc="Name of the disk's device, such as vda.")
    snapshot: str | None = xml(
        "@snapshot", codec=_PLACE, update=Update.REFUSED, reason=_FIXED,
        doc="Within the image (internal, qcow2 only), by an overlay that takes what is written from then on (external), or not at all (none).",
    )  # fmt: skip
    file: str | None = xml(
        "source/@file", codec=_PATH, update=Update.REFUSED, reason=_FIXED,
        doc="Path on the host of the overlay, with external; beside the image, with the snapshot's name as its ending, when omitted.",
    )  # fmt: skip


@model(keys=(("name",),))
class Snapshot(Model):
    """The state of a machine at one moment: its disks, its definition, its memory if it ran."""

    name: str | None = xml("name", codec=_NAME, required=True, doc="Name of the snapshot.")
    description: str | None = xml(
        "description", update=Update.REFUSED, reason=_FIXED, doc="Free text about the snapshot."
    )
    memory: SnapshotMemory | None = xml(
        "memory", update=Update.REFUSED, reason=_FIXED,
        doc="The memory of a running machine; when omitted, kept within the image where the disks are. A machine that is off has none.",
    )  # fmt: skip
    disks: tuple[SnapshotDisk, ...] | None = xml(
        "disks/disk", update=Update.REFUSED, reason=_FIXED,
        doc="The disks in the snapshot, complete when given; when omitted all that the guest can write to: internal, or external where the memory is external or a running machine's is none.",
    )  # fmt: skip
    quiesce: bool | None = policy(
        doc="Whether the guest's agent freezes the file systems for the moment of an external snapshot without memory."
    )
