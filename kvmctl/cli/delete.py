"""`kvmctl delete`: stop and undefine; contents of disks only where that was allowed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kvmctl.actions import Disruption
from kvmctl.cli import carry_out, completion, options, selection, session, show
from kvmctl.errors import KvmctlError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kvmctl.hypervisor import Hypervisor
    from kvmctl.inventory import Address, Resource
    from kvmctl.plan import Plan


@click.command()
@click.argument("addresses", nargs=-1, metavar="[ADDRESS]...", shell_complete=completion.addresses)
@options.files
@options.connect
@options.output("text", "json")
@options.color
@options.yes
@options.data_loss
@options.lock_timeout
@options.project
def command(
    *,
    addresses: tuple[str, ...],
    paths: tuple[str, ...],
    uri: str | None,
    output: str,
    no_color: bool,
    yes: bool,
    allow_data_loss: bool,
    lock_seconds: int,
    project: str | None,
    own: bool,
) -> int:
    """Remove resources: those named (vm/web1), or all of the manifests given with -f.

    Machines are asked to shut down, and stopped when they don't. Disks are kept unless --allow-data-loss is said; then
    the disks that only the removed machines used go too, each listed. What -f names and another project has is refused
    unless --own is said; what is named goes, whosever it is.
    """
    if bool(addresses) == bool(paths):
        raise UsageError(
            "delete needs either addresses or -f PATH",
            "write kvmctl delete vm/web1, or kvmctl delete -f manifests/",
        )
    named = [selection.address(each) for each in addresses]
    with show.problems_as(output):
        want: Mapping[Address, Resource] = session.load(paths) if paths else {}
        from kvmctl.hypervisor import Hypervisor

        with Hypervisor.open(uri, readonly=False, events=True) as hypervisor:

            def make() -> Plan:
                plan = _plan(hypervisor, named, want, allow_data_loss=allow_data_loss)
                return _without_foreign(plan, session.Owning(paths, project)) if paths and not own else plan

            limit = Disruption.DATA_LOSS if allow_data_loss else Disruption.DESTROY
            color = options.colored(no_color=no_color)
            order = carry_out.Order(output, color, yes, limit, "kvmctl delete", lock_seconds)
            return carry_out.carry_out(make, hypervisor, order, lambda plan: _left(hypervisor, plan))


def _plan(
    hypervisor: Hypervisor, named: list[Address], want: Mapping[Address, Resource], *, allow_data_loss: bool
) -> Plan:
    from kvmctl.observe import observe
    from kvmctl.plan import Asked, build_removal

    seen = observe(hypervisor, want, everything=True)
    missing = [str(address) for address in named if address not in seen.inventory]
    if missing:
        raise KvmctlError(
            f"there is no {', '.join(missing)}",
            "kvmctl get --all lists what there is; a disk is seen while its pool is active",
        )
    asked = Asked.BY_NAME if named else Asked.BY_MANIFEST
    return build_removal(named or list(want), seen, want, allow_data_loss=allow_data_loss, asked=asked)


def _without_foreign(plan: Plan, owning: session.Owning) -> Plan:
    from kvmctl.plan import without_foreign

    return without_foreign(plan, owning.owner())


def _left(hypervisor: Hypervisor, plan: Plan) -> Plan:
    """Return the plan that removes what is still there of what should have gone."""
    from kvmctl.observe import observe
    from kvmctl.plan import Asked, build_removal

    seen = observe(hypervisor, everything=True)
    gone = [action.address for action in plan.actions]
    return build_removal(gone, seen, {}, allow_data_loss=True, asked=Asked.BY_NAME)
