"""Storage pools: defined, built, started, stopped, removed; what lies in them stays."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from kvmctl.apply.definition import define_change, define_new
from kvmctl.fields import known
from kvmctl.plan.creation import builds, starts

if TYPE_CHECKING:
    from kvmctl.actions import Action
    from kvmctl.apply.context import Context
    from kvmctl.inventory import Live
    from kvmctl.models.pool import StoragePool


def create(action: Action, context: Context) -> None:
    """Define a new pool, make its folder, start it unless it is to stay off, and set its autostart."""
    hypervisor, name, spec = (
        context.hypervisor,
        action.address.name,
        cast("StoragePool", context.want(action).spec),
    )
    define_new(
        action.address,
        spec,
        hypervisor.define_pool,
        lambda: hypervisor.pool_xml(name),
        lambda: hypervisor.undefine_pool(name),
    )
    if builds(spec):
        hypervisor.build_pool(name, str(spec.type))
    if starts(spec):
        hypervisor.start_pool(name)
    if known(spec.autostart):
        hypervisor.set_pool_autostart(name, True)


def redefine(action: Action, context: Context) -> None:
    """Write the manifest's fields onto the definition; an active pool goes on as it is."""
    hypervisor, name = context.hypervisor, action.address.name
    former = hypervisor.pool_xml(name)
    define_change(
        action.address,
        context.want(action).spec,
        hypervisor.define_pool,
        lambda: hypervisor.pool_xml(name),
        former=former,
    )


def start(action: Action, context: Context) -> None:
    """Start the pool; a folder that is missing is made first, as on creation."""
    spec = cast("StoragePool", context.want(action).spec)
    if builds(spec) and spec.type == "dir":
        context.hypervisor.build_pool(action.address.name, "dir")
    context.hypervisor.start_pool(action.address.name)


def stop(action: Action, context: Context) -> None:
    """Stop the pool; files and definition stay."""
    context.hypervisor.stop_pool(action.address.name)


def set_autostart(action: Action, context: Context) -> None:
    """Set whether the pool starts with the host."""
    context.hypervisor.set_pool_autostart(action.address.name, action.details["value"])


def delete(action: Action, context: Context) -> None:
    """Stop the pool if it is active and remove its definition; its files stay."""
    live = cast("Live", context.plan.have[action.address].live)
    if live.active:
        stop(action, context)
    if live.persistent:
        context.hypervisor.undefine_pool(action.address.name)
