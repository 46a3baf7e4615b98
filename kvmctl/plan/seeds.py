"""The plan for what guests are told at their first start: made with a new machine, replaced under one that exists."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from kvmctl import seeding
from kvmctl.actions import Action, Disruption, Operation, Refusal
from kvmctl.diff import Change
from kvmctl.fields import row_of
from kvmctl.models.vm import VirtualMachine
from kvmctl.plan import equivalent as virsh

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from kvmctl.inventory import Address, Live, Resource
    from kvmctl.plan.steps import Steps
    from kvmctl.seeding import Seed, Seeds

_FIELDS: Final = {seeding.CLOUD_INIT: "cloudInit", seeding.IGNITION: "ignition"}
_PATHS: Final = {(yaml,) for yaml in _FIELDS.values()}


def as_seed(change: Change) -> Change:
    """Return a change of the device by which a guest gets a seed as one of the seed; others as they are."""
    field = {"disks": seeding.CLOUD_INIT, "fwcfgs": seeding.IGNITION}.get(change.path[0])
    before, after = (_path(value) for value in (change.before, change.after))
    if field is None or not any(path and seeding.is_seed(path) for path in (before, after)):
        return change
    return Change((_FIELDS[field],), before, after, change.row)


def _path(value: Any) -> str | None:
    held = value.get("file") or value.get("block") if isinstance(value, dict) else value
    return held if isinstance(held, str) else None


def plan_seeds(steps: Steps, want: Resource, have: Resource | None, seeds: Seeds) -> None:
    """Add what the seeds of a machine need to its steps."""
    if want.address.kind != "vm":
        return
    if have is None:
        steps.actions = [
            _with_seeds(each, seeds) if each.operation is Operation.CREATE else each for each in steps.actions
        ]
        return
    for seed in seeds:
        if seed.stays:
            reason = f"the guest was told otherwise at its first start, and {seed.former_path} stays"
            hint = "write onChange: attach for the guest to find the new one at its next start"
            steps.kept.append(Refusal(want.address, (_change(seed),), Disruption.NONE, reason, hint))
    redefining = next((each for each in steps.actions if each.operation is Operation.REDEFINE), None)
    changes = redefining.because if redefining else ()
    if not any(change.path in _PATHS for change in changes) and all(seed.is_there for seed in seeds):
        return
    action = _seeding(want, have, seeds, changes)
    if redefining is None:
        steps.actions.insert(0, action)
    else:
        note = "; ".join(each for each in (redefining.note, action.note) if each)
        disruption = max(redefining.disruption, action.disruption)
        commands = (*action.equivalent, *redefining.equivalent)
        merged = action._replace(note=note, disruption=disruption, equivalent=commands)
        steps.actions[steps.actions.index(redefining)] = merged


def _with_seeds(action: Action, seeds: Seeds) -> Action:
    told = "; ".join(each for each in (action.note, *map(_about, seeds)) if each)
    commands = (*(command for seed in seeds for command in _commands(seed)), *action.equivalent)
    return action._replace(note=told, equivalent=commands, details={**action.details, "seeds": seeds})


def _seeding(want: Resource, have: Resource, seeds: Seeds, changes: Iterable[Change]) -> Action:
    """Return the action that makes the seeds, changes the definition, and removes the seeds that nothing uses then."""
    live = cast("Live", have.live)
    missing = [seed for seed in seeds if not seed.is_there]
    others = [change for change in changes if change.path not in {(_FIELDS[seed.field],) for seed in missing}]
    because = (*(_change(seed) for seed in missing), *others)
    removed = sorted(set(seeding.seed_paths(live.xml, want.address.name).values()) - {each.used_path for each in seeds})
    disruption = Disruption.NEXT_BOOT if live.active else Disruption.NONE
    fate = (
        "stays while the running guest has it, and goes with a restart by kvmctl or the next change"
        if live.active
        else "is removed"
    )
    notes = [*map(_about, missing), *(f"{path} {fate}" for path in removed)]
    commands = tuple(command for seed in missing for command in _commands(seed))
    details = {"seeds": seeds, "told": tuple(seed for seed in missing if seed.former_path not in ("", seed.path))}
    return Action(want.address, Operation.SEED, disruption, because, commands, "; ".join(notes), details)


def _change(seed: Seed) -> Change:
    before = "" if seed.former_path == seed.path else seed.former_path
    return Change((_FIELDS[seed.field],), before or None, seed.path, row_of(VirtualMachine, seed.field))


def _about(seed: Seed) -> str:
    told = f"makes {seed.path} of {', '.join(sorted(seed.texts))}"
    return f"{told}, which is missing or has other secrets" if seed.former_path == seed.path else told


def _commands(seed: Seed) -> tuple[str, ...]:
    """Return the commands that make a seed by hand, of files with its texts."""
    name, pool = virsh.quote(seed.name), virsh.quote(seed.pool)
    files = " ".join(sorted(seed.texts))
    make = f"genisoimage -output {name} -volid cidata -joliet -rock {files}" if seed.field == seeding.CLOUD_INIT else ""
    size = f"$(stat -c %s {name})"
    return (
        *((make,) if make else (f"mv config {name}",)),
        f"virsh vol-create-as {pool} {name} {size} --format raw",
        f"virsh vol-upload {name} {name} --pool {pool}",
    )


def with_seeds(
    complete: Mapping[Address, Resource], have: Mapping[Address, Resource], seeds: Mapping[Address, Seeds], arch: str
) -> dict[Address, Resource]:
    """Return the wanted resources, those that have seeds with the devices by which their guests get them."""
    return {
        address: seeding.with_devices(each, have.get(address), seeds[address], arch) if address in seeds else each
        for address, each in complete.items()
    }
