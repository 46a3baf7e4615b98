"""The plan for one disk."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, Any, Final, cast

from kvmctl import record
from kvmctl.actions import Disruption, Operation
from kvmctl.codec import format_size
from kvmctl.diff import Change, diff
from kvmctl.fields import known, rows
from kvmctl.models.disk import Disk
from kvmctl.plan import equivalent as virsh
from kvmctl.plan.disk_move import Around, Wish, asks_for_another_image, plan_move
from kvmctl.plan.steps import Steps
from kvmctl.resolve import disk_place

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kvmctl.inventory import Inventory, Live, Resource


def plan_disk(want: Resource, have: Resource, around: Around) -> Steps:
    """Return the steps from an existing disk to the wanted one: it gets another image, and it grows."""
    steps = Steps(want.address)
    changes = steps.refuse_by_row(diff(have.spec, want.spec))
    if asks_for_another_image(want, have, changes):
        plan_move(steps, Wish(want, have, changes, around), allow_data_loss=around.allow_data_loss)
    for change in changes:
        if change.path == ("size",):
            _resize(steps, want, have, change)
    _refuse_other_source(steps, want, have)
    steps.actions.sort(key=lambda action: action.operation is Operation.DISCARD)  # what is left behind goes last
    return steps


def refuse_move(wish: Resource, want: Inventory, have: Inventory) -> Steps | None:
    """Return the refusal of a new disk where a machine uses one of that name in another pool; else None.

    Making an empty one would leave the machine's content behind: changing `pool` means moving the image.
    """
    if wish.address.kind != "disk":
        return None
    place = disk_place(wish.address.name, want, have).path
    for resource in have.values():
        for target, path in (cast("Live", resource.live).facts.get("disk_paths") or {}).items():
            if posixpath.basename(path) == wish.address.name and path != place:
                steps = Steps(wish.address)
                change = Change(("pool",), posixpath.dirname(path), cast("Disk", wish.spec).pool, rows(Disk)["pool"])
                reason = f"{resource.address} has {path} as its {target}, whose content would stay behind"
                steps.refuse(
                    change,
                    reason,
                    "write the pool that it is in, or give the new disk another name",
                    Disruption.DATA_LOSS,
                )
                return steps
    return None


def _refuse_other_source(steps: Steps, want: Resource, have: Resource) -> None:
    """Refuse a source that is not the one which the disk was filled with: what a guest wrote since would be lost."""
    source = known(cast("Disk", want.spec).source)
    remembered = cast("Live", have.live).facts.get("source")
    if source is None or not remembered or not record.is_other(remembered, source):
        return
    change = Change(("source",), remembered, record.written(source), rows(Disk)["source"])
    hint = "give the new content a Disk of its own name, or delete this one with --allow-data-loss first"
    steps.refuse(
        change, "an existing disk is never filled anew: what is on it would be lost", hint, Disruption.DATA_LOSS
    )


def refuse_unseen(want: Resource) -> Steps:
    """Return the refusal of a disk that may be there or not: its pool is stopped, and the manifests don't start it."""
    steps = Steps(want.address)
    pool = str(cast("Disk", want.spec).pool)
    steps.refuse(
        Change(("pool",), None, pool, rows(type(want.spec))["pool"]),
        f"pool/{pool} is not active, so nobody can see whether the disk exists",
        f"start it with virsh pool-start {virsh.quote(pool)}, or write active: true in its manifest",
    )
    return steps


def _resize(steps: Steps, want: Resource, have: Resource, change: Change) -> None:
    size, current = cast("int", cast("Disk", want.spec).size), cast("int", cast("Disk", have.spec).size)
    if size < current:
        reason = f"a disk is never shrunk: what lies beyond {format_size(size)} would be lost"
        hint = f"write size: {format_size(current, exact=True)}, or make a smaller Disk and copy the file systems"
        steps.refuse(change, reason, hint, Disruption.DATA_LOSS)
        return
    facts = cast("Live", have.live).facts
    if _refuse_with_snapshots(steps, facts, change):
        return
    users: dict[str, str] = facts.get("used_by") or {}
    exact = format_size(size, exact=True)
    if users:
        name, target = next(iter(users.items()))
        command = (f"virsh blockresize {virsh.quote(name)} {target} {size}B",)
        steps.add(
            Operation.RESIZE,
            Disruption.LIVE,
            [change],
            command,
            "; ".join([f"in use by vm/{name}, which sees the new size at once", *_of_snapshots(facts)]),
            value=size,
            domain=name,
            path=target,
        )
        return
    pool = known(cast("Any", want.spec).pool)
    steps.add(
        Operation.RESIZE,
        Disruption.NONE,
        [change],
        (f"virsh vol-resize {virsh.quote(want.address.name)} {exact} --pool {virsh.quote(str(pool))}",),
        "; ".join(_of_snapshots(facts)),
        value=size,
    )


_VERSION_2: Final = "0.10"
"""The `compat` of qcow2 images of version 2, which have no room for the size that each snapshot had."""


def _refuse_with_snapshots(steps: Steps, facts: Mapping[str, Any], change: Change) -> bool:
    """Refuse another size where a snapshot forbids it; False where none does.

    QEMU doesn't resize a qcow2 of version 2 that has snapshots (QEMU 7.2), and under an overlay the guest wouldn't see
    it.
    """
    upon: dict[str, str] = facts.get("overlays_upon") or {}
    within: list[str] = facts.get("snapshots_within") or []
    if upon:
        overlay, holder = next(iter(upon.items()))
        reason = f"the external snapshot {holder} keeps {facts['path']} as it was; its machine writes to {overlay}"
        steps.refuse(change, reason, "remove the snapshot first, which merges the two")
    elif within and facts["compat"] == _VERSION_2:
        reason = (
            f"{facts['path']} is a qcow2 of version 2 and holds {', '.join(within)}: QEMU can't resize such an image"
        )
        hint = f"remove the snapshots, or stop its machine and run qemu-img amend -o compat=1.1 {facts['path']}"
        steps.refuse(change, reason, hint)
    return bool(upon) or (bool(within) and facts["compat"] == _VERSION_2)


def _of_snapshots(facts: Mapping[str, Any]) -> list[str]:
    """Return what becomes of the size with the snapshots in the image."""
    within: list[str] = facts.get("snapshots_within") or []
    return [f"{', '.join(within)} keeps the former size: reverting brings that back"] if within else []
