"""What every manifest says of its resource beside the spec: the name, and words to find it by."""

from __future__ import annotations

from collections.abc import Mapping

from kvmctl.codec import Text
from kvmctl.fields import Model, model, policy

# libvirt keeps each object in a file NAME.xml and each volume in a file NAME, so a name has to be a file name.
NAME = Text(
    r"(?!\.{1,2}$)[^\s/\x00-\x1f\x7f](?:[^/\x00-\x1f\x7f]{0,253}[^\s/\x00-\x1f\x7f])?",
    expects="a name of 1 to 255 characters without /, control characters, or spaces at its ends",
)


@model()
class Metadata(Model):
    """Name, labels and annotations of a resource."""

    name: str | None = policy(
        codec=NAME, required=True, doc="Name of the resource, unique within its kind on the host."
    )
    labels: Mapping[str, str] | None = policy(doc="Words to select resources by, on the command line with --selector.")
    annotations: Mapping[str, str] | None = policy(doc="Free text for people and other tools.")
