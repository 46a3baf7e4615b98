"""The conditions under which a running guest takes a change at once, decided: one function for each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from kvmctl.fields import known
from kvmctl.live import When
from kvmctl.plan.live_memory import held_back
from kvmctl.plan.ports import WITHOUT_PORT

if TYPE_CHECKING:
    from collections.abc import Callable

    from kvmctl.diff import Change
    from kvmctl.models.cputune import Vcpus
    from kvmctl.models.display import Graphics
    from kvmctl.models.interface import Interface
    from kvmctl.models.memory import Memory
    from kvmctl.plan.guest import Guest

HOTPLUG_BUSES: Final = frozenset({"virtio", "scsi", "usb"})
REMOVABLE: Final = frozenset({"cdrom", "floppy"})
HOTPLUG_INPUTS: Final = frozenset({"virtio", "usb"})
HOST_DEVICES: Final = frozenset({"pci", "usb", "mdev", "scsi"})
CONVENTIONAL: Final = frozenset({"pci-root", "pci-bridge", "pcie-to-pci-bridge", "dmi-to-pci-bridge"})
CHANGEABLE_MODES: Final = frozenset({"strict", "restrictive"})
BRIDGED: Final = frozenset({"network", "bridge"})


def holds(guest: Guest, change: Change, when: tuple[When, ...], *, config: bool) -> bool:
    """Say whether all conditions hold; `config` says whether the definition changes too."""
    return all(_HOLDS[each](guest, change, config) for each in when)


def _is_given(_guest: Guest, change: Change, _config: bool) -> bool:
    return change.after is not None


def _fits_balloon(guest: Guest, _change: Change, config: bool) -> bool:
    """Say whether the balloon can be moved there, within the ceiling.

    Right after a start the guest still has all its memory: libvirt has asked for the rest by the definition, and the
    guest gives it once its balloon driver runs. Asking again would be a change that never ends: it is pending.
    """
    memory, wanted = cast("Memory", guest.running.memory), cast("Memory", guest.spec.memory)
    size, ceiling = cast("int", wanted.current), cast("int", memory.max)
    if size == cast("int", memory.current) + held_back(guest.running):
        return False  # it has what its devices of virtio leave it
    return size <= ceiling and (config or memory.current != ceiling)


def _fits_cpus(guest: Guest, _change: Change, config: bool) -> bool:
    """Say whether the CPUs can come, or go.

    libvirt unplugs only CPUs that are marked for it. Under software emulation an unplugged one never goes, and QEMU
    hangs at the next snapshot or save (QEMU 7.2): there the guest's agent takes them offline, once, when the definition
    changes; until the next start libvirt counts them as before.
    """
    vcpus, wanted = cast("Vcpus", guest.running.vcpus), cast("Vcpus", guest.spec.vcpus)
    now, count = cast("int", vcpus.current), cast("int", wanted.current)
    if count > now:
        return count <= cast("int", vcpus.max)
    return can_unplug(guest, count) or (config and guest.has_agent)


def can_unplug(guest: Guest, count: int) -> bool:
    """Say whether CPUs can be unplugged until that many are left."""
    each = cast("Vcpus", guest.running.vcpus).individual or ()
    return guest.running.type == "kvm" and count >= sum(cpu.hotpluggable is False for cpu in each) > 0


def _is_static(guest: Guest, _change: Change, _config: bool) -> bool:
    tune = guest.running.numatune
    memory = tune.memory if tune else None
    return memory is None or (memory.mode in CHANGEABLE_MODES and memory.placement != "auto")


def _are_free(guest: Guest, change: Change, _config: bool) -> bool:
    """Say whether no device that runs, or is wanted, uses the threads that go, and those that come are plain."""
    if change.before is None or change.field == ("iothreads",):
        return not isinstance(change.after, dict) or change.after.keys() <= {"id"}
    devices: tuple[Any, ...] = (*(guest.running.disks or ()), *(guest.running.controllers or ()))
    return change.is_item and not any(str(device.iothread) == change.item for device in devices)


def _is_hotplug_disk(_guest: Guest, change: Change, _config: bool) -> bool:
    item = change.after or change.before
    return bus_of(item) in HOTPLUG_BUSES and item.get("device", "disk") == "disk"


def bus_of(item: dict[str, Any]) -> str:
    """Return the bus of a disk, stated or by its target's name; '' of an interface."""
    return str(item.get("bus") or ("virtio" if item.get("target", "").startswith("vd") else ""))


