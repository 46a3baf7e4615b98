"""The plan that brings a machine back to a snapshot: what changes with it, and what is lost."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, cast

from kvmctl import xmlio
from kvmctl.actions import Action, Disruption, Operation, Refusal
from kvmctl.diff import Change, diff
from kvmctl.fields import rows
from kvmctl.models.vm import VirtualMachine
from kvmctl.plan import equivalent as virsh
from kvmctl.plan.build import Plan
from kvmctl.plan.taking import OFF

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kvmctl.inventory import Inventory, Live, Resource
    from kvmctl.observe.snapshots import Taken

_POWER: Final = {"running": "Running", "paused": "Paused"}


def build_revert(have: Resource, taken: Taken) -> Plan:
    """Return the plan that brings a machine back to one of its snapshots; `have` was read whole."""
    inventory: Inventory = {have.address: have}
    overlays = [overlay for _, overlay in taken.disks("external")]
    if overlays or _is_external_memory(taken):
        return Plan((), {}, (_refusal(have, taken, overlays),), have=inventory)
    return Plan((revert_action(have, taken),), {0: frozenset()}, have=inventory)


def revert_action(have: Resource, taken: Taken) -> Action:
    """Return the action that brings a machine back to an internal snapshot."""
    images = ", ".join(image for image, _ in taken.disks("internal"))
    live, power = cast("Live", have.live), _POWER.get(taken.state, OFF)
    notes = [f"what was written to {images} since then is lost", _ABOUT[power]]
    notes += ["its QEMU is replaced, which breaks open connections and consoles"] if live.active else []
    notes += ["its saved memory is removed"] if live.facts.get("managed_save") else []
    return Action(
        have.address,
        Operation.REVERT,
        Disruption.DATA_LOSS,
        tuple(_changes(have, taken, power)),
        (*_forget_saved(have, live.facts), *virsh.domain(have, "snapshot-revert", virsh.quote(taken.name))),
        "; ".join(notes),
        {"snapshot": taken.name, "power": power},
    )


_ABOUT: Final = {
    "Running": "the guest runs on from the memory in the snapshot",
    "Paused": "the guest stands still with the memory in the snapshot",
    OFF: "the machine is off afterwards",
}


def _forget_saved(have: Resource, facts: Mapping[str, Any]) -> Sequence[str]:
    return virsh.domain(have, "managedsave-remove") if facts.get("managed_save") else ()


def _changes(have: Resource, taken: Taken, power: str) -> list[Change]:
    """Return what of the definition and the power state goes back to what it was."""
    then = xmlio.read(VirtualMachine, xmlio.parse(taken.machine))
    now = xmlio.read(VirtualMachine, xmlio.parse(cast("Live", have.live).xml))
    found = list(diff(now, replace(then, uuid=now.uuid), running=True))
    before = cast("VirtualMachine", have.spec).power_state
    if before != power:
        found.append(Change(("powerState",), before, power, rows(VirtualMachine)["powerState"]))
    return found


def _is_external_memory(taken: Taken) -> bool:
    return taken.snapshot.memory is not None and taken.snapshot.memory.snapshot == "external"


def _refusal(have: Resource, taken: Taken, overlays: Sequence[str]) -> Refusal:
    """Return why a machine can't go back to an external snapshot and how it is done by hand."""
    images = ", ".join(f"{image} (the machine writes to {overlay})" for image, overlay in taken.disks("external"))
    over = " ".join(virsh.quote(overlay) for overlay in overlays)
    return Refusal(
        have.address,
        (),
        Disruption.DATA_LOSS,
        f"snapshot {taken.name} is external, and kvmctl can't revert to such a one, as libvirt couldn't before 9.9: "
        f"it is kept in {images}",
        f"to go back by hand, stop the machine, move {over or 'its overlays'} away, and make new overlays of the same "
        "names with qemu-img create -f qcow2 -F FORMAT -b IMAGE OVERLAY",
    )
