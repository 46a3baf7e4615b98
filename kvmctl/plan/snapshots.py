"""The plan for a machine's snapshots: taken before anything else is changed, removed after it and with permission."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, cast

from kvmctl import xmlio
from kvmctl.actions import Action, Disruption, Operation, Refusal
from kvmctl.diff import Change, diff
from kvmctl.fields import UNSET, changed, known, stating
from kvmctl.models.vm import VirtualMachine
from kvmctl.plan import equivalent as virsh
from kvmctl.plan.taking import OFF, Impossible, Taking, taking
from kvmctl.resolve import OVERLAY_FORMAT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kvmctl.inventory import Live, Resource
    from kvmctl.models.snapshot import Snapshot
    from kvmctl.observe.snapshots import Taken
    from kvmctl.plan.steps import Steps

GUARD: Final = "kvmctl-guard"
"""The snapshot of `apply --guard`."""
_NONE: Final[Mapping[str, str]] = MappingProxyType({})
_WHOLE: Final = 2
"""The length of a change's path when a whole snapshot comes or goes."""


def without_snapshots(want: Resource) -> Resource:
    """Return the resource without its snapshots, which are planned beside all else."""
    if want.address.kind != "vm" or getattr(want.spec, "snapshots", UNSET) is UNSET:
        return want
    return want._replace(spec=replace(cast("VirtualMachine", want.spec), snapshots=cast("Any", UNSET)))


def plan_snapshots(steps: Steps, want: Resource, have: Resource | None, *, allow_data_loss: bool) -> None:
    """Add the steps from a machine's snapshots to the wanted ones; a new machine is complete before its first."""
    spec = cast("VirtualMachine", want.spec)
    if want.address.kind != "vm" or known(spec.snapshots) is None or (have is None and not steps.actions):
        return
    existing = cast("VirtualMachine", have.spec).snapshots if have else ()
    wishes = {str(each.name): each for each in spec.snapshots or ()}
    changes = diff(stating(VirtualMachine, snapshots=existing or ()), stating(VirtualMachine, snapshots=spec.snapshots))
    before, overlays = len(steps.actions), dict[str, str]()
    for change in changes:
        if len(change.path) > _WHOLE:
            reason = f"snapshot {change.item} is there already, and {change.text} is otherwise"
            steps.refuse(change, reason, change.row.reason)
        elif change.after is not None:
            _take(steps, want, have, wishes[change.item], change, overlays=overlays)
    if have is not None:
        steps.actions[:] = steps.actions[before:] + steps.actions[:before]
        _remove(steps, have, [change for change in changes if _is_extra(change)], allow_data_loss=allow_data_loss)


def _is_extra(change: Change) -> bool:
    return len(change.path) == _WHOLE and change.after is None


def _take(  # noqa: PLR0913 - the machine on both sides, the snapshot, and what came before it
    steps: Steps, want: Resource, have: Resource | None, wish: Snapshot, change: Change, *, overlays: dict[str, str]
) -> None:  # fmt: skip
    """Add the action; `overlays` are those that snapshots of this plan put upon the images, by target."""
    how = of_existing(have, wish, overlays) if have else of_new(want, wish, overlays)
    if isinstance(how, Impossible):
        steps.refuse(change, f"snapshot {wish.name} can't be taken: {how.reason}", how.hint)
        return
    overlays |= {str(disk.target): file for disk in how.snapshot.disks or () if (file := known(disk.file))}
    action = take_action(want, how, (change,))
    # Nobody relies yet on a machine that was made a moment ago.
    steps.actions.append(action if have else action._replace(disruption=Disruption.NONE))


def take_action(machine: Resource, how: Taking, because: Sequence[Change], note: str = "") -> Action:
    """Return the action that takes a snapshot."""
    told = "; ".join(each for each in (note, how.note) if each)
    details = {
        "snapshot": how.snapshot, "disks_only": how.disks_only, "live": how.live, "quiesce": how.quiesce,
    }  # fmt: skip
    return Action(
        machine.address, Operation.SNAPSHOT, how.disruption, tuple(because), virsh.take_snapshot(machine, how), told,
        details,
    )  # fmt: skip


