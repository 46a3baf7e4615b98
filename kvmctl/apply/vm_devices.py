"""Devices of running machines: plugged in, taken out, changed in place; in the definition too where that differs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, cast

from kvmctl import xmlio
from kvmctl.apply.definition import after_the_guest
from kvmctl.apply.graphics import set_password
from kvmctl.credentials import passwords_of
from kvmctl.errors import HypervisorError
from kvmctl.fields import Model, Row, key_of, known, make, rows
from kvmctl.models.vm import VirtualMachine
from kvmctl.pairing import pair

if TYPE_CHECKING:
    import xml.etree.ElementTree as ET
    from collections.abc import Collection

    from kvmctl.actions import Action
    from kvmctl.apply.context import Context

UNPLUG_SECONDS = 30
BLOCKS_SECONDS = 30
BLOCKS_PAUSE_SECONDS = 0.2


def attach(action: Action, context: Context) -> None:
    """Plug a device into the running machine, the same as the definition has it, or into both."""
    hypervisor, name, config = context.hypervisor, action.address.name, action.details["config"]
    row, wish = _row(action), _wish(action, context)
    element = None if config else _element(hypervisor.domain_xml(name, secure=True), row, wish)
    fresh = xmlio.new_element(row, wish) if element is None else element
    hypervisor.attach_device(name, xmlio.serialize(fresh), live=True, config=config)
    _await_blocks(action, context)


def detach(action: Action, context: Context) -> None:
    """Take a device out of the running machine, wait until the guest has let go of it, then out of the definition."""
    hypervisor, name = context.hypervisor, action.address.name
    row = _row(action)
    running = _by_key(hypervisor.domain_xml(name, running=True, secure=True), row, action)
    alias = running.find("alias")
    hypervisor.detach_device(name, xmlio.serialize(running), live=True, config=False)
    if alias is not None and not hypervisor.wait_for_device_gone(name, alias.get("name", ""), UNPLUG_SECONDS):
        raise HypervisorError(
            f"{action.address}: the guest did not let go of {action.details['item']} within {UNPLUG_SECONDS} s; "
            "nothing was removed",
            "a guest that boots or has no ACPI can't unplug: try again, or take it out while the machine is off",
        )
    if action.details["config"]:
        with after_the_guest(action.address):
            persistent = _by_key(hypervisor.domain_xml(name, secure=True), row, action)
            hypervisor.detach_device(name, xmlio.serialize(persistent), live=False, config=True)


def update(action: Action, context: Context) -> None:
    """Change a device of the running machine in place: a link's state, the medium in a drive.

    Only the parts that the action names: others may have changes that wait for the next start.
    """
    _update(action, context, live=True)
    if action.details["config"]:
        with after_the_guest(action.address):
            _update(action, context, live=False)
    _await_blocks(action, context)


def _update(action: Action, context: Context, *, live: bool) -> None:
    """Change the device of the running machine, or that of its definition."""
    hypervisor, name = context.hypervisor, action.address.name
    row, wish = _row(action), _wish(action, context)
    element = _element(hypervisor.domain_xml(name, running=live, secure=True), row, wish)
    if element is None:
        raise HypervisorError(
            f"{action.address}: {action.details['item']} is gone since the plan was made", "plan again"
        )
    xmlio.write(element, _part(wish, action.details["parts"]))
    if "password" in action.details["parts"]:
        set_password(element, passwords_of(context.want(action)))
    hypervisor.update_device(name, xmlio.serialize(element), live=live, config=not live)


def _await_blocks(action: Action, context: Context) -> None:
    """Return when the guest has taken or given back what its virtio-mem was asked for; it may refuse, or take long."""
    deadline = time.monotonic() + BLOCKS_SECONDS
    while action.details["field"] == "memoryDevices":
        root = xmlio.parse(context.hypervisor.domain_xml(action.address.name, running=True))
        targets = root.findall("devices/memory[@model='virtio-mem']/target")
        late = [each for each in targets if each.findtext("current") != each.findtext("requested")]
        if not late:
            return
        if time.monotonic() > deadline:
            raise HypervisorError(
                f"{action.address}: the guest has {late[0].findtext('current')} KiB of its virtio-mem after "
                f"{BLOCKS_SECONDS} s, and was asked for {late[0].findtext('requested')} KiB",
                "it goes on by itself when the guest can; look at its memory and its driver virtio_mem",
            )
        time.sleep(BLOCKS_PAUSE_SECONDS)


def _row(action: Action) -> Row:
    return rows(VirtualMachine)[action.details["field"]]


def _wish(action: Action, context: Context) -> Model:
    """Return the wanted item that the action is about."""
    items: tuple[Model, ...] = known(getattr(context.machine(action), _row(action).name)) or ()
    return next(item for index, item in enumerate(items) if (key_of(item)[1] or str(index)) == action.details["item"])


def _part(wish: Model, names: Collection[str]) -> Model:
    """Return an item that states no more of what is wanted than the named fields."""
    stated = wish.__dict__
    named = [row.name for row in rows(type(wish)).values() if row.yaml in names and row.name in stated]
    return make(type(wish), {name: stated[name] for name in named})


def _element(xml: str, row: Row, wish: Model) -> ET.Element | None:
    """Return the element of a definition that the wanted item is matched with."""
    found = list(xmlio.elements(xmlio.parse(xml), row))
    model = cast("type[Model]", row.model)
    matched = pair([wish], [xmlio.read(model, each) for each in found]).matched
    return found[matched[0][1]] if matched else None


def _by_key(xml: str, row: Row, action: Action) -> ET.Element:
    """Return the element whose key the action names."""
    model = cast("type[Model]", row.model)
    for index, element in enumerate(xmlio.elements(xmlio.parse(xml), row)):
        if (key_of(xmlio.read(model, element))[1] or str(index)) == action.details["item"]:
            return element
    raise HypervisorError(f"{action.address}: {action.details['item']} is gone since the plan was made", "plan again")
