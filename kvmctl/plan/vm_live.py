"""What a running guest can take: the mildest libvirt call for a change, where there is one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from kvmctl.actions import Disruption, Operation
from kvmctl.fields import key_of
from kvmctl.pairing import pair
from kvmctl.plan import equivalent as virsh
from kvmctl.plan.ports import WITHOUT_PORT

if TYPE_CHECKING:
    from kvmctl.diff import Change
    from kvmctl.inventory import Resource
    from kvmctl.models.cputune import Vcpus
    from kvmctl.models.memory import Memory
    from kvmctl.models.vm import VirtualMachine
    from kvmctl.plan.ports import Ports
    from kvmctl.plan.steps import Steps

HOTPLUG_BUSES: Final = frozenset({"virtio", "scsi", "usb"})
REMOVABLE: Final = frozenset({"cdrom", "floppy"})


@dataclass(frozen=True, slots=True)
class Guest:
    """A running machine: its definition in effect, what is wanted of it, and its room for more devices."""

    running: VirtualMachine
    want: Resource
    ports: Ports

    @property
    def spec(self) -> VirtualMachine:
        """The wanted machine."""
        return cast("VirtualMachine", self.want.spec)


class _Call(NamedTuple):
    operation: Operation
    command: tuple[str, ...]
    details: dict[str, Any]
    disruption: Disruption = Disruption.LIVE


def plan_live(steps: Steps, guest: Guest, change: Change, *, config: bool) -> bool:
    """Add the action that makes a change in the running guest (`config`: and in the definition); False if none can."""
    call = _call(guest, change, "--live --config" if config else "--live", config=config)
    if call is None:
        return False
    steps.add(call.operation, call.disruption, [change], call.command, live=True, config=config, **call.details)
    return True


def _call(guest: Guest, change: Change, flags: str, *, config: bool) -> _Call | None:  # noqa: PLR0911 - a table
    match change.field:
        case ("memory", "current"):
            return _memory(guest, flags, config=config)
        case ("vcpus", "current"):
            return _vcpus(guest, flags)
        case ("title",) | ("description",):
            return _text(guest, change, flags)
        case ("disks",) | ("interfaces",):
            return _plug(guest, change, flags)
        case ("interfaces", "link"):
            return _update(guest, change, flags)
        case ("disks", "file" | "disk") if _is_removable(guest, change):
            return _update(guest, change, flags)
        case _:
            return None


def _memory(guest: Guest, flags: str, *, config: bool) -> _Call | None:
    """Return the balloon's call, within the ceiling.

    Right after a start the guest still has all its memory: libvirt has asked for the rest by the definition, and the
    guest gives it once its balloon driver runs. Asking again would be a change that never ends: it is pending.
    """
    memory, wanted = cast("Memory", guest.running.memory), cast("Memory", guest.spec.memory)
    size, ceiling = cast("int", wanted.current), cast("int", memory.max)
    if size > ceiling or (not config and memory.current == ceiling):
        return None
    command = virsh.domain(guest.want, "setmem", f"{size // 1024}KiB {flags}")
    return _Call(Operation.SET_MEMORY, command, {"value": size // 1024})


def _vcpus(guest: Guest, flags: str) -> _Call | None:
    """Return the call that plugs CPUs in; fewer is for the next start, because guests rarely let go of a CPU."""
    vcpus, wanted = cast("Vcpus", guest.running.vcpus), cast("Vcpus", guest.spec.vcpus)
    count = cast("int", wanted.current)
    if not cast("int", vcpus.current) < count <= cast("int", vcpus.max):
        return None
    return _Call(Operation.SET_VCPUS, virsh.domain(guest.want, "setvcpus", f"{count} {flags}"), {"value": count})


def _text(guest: Guest, change: Change, flags: str) -> _Call:
    option = "--title " if change.field == ("title",) else ""
    text = str(change.after or "")
    command = virsh.domain(guest.want, "desc", f"{option}{flags} {virsh.quote(text)}")
    return _Call(Operation.SET_TEXT, command, {"field": change.field[0], "value": text}, Disruption.NONE)


def _plug(guest: Guest, change: Change, flags: str) -> _Call | None:
    if not change.is_item or not _can_hotplug(change):
        return None
    operation = Operation.ATTACH if change.before is None else Operation.DETACH
    if operation is Operation.ATTACH and _bus(change.after) not in WITHOUT_PORT and not guest.ports.take():
        return None
    command = virsh.device(guest.want, operation.value, change, flags)
    return _Call(operation, command, {"field": change.field[0], "item": change.item})


def _can_hotplug(change: Change) -> bool:
    """Say whether a device can come or go while the guest runs: NICs, and disks on a bus that knows it."""
    if change.field == ("interfaces",):
        return True
    item = change.after or change.before
    return _bus(item) in HOTPLUG_BUSES and item.get("device", "disk") == "disk"


def _bus(item: dict[str, Any]) -> str:
    """Return the bus of a disk, stated or by its target's name; '' of an interface."""
    return str(item.get("bus") or ("virtio" if item.get("target", "").startswith("vd") else ""))


def _update(guest: Guest, change: Change, flags: str) -> _Call:
    if change.field[0] == "interfaces":
        command = virsh.set_link(guest.want, _mac(guest, change.item), change, config="--config" in flags)
    else:
        command = virsh.change_medium(guest.want, change, flags)
    return _Call(Operation.UPDATE_DEVICE, command, {"field": change.field[0], "item": change.item})


def _mac(guest: Guest, item: str) -> str:
    """Return the MAC address of a wanted interface, by which virsh knows it."""
    wishes = [nic for nic in guest.spec.interfaces or () if key_of(nic)[1] == item]
    nics = guest.running.interfaces or ()
    return next((str(nics[at].mac) for _, at in pair(wishes, nics).matched), item)


def _is_removable(guest: Guest, change: Change) -> bool:
    return any(disk.target == change.item and disk.device in REMOVABLE for disk in guest.spec.disks or ())
