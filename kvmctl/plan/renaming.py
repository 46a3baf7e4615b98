"""The plan for a machine that gets another name and keeps all else: definition, disks, snapshots, NVRAM, autostart."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from kvmctl import xmlio
from kvmctl.actions import Action, Disruption, Operation
from kvmctl.diff import Change
from kvmctl.fields import known, rows
from kvmctl.models.metadata import Metadata
from kvmctl.plan import equivalent as virsh

if TYPE_CHECKING:
    from kvmctl.inventory import Live, Resource
    from kvmctl.models.vm import VirtualMachine
    from kvmctl.plan.steps import Steps


def plan_rename(steps: Steps, want: Resource, have: Resource) -> None:
    """Add the rename before all other actions, where the machine has another name, or refuse it with the reason."""
    former = cast("Live", have.live).facts.get("named")
    if former is None:
        return
    change = Change(("metadata", "name"), former, want.address.name, rows(Metadata)["name"])
    obstacle = _obstacle(former, want, have)
    if obstacle is not None:
        steps.refuse(change, *obstacle)
        return
    command = f"virsh domrename {virsh.quote(former)} {virsh.quote(want.address.name)}"
    details = {"former": former}
    rename = Action(steps.address, Operation.RENAME, Disruption.NONE, (change,), (command,), "", details)
    steps.actions.insert(0, rename)


def _obstacle(former: str, want: Resource, have: Resource) -> tuple[str, str] | None:
    """Return why the machine can't be renamed as it is, and what to do; None where it can."""
    live = cast("Live", have.live)
    if live.active:
        return f"vm/{former} runs, and libvirt renames only what is off", "shut it down first"
    if live.facts.get("managed_save"):
        reason = f"the memory of vm/{former} is saved, and libvirt doesn't rename it with that"
        return reason, "start it and shut it down first"
    if _picks_nvram(want, have):
        reason = (
            f"libvirt picked the place of the NVRAM of vm/{former} by its name; under another name it would get a new "
            "one, without its boot entries and keys"
        )
        return reason, f"state the file: os: {{nvram: {{path: /var/lib/libvirt/qemu/nvram/{former}_VARS.fd}}}}"
    return None


def _picks_nvram(want: Resource, have: Resource) -> bool:
    """Say whether libvirt chooses the place of the machine's NVRAM at each start."""
    root = xmlio.parse(cast("Live", have.live).xml)
    if root.find("os[@firmware='efi']") is None or root.findtext("os/nvram"):
        return False
    held = known(cast("VirtualMachine", want.spec).os)
    nvram = known(held.nvram) if held else None
    return nvram is None or known(nvram.path) is None
