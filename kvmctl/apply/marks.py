"""Marks that say whose an object is: set on machines and networks, and kept in the host's record for all others."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from kvmctl import xmlio
from kvmctl.errors import HypervisorError
from kvmctl.hypervisor import Code, DomainState
from kvmctl.observe import observe
from kvmctl.ownership import element, put
from kvmctl.record import RECORDED, Record, Recorded, key

if TYPE_CHECKING:
    from kvmctl.actions import Action
    from kvmctl.apply.context import Context
    from kvmctl.inventory import Address, Live
    from kvmctl.ownership import Mark


def on_machine(action: Action, context: Context) -> None:
    """Mark a machine's definition, and what runs of it; the mark remembers the definition as it is now."""
    hypervisor, name = context.hypervisor, action.address.name
    live = hypervisor.domain_state(name) is not DomainState.OFF
    mark = action.details["mark"].remembering(hypervisor.domain_xml(name))
    hypervisor.set_domain_mark(name, element(mark), live=live)


def on_network(action: Action, context: Context) -> None:
    """Mark a network: by libvirt's own call, or where it has none in the definition, which what runs doesn't notice."""
    hypervisor, name = context.hypervisor, action.address.name
    former = hypervisor.network_xml(name)
    mark = action.details["mark"].remembering(former)
    have = context.plan.have.get(action.address)
    if hypervisor.set_network_mark(name, element(mark), live=bool(have and have.live and have.live.active)):
        return
    root = xmlio.parse(former)
    put(root, mark)
    hypervisor.define_network(xmlio.serialize(root), validate=False)


def in_record(action: Action, context: Context) -> None:
    """Have the record say whose the object is, in the one write at the end."""
    context.marks[action.address] = action.details["mark"]


def forget(action: Action, context: Context) -> None:
    """Have the record no longer speak of an object that is gone."""
    have = context.plan.have.get(action.address)
    if action.address.kind in RECORDED and have is not None and have.live is not None and have.live.mark is not None:
        context.marks[action.address] = None


def write(context: Context) -> HypervisorError | None:
    """Write into the record what was gathered; return what went wrong. A driver without secrets has no record."""
    marks = context.marks
    if not marks:
        return None
    try:
        context.record(lambda known: _update(known, marks, context))
    except HypervisorError as error:
        return None if error.code == Code.NO_SUPPORT else error
    return None


def _update(known: Record, marks: dict[Address, Mark | None], context: Context) -> None:
    """Change the record; what is to be marked is looked at again, for its UUID and its being there."""
    wanted = {address: context.plan.want[address] for address, mark in marks.items() if mark}
    seen = observe(context.hypervisor, wanted).inventory if wanted else {}
    for address, mark in marks.items():
        resource = seen.get(address) if mark else context.plan.have.get(address)
        if resource is None:
            continue
        facts = cast("Live", resource.live).facts
        if mark is None:
            known.marks.pop(key(address, facts), None)
        else:
            known.marks[key(address, facts)] = Recorded(mark, facts.get("uuid") or "")
