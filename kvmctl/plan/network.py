"""The plan for one virtual network: its lists change while it runs; all else takes a restart, which names guests."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, Final, cast

from kvmctl import xmlio
from kvmctl.actions import Disruption, Operation
from kvmctl.change import Change
from kvmctl.diff import diff
from kvmctl.fields import Source, known, rows
from kvmctl.models.network import Network
from kvmctl.plan import equivalent as virsh
from kvmctl.plan.network_updates import are_in_lists, updates
from kvmctl.plan.steps import Steps
from kvmctl.plan.switched import define, split, switch
from kvmctl.plan.waiting import both, differences
from kvmctl.wiring import bridge_of, is_restarting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvmctl.actions import Action
    from kvmctl.inventory import Live, Resource

MOVES_GUESTS: Final = frozenset({Operation.RESTART_NETWORK, Operation.STOP, Operation.REPLUG})
"""What takes the bridge away under all running guests, or plugs all of them in again."""


def plan_network(want: Resource, have: Resource) -> Steps:
    """Return the steps from an existing network to the wanted one."""
    steps = Steps(want.address)
    config, switched = split(steps, have, want)
    found = both(have, want.spec)
    stops = any(change.path == ("active",) and not change.after for change in switched)
    if found is None or stops:
        define(steps, want, have, config, waits=False)
    else:
        running, persistent = found
        _plan_running(steps, want, have, cast("Network", running), config)
        planned = {change.path for action in steps.actions for change in action.because}
        steps.pending = [change for change in differences(running, persistent) if change.path not in planned]
    if is_restarting(cast("Live", have.live).xml) and not any(_ends_restart(action) for action in steps.actions):
        _end_restart(steps, want, have, switched)
    switch(steps, want, switched, stopped=f"cuts off {_guests(have)}" if _guests(have) else "")
    return steps


def _plan_running(steps: Steps, want: Resource, have: Resource, running: Network, config: Sequence[Change]) -> None:
    """Plan a network that runs: what it is to be now by the mildest means, and what only its definition lacks."""
    live = [change for change in diff(running, want.spec) if _counts(change)]
    live = [change for change in live if change.row.source is Source.XML]
    if not live:
        define(steps, want, have, config, waits=False)
    elif are_in_lists(live) and _update(steps, want, have, live, config):
        return
    elif _can_restart(want, have):
        _restart(steps, want, have, live, config)
    else:
        define(steps, want, have, config, waits=True)


def _counts(change: Change) -> bool:
    """Say whether a difference is one, and not what libvirt filled in at the start, nor what is refused anyway."""
    model: Any = Network
    for name in change.field:
        row = rows(model)[name]
        if row.volatile and change.after is None:
            return False
        model = row.model
    return change.path != ("uuid",)


def _update(steps: Steps, want: Resource, have: Resource, live: list[Change], config: Sequence[Change]) -> bool:
    """Plan the updates of the lists; False where libvirt has none that do it.

    Both definitions are changed by the same calls where they are alike; else the persistent one is written anew.
    """
    told = cast("Live", have.live)
    calls = updates(xmlio.parse(told.running_xml), want.spec)
    if calls is None:
        return False
    paths = {change.path for change in live}
    are_alike = told.persistent and calls == updates(xmlio.parse(told.xml), want.spec)
    rest = [change for change in config if not are_alike or change.path not in paths]
    flags = "--live --config" if are_alike else "--live"
    commands = [virsh.net_update(want, call, flags) for call in calls]
    kept = "" if not any(call.section == "portgroup" for call in calls) else _KEPT
    steps.add(Operation.UPDATE_NETWORK, Disruption.LIVE, live, commands, kept, config=are_alike)
    define(steps, want, have, rest, waits=False)
    return True


_KEPT: Final = "interfaces that are plugged in keep what their group said then"


def _can_restart(want: Resource, have: Resource) -> bool:
    """Say whether guests can be plugged in again afterwards: both before and after it, a bridge carries the network."""
    told = cast("Live", have.live)
    after = copy.deepcopy(xmlio.parse(told.xml))
    xmlio.write(after, want.spec)
    return bridge_of(xmlio.parse(told.running_xml)) is not None and bridge_of(after) is not None


def _restart(steps: Steps, want: Resource, have: Resource, live: Sequence[Change], config: Sequence[Change]) -> None:
    paths = {change.path for change in config}
    because = [*config, *(change for change in live if change.path not in paths)]
    name, guests = want.address.name, _guests(have)
    commands = [
        *(virsh.redefine(want.address, config) if config else ()),
        *virsh.domain(want, "net-destroy"),
        *virsh.domain(want, "net-start"),
        *(f"# plug in again what is on {name}: the interfaces of {guests}" for _ in (1,) if guests),
    ]
    note = f"cuts off for a moment, and plugs in again, {guests}" if guests else "no running guest is on it"
    note += "" if cast("Live", have.live).persistent else "; makes the network persistent"
    steps.add(Operation.RESTART_NETWORK, Disruption.INTERRUPT, because, commands, note)


def _ends_restart(action: Action) -> bool:
    return action.operation is Operation.RESTART_NETWORK


def _end_restart(steps: Steps, want: Resource, have: Resource, switched: Sequence[Change]) -> None:
    """Plan what an apply that was killed has left to do: to start the network, and to plug its guests in again."""
    wanted = known(cast("Network", want.spec).active)
    if not cast("Live", have.live).active:
        if wanted is None:
            change = Change(("active",), False, True, rows(Network)["active"])
            switch(steps, want, [change])
    elif not any(change.path == ("active",) for change in switched):
        guests = _guests(have) or "none"
        note = f"plugs in again what a restart that was cut short left out: {guests}"
        steps.add(Operation.REPLUG, Disruption.LIVE, (), [f"# plug in again: {guests}"], note)


def _guests(have: Resource) -> str:
    """Return the names of the running machines on a network, '' where there are none."""
    return ", ".join(f"vm/{name}" for name in cast("Live", have.live).facts.get("guests", ()))