def _is_hotplug_input(_guest: Guest, change: Change, _config: bool) -> bool:
    return (change.after or change.before).get("bus") in HOTPLUG_INPUTS


def _is_hotplug_memory(guest: Guest, change: Change, _config: bool) -> bool:
    """Say whether the memory can be plugged in or out; QEMU 7.2 never takes virtio-mem out."""
    kinds = {"dimm", "virtio-mem"} if change.after else {"dimm"}
    return (change.after or change.before)["model"] in kinds and guest.running.max_memory is not None


def _is_host_device(_guest: Guest, change: Change, _config: bool) -> bool:
    return bool(HOST_DEVICES & (change.after or change.before).keys())


def _is_virtio_port(guest: Guest, change: Change, _config: bool) -> bool:
    has_controller = any(each.type == "virtio-serial" for each in guest.running.controllers or ())
    return (change.after or change.before).get("target", "virtio") == "virtio" and has_controller


def _is_i6300esb(_guest: Guest, change: Change, _config: bool) -> bool:
    return bool((change.after or change.before)["model"] == "i6300esb")


def _is_conventional(guest: Guest, _change: Change, _config: bool) -> bool:
    return any(each.model in CONVENTIONAL for each in guest.running.controllers or ())


def _is_in_order(guest: Guest, change: Change, _config: bool) -> bool:
    """Say whether no item changes that is matched with one by its place: the first one's going would shift the rest."""
    return change.path[0] not in guest.shifted


def _is_removable(guest: Guest, change: Change, _config: bool) -> bool:
    return any(disk.target == change.item and disk.device in REMOVABLE for disk in guest.spec.disks or ())


def _is_bridged(guest: Guest, change: Change, _config: bool) -> bool:
    nic = cast("Interface | None", guest.item(change))
    wish = cast("Interface", guest.wish(change))
    leads_somewhere = bool(wish.network or wish.bridge) or change.field[-1] == "portgroup"
    return nic is not None and nic.type in BRIDGED and leads_somewhere


def _is_another_password(_guest: Guest, change: Change, _config: bool) -> bool:
    """Say whether one password takes the place of another: QEMU asks for none where it was started without (7.2)."""
    return change.before is not None and change.after is not None


def _is_guarded(guest: Guest, change: Change, _config: bool) -> bool:
    """Say whether running graphics show by what stands beside it that they have a password, which isn't told."""
    graphics = cast("Graphics | None", guest.item(change))
    return graphics is not None and known(graphics.passwd_valid_to or graphics.connected) is not None


def _takes_port(guest: Guest, change: Change, _config: bool) -> bool:
    """Take a port for a device that comes and needs one; the next one may find none left."""
    if change.before is not None or bus_of(change.after) in WITHOUT_PORT or change.after.get("model") == "dimm":
        return True
    return bool({"usb", "scsi"} & change.after.keys()) or guest.ports.take()


_HOLDS: Final[dict[When, Callable[[Guest, Change, bool], bool]]] = {
    When.GIVEN: _is_given,
    When.BALLOON: _fits_balloon,
    When.CPUS: _fits_cpus,
    When.STATIC_NODES: _is_static,
    When.FREE_THREADS: _are_free,
    When.HOTPLUG_DISK: _is_hotplug_disk,
    When.HOTPLUG_INPUT: _is_hotplug_input,
    When.HOTPLUG_MEMORY: _is_hotplug_memory,
    When.HOST_DEVICE: _is_host_device,
    When.VIRTIO_PORT: _is_virtio_port,
    When.I6300ESB: _is_i6300esb,
    When.CONVENTIONAL: _is_conventional,
    When.IN_ORDER: _is_in_order,
    When.PORT: _takes_port,
    When.REMOVABLE: _is_removable,
    When.ANOTHER: _is_another_password,
    When.GUARDED: _is_guarded,
    When.BRIDGED: _is_bridged,
}
