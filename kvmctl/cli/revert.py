"""`kvmctl revert`: a machine brought back to one of its snapshots."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kvmctl.actions import Disruption, Refusal
from kvmctl.cli import carry_out, options, selection, show
from kvmctl.errors import KvmctlError, UsageError
from kvmctl.fields import stating
from kvmctl.inventory import Resource
from kvmctl.models.vm import VirtualMachine

if TYPE_CHECKING:
    from kvmctl.hypervisor import Hypervisor
    from kvmctl.inventory import Address
    from kvmctl.plan import Plan


@click.command()
@click.argument("snapshot", metavar="ADDRESS@SNAPSHOT")
@options.connect
@options.output("text", "json")
@options.color
@options.yes
@options.data_loss
@options.lock_timeout
def command(
    *, snapshot: str, uri: str | None, output: str, no_color: bool, yes: bool, allow_data_loss: bool, lock_seconds: int
) -> int:  # fmt: skip
    """Bring a machine back to a snapshot: vm/web1@before-upgrade.

    Disks, definition and memory become what they were at that moment, and what was written since is lost: this needs
    --allow-data-loss. The plan is shown first, and says what changes.
    """
    address, name = _parsed(snapshot)
    limit = Disruption.DATA_LOSS if allow_data_loss else Disruption.DESTROY
    with show.problems_as(output):
        from kvmctl.hypervisor import Hypervisor

        with Hypervisor.open(uri, readonly=False, events=True) as hypervisor:
            color = options.colored(no_color=no_color)
            order = carry_out.Order(output, color, yes, limit, "kvmctl revert", lock_seconds)
            return carry_out.carry_out(
                lambda: _plan(hypervisor, address, name), hypervisor, order, lambda plan: _left(hypervisor, plan)
            )


def _parsed(text: str) -> tuple[Address, str]:
    machine, _, name = text.rpartition("@")
    if not machine or not name:
        raise UsageError(f"{text!r} names no snapshot", "write kvmctl revert vm/web1@before-upgrade")
    address = selection.address(machine)
    if address.kind != "vm":
        raise UsageError(f"{address} has no snapshots", "only machines have: kvmctl revert vm/web1@before-upgrade")
    return address, name


def _plan(hypervisor: Hypervisor, address: Address, name: str) -> Plan:
    from kvmctl.observe import observe
    from kvmctl.plan.revert import build_revert

    asked = Resource(address, stating(VirtualMachine, snapshots=()))
    have = observe(hypervisor, {address: asked}).inventory.get(address)
    if have is None or have.live is None:
        raise KvmctlError(f"there is no {address}", "kvmctl get vm --all lists what there is")
    several = {taken.name: taken for taken in have.live.facts["taken"]}
    if name not in several:
        there = f"it has {', '.join(several)}" if several else "it has none"
        raise KvmctlError(f"{address} has no snapshot {name}", there)
    return build_revert(have, several[name])


def _left(hypervisor: Hypervisor, plan: Plan) -> Plan:
    """Return the plan of what is not as the snapshot says: nothing, unless libvirt did something else."""
    from kvmctl.plan import Plan as Left

    wrong = [
        Refusal(action.address, action.because, action.disruption, f"it is not in the state of {told}")
        for action in plan.actions
        if (told := action.details["snapshot"]) != hypervisor.current_snapshot(action.address.name)
        or hypervisor.domain_state(action.address.name).value != action.details["power"]
    ]
    return Left((), {}, tuple(wrong))