def of_existing(have: Resource, wish: Snapshot, overlays: Mapping[str, str] = _NONE) -> Taking | Impossible:
    """Return how a snapshot is taken of an existing machine, by its definition in effect and earlier `overlays`."""
    live = cast("Live", have.live)
    root = xmlio.parse(live.running_xml or live.xml)
    power = str(cast("VirtualMachine", have.spec).power_state) if live.active else OFF
    has_nvram = root.find("os[@firmware='efi']") is not None or root.find("os/nvram") is not None
    has_tpm = root.find("devices/tpm/backend[@type='emulator']") is not None
    parts = {"NVRAM": has_nvram, "TPM state": has_tpm, "saved memory": live.facts.get("managed_save")}
    beside = [name for name, there in parts.items() if there]
    spec = xmlio.read(VirtualMachine, root)
    if has_nvram:
        spec = replace(spec, os=replace(cast("Any", spec.os), firmware="uefi"))
    return taking(wish, _upon(spec, overlays), power, beside)


def _upon(spec: VirtualMachine, overlays: Mapping[str, str]) -> VirtualMachine:
    """Return the machine as it is once the overlays of earlier snapshots are its disks."""
    if not overlays:
        return spec
    disks = [
        changed(disk, file=overlays[str(disk.target)], format=OVERLAY_FORMAT) if disk.target in overlays else disk
        for disk in known(spec.disks) or ()
    ]
    return replace(spec, disks=tuple(disks))


def of_new(want: Resource, wish: Snapshot, overlays: Mapping[str, str] = _NONE) -> Taking | Impossible:
    """Return how a snapshot is taken of a machine that the plan makes."""
    spec = cast("VirtualMachine", want.spec)
    uefi = known(spec.os) and spec.os and spec.os.firmware == "uefi"
    return taking(wish, _upon(spec, overlays), known(spec.power_state) or OFF, ["NVRAM"] if uefi else [])


def _remove(steps: Steps, have: Resource, extra: Sequence[Change], *, allow_data_loss: bool) -> None:
    """Add the removals, children first, or say what is kept."""
    by_name = {change.item: change for change in extra}
    several: tuple[Taken, ...] = cast("Live", have.live).facts["taken"]
    snapshots = {each.name: each for each in several}
    for name in [name for name in reversed(list(snapshots)) if name in by_name]:
        change = by_name[name]
        if name == GUARD:
            reason = f"snapshot {GUARD} was left by an apply --guard that was cut short, and is kept"
            hint = f"kvmctl revert {have.address}@{GUARD}, or virsh snapshot-delete {have.address.name} {GUARD}"
            steps.kept.append(Refusal(have.address, (change,), Disruption.DATA_LOSS, reason, hint))
        elif not allow_data_loss:
            reason = f"snapshot {name} isn't in the manifest, and is kept"
            hint = "list it there, or say --allow-data-loss to remove it"
            steps.kept.append(Refusal(have.address, (change,), Disruption.DATA_LOSS, reason, hint))
        elif _is_external(snapshots[name]) and _is_internal(snapshots.get(snapshots[name].parent)):
            reason = f"libvirt can't remove the external snapshot {name}, whose parent is an internal one"
            steps.refuse(change, reason, f"remove {snapshots[name].parent} first, or list {name} in the manifest")
        else:
            steps.actions.append(remove_action(have, snapshots[name], (change,)))


def _is_external(taken: Taken) -> bool:
    return any(True for _ in taken.disks("external"))


def _is_internal(taken: Taken | None) -> bool:
    return taken is not None and not _is_external(taken)


def remove_action(have: Resource, taken: Taken, because: Sequence[Change]) -> Action:
    """Return the action that removes a snapshot, which is data."""
    merged = [f"{overlay} is merged into {image}" for image, overlay in taken.disks("external")]
    memory = taken.snapshot.memory
    left = [f"the file {memory.file} of its memory stays"] if memory and known(memory.file) else []
    note = "; ".join([*merged, *left, "the machine goes on as it is, and there is no way back to that moment"])
    command = virsh.domain(have, "snapshot-delete", virsh.quote(taken.name))
    details = {"snapshot": taken.name}
    return Action(have.address, Operation.UNSNAPSHOT, Disruption.DATA_LOSS, tuple(because), command, note, details)
