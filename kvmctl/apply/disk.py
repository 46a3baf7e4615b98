"""Disks: made empty, from a file, or from another disk; grown; deleted where that was allowed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from kvmctl import record, xmlio
from kvmctl.apply.filling import fill
from kvmctl.apply.unfinished import settled, start_over
from kvmctl.apply.volume import pool_type, preallocates, volume_xml
from kvmctl.diff import diff
from kvmctl.errors import HypervisorError
from kvmctl.fields import known
from kvmctl.models.disk import Disk
from kvmctl.moving import UNFINISHED
from kvmctl.observe.volumes import as_meant

if TYPE_CHECKING:
    from kvmctl.actions import Action
    from kvmctl.apply.context import Context
    from kvmctl.models.pool import StoragePool


def create(action: Action, context: Context) -> None:
    """Make a disk whole or not at all; one that turned up meanwhile is kept as it is."""
    spec, hypervisor = cast("Disk", context.want(action).spec), context.hypervisor
    pool, name = str(spec.pool), action.address.name
    source = known(spec.source)
    with context.lane(pool):
        there = settled(context, pool)
        if name + UNFINISHED in there:
            start_over(context, pool, name)
        elif name in there:
            _refuse_other(action, context)
            return
        if source is None:
            xml = _volume_xml(name, spec, int(cast("int", known(spec.size) or 0)), context)
            hypervisor.create_volume(pool, xml, preallocate=preallocates(spec))
            return
    fill(action, context, source)
    context.remember(f"{pool}/{name}", record.written(source))


def _refuse_other(action: Action, context: Context) -> None:
    """Raise when a disk that the plan couldn't see, because its pool was off, isn't the wanted one."""
    spec = cast("Disk", context.want(action).spec)
    xml = context.hypervisor.volume_xml(str(spec.pool), action.address.name)
    changes = diff(as_meant(xmlio.read(Disk, xmlio.parse(xml), spec), spec), spec)
    if changes:
        told = ", ".join(f"{change.text} is {change.before}, not {change.after}" for change in changes)
        raise HypervisorError(
            f"{action.address} is there already, and differs: {told}", "plan again: it can be seen now"
        )


def _volume_xml(name: str, spec: Disk, size: int, context: Context) -> str:
    return volume_xml(name, spec, size, pool_type(context, str(spec.pool)))


def resize(action: Action, context: Context) -> None:
    """Grow a disk: through the running guest that uses it, or else through its pool."""
    details, hypervisor = action.details, context.hypervisor
    pool = str(cast("Disk", context.want(action).spec).pool)
    if "domain" in details:
        hypervisor.block_resize(details["domain"], details["path"], details["value"])
    with context.lane(pool):
        if "domain" in details:
            hypervisor.refresh_pool(pool)
        else:
            hypervisor.resize_volume(pool, action.address.name, details["value"])


def delete(action: Action, context: Context) -> None:
    """Delete the volume and its contents; the plan listed its path, and the user allowed it."""
    have = context.plan.have[action.address]
    pool = cast("StoragePool | Any", cast("Disk", have.spec).pool)
    volume = have.live.facts.get("volume", action.address.name) if have.live else action.address.name
    with context.lane(str(pool)):
        context.hypervisor.delete_volume(str(pool), volume)
    context.remember(f"{pool}/{volume}", None)
