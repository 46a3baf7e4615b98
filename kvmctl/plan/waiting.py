"""What waits for a restart: where the running definition differs from the persistent one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmctl import xmlio
from kvmctl.diff import Change, diff
from kvmctl.fields import known, stated
from kvmctl.models import BY_SHORT
from kvmctl.models.vm import VirtualMachine
from kvmctl.plan.live_memory import held_back
from kvmctl.plan.replaced import replaced
from kvmctl.wiring import as_defined

if TYPE_CHECKING:
    from kvmctl.fields import Model
    from kvmctl.inventory import Resource
    from kvmctl.models.disk_device import DiskDevice


def both(resource: Resource, want: Model | None = None) -> tuple[Model, Model] | None:
    """Return the running and the persistent definition of what is active, read whole; None for what isn't.

    What only the partial document of the wanted spec names is left to that document, in both of them.
    """
    live = resource.live
    if live is None or not live.running_xml:
        return None
    model = BY_SHORT[resource.address.kind].model
    now, later = xmlio.parse(live.running_xml), xmlio.parse(live.xml)
    as_defined(now)
    running, persistent = (xmlio.beside(xmlio.read(model, root), root, want) for root in (now, later))
    return running, persistent


def waits(resource: Resource, want: Model | None = None) -> tuple[Change, ...]:
    """Return every difference between the running and the persistent definition, of unmanaged fields too."""
    found = both(resource, want)
    return differences(*found) if found else ()


def differences(running: Model, persistent: Model) -> tuple[Change, ...]:
    """Return what the next start changes.

    What the definition leaves open and libvirt filled in at the start (cache=none of a shared disk) is none, nor is the
    format of a drive without a medium, which only the definition has (libvirt 9.0).
    """
    found = diff(running, persistent, running=True)
    if not isinstance(running, VirtualMachine) or not isinstance(persistent, VirtualMachine):
        return tuple(change for change in found if change.is_item or change.after is not None)
    empty = _empty_drives(running)
    found = tuple(change for change in found if not _is_held_back(change, running, persistent))
    told = (
        change for change in found
        if change.is_item
        or (change.after is not None and not (change.field == ("disks", "format") and change.item in empty))
    )  # fmt: skip
    return (*told, *replaced(running, persistent))


def _is_held_back(change: Change, running: VirtualMachine, persistent: VirtualMachine) -> bool:
    """Say whether current memory differs only by what virtio-mem holds back, as it will after a start."""
    now, then = (machine.memory.current if machine.memory else None for machine in (running, persistent))
    return change.field == ("memory", "current") and now is not None and then == now + held_back(running)


def _empty_drives(machine: VirtualMachine) -> set[str]:
    return {str(disk.target) for disk in known(machine.disks) or () if not _holds(disk)}


def _holds(disk: DiskDevice) -> bool:
    """Say whether there is something in a drive."""
    source = known(disk.source)
    elsewhere = any(value not in (None, ()) for value in stated(source).values()) if source else False
    return bool(known(disk.file) or known(disk.block) or elsewhere)
