"""What the specs of all kinds have: the profiles that they begin with."""

from __future__ import annotations

from kvmctl.codec import Text
from kvmctl.fields import Model, model, policy
from kvmctl.models.metadata import NAME


@model()
class Profiled(Model):
    """A spec that goes over those of profiles."""

    profiles: tuple[str, ...] | None = policy(
        codec=Text(NAME.pattern, expects="the name of a Profile"),
        doc="Names of the Profiles that this spec goes over: each goes over the ones before it, and what stands here over all of them.",
    )
