"""The plan for guests that a restart of their network, by hand or cut short, has left without a link."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from kvmctl.actions import Disruption, Operation
from kvmctl.change import Change
from kvmctl.fields import key_of, known, rows
from kvmctl.inventory import Address
from kvmctl.models.interface import Interface
from kvmctl.pairing import pair
from kvmctl.plan import equivalent as virsh
from kvmctl.plan.network import MOVES_GUESTS
from kvmctl.xmlio import parse, read

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kvmctl.inventory import Inventory, Live, Resource
    from kvmctl.models.vm import VirtualMachine
    from kvmctl.plan.steps import Steps

_NOTE = "the network was started anew under the guest"


def plan_cut_off(every: Iterable[Steps], want: Inventory, have: Inventory) -> None:
    """Add to the steps of machines that their interfaces are plugged in again, where that isn't done anyway.

    A network that is started anew plugs in all that is on it, and a machine that stops or restarts needs nothing.
    """
    cut = {address: those for address in want if (those := _cut_off(have.get(address)))}
    steps = {each.address: each for each in every} if cut else {}
    for address, interfaces in cut.items():
        if not _does(steps[address], Operation.STOP, Operation.RESTART):
            for mac, network in interfaces:
                other = steps.get(Address("network", network))
                if other is None or not _does(other, *MOVES_GUESTS):
                    _plug_in(steps[address], want[address], have[address], mac, network)


def _cut_off(have: Resource | None) -> tuple[tuple[str, str], ...]:
    return have.live.facts.get("cut_off", ()) if have and have.live else ()


def _does(steps: Steps, *operations: Operation) -> bool:
    return any(action.operation in operations for action in steps.actions)


def _plug_in(steps: Steps, want: Resource, have: Resource, mac: str, network: str) -> None:
    key = _key(have, cast("VirtualMachine", want.spec), mac)
    change = Change(("interfaces", f"[{key}]", "network"), None, network, rows(Interface)["network"])
    commands = virsh.plug_in_again(want.address.name, mac, network)
    steps.add(Operation.REPLUG, Disruption.LIVE, [change], commands, _NOTE, mac=mac, network=network)


def _key(have: Resource, spec: VirtualMachine, mac: str) -> str:
    """Return how the manifest calls the interface with a MAC address; that itself where it doesn't list it."""
    devices = parse(cast("Live", have.live).running_xml).iterfind("devices/interface")
    nics = [read(Interface, each) for each in devices]
    wishes: tuple[Any, ...] = known(spec.interfaces) or ()
    keys = {nics[at].mac: key_of(wishes[wish])[1] or str(wish) for wish, at in pair(wishes, nics).matched}
    return keys.get(mac, mac)
