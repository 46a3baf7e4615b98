"""Security labels of single devices (libvirt: docs/formatdomain, "Security label")."""

from __future__ import annotations

from kvmctl.fields import Model, model, xml


@model(keys=(("model",),))
class SourceSeclabel(Model):
    """What a security driver of the host does with one file or socket, otherwise than with the machine's others."""

    model: str | None = xml(
        "@model", doc="Security driver, such as selinux, apparmor or dac; all of them when omitted."
    )
    relabel: bool | None = xml("@relabel", doc="Whether the file is given the label when the machine starts.")
    label: str | None = xml("label", doc="Label that the file is given, such as system_u:object_r:svirt_image_t:s0.")


@model()
class LabelledSource(Model):
    """The row that each model of a device with a file or socket of its own takes over by naming this one as its parent."""

    seclabels: tuple[SourceSeclabel, ...] | None = xml(
        "source/seclabel", types=("file", "unix", "dev", "pipe"),
        doc="What security drivers do with the file or socket (file, unix, dev, pipe); complete when given.",
    )  # fmt: skip
