"""The plan for one secret."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from kvmctl.actions import Disruption, Operation
from kvmctl.diff import Change, diff
from kvmctl.document import encode
from kvmctl.fields import rows
from kvmctl.models.secret import Secret, SecretValue
from kvmctl.plan import equivalent as virsh
from kvmctl.plan.steps import Steps

if TYPE_CHECKING:
    from kvmctl.inventory import Live, Resource


def plan_secret(want: Resource, have: Resource) -> Steps:
    """Return the steps from an existing secret to the wanted one; its value is planned by `set_value`."""
    steps = Steps(want.address)
    config = [change for change in steps.refuse_by_row(diff(have.spec, want.spec)) if not _refused(steps, change)]
    if config:
        commands = virsh.redefine(want.address, config, cast("Live", have.live).facts["uuid"])
        steps.add(Operation.REDEFINE, Disruption.NONE, config, commands)
    return steps


def _refused(steps: Steps, change: Change) -> bool:
    """Refuse to show what was private: libvirt has no way back (libvirt 9.0, virSecretObjListAdd)."""
    if change.path != ("private",) or change.after:
        return False
    hint = "write private: true, or delete the secret and create it anew"
    steps.refuse(change, "libvirt lets nobody make a private secret readable again", hint)
    return True


def set_value(steps: Steps, want: Resource, have: Resource, *, missing: bool) -> None:
    """Add the step that gives an existing secret its value; it comes first, while libvirt still shows the value."""
    source = encode(cast("SecretValue", cast("Secret", want.spec).value))
    later = Steps(want.address, actions=steps.actions)
    steps.actions = []
    steps.add(
        Operation.SET_VALUE,
        Disruption.NONE if missing else Disruption.NEXT_BOOT,
        [Change(("value",), None, source, rows(Secret)["value"])],
        (virsh.set_value(source, cast("Live", have.live).facts["uuid"]),),
        "libvirt has no value for it"
        if missing
        else "libvirt has another value; users get the new one when they next start",
    )
    steps.actions += later.actions
