"""One action carried out: finds the function for what is to be done to which kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kvmctl.actions import Operation
from kvmctl.apply import (
    disk,
    disk_move,
    marks,
    network,
    network_changes,
    network_guests,
    nwfilter,
    pool,
    restart,
    secret,
    snapshots,
    vm,
    vm_devices,
    vm_tuning,
    waiting,
)
from kvmctl.apply.context import Context

if TYPE_CHECKING:
    from collections.abc import Callable

    from kvmctl.actions import Action

_DO: Final[dict[tuple[str, Operation], Callable[[Action, Context], str | None]]] = {
    ("vm", Operation.CREATE): vm.create,
    ("vm", Operation.REDEFINE): vm.redefine,
    ("vm", Operation.SEED): vm.tell,
    ("vm", Operation.SET_MEMORY): vm.set_memory,
    ("vm", Operation.SET_VCPUS): vm.set_vcpus,
    ("vm", Operation.SET_TEXT): vm.set_text,
    ("vm", Operation.ATTACH): vm_devices.attach,
    ("vm", Operation.DETACH): vm_devices.detach,
    ("vm", Operation.UPDATE_DEVICE): vm_devices.update,
    ("vm", Operation.TUNE): vm_tuning.tune,
    ("vm", Operation.PIN): vm_tuning.pin,
    ("vm", Operation.SET_IOTHREADS): vm_tuning.set_iothreads,
    ("vm", Operation.REPLUG): network_guests.plug_in_again,
    ("vm", Operation.START): vm.start,
    ("vm", Operation.WAIT): waiting.wait,
    ("vm", Operation.STOP): vm.stop,
    ("vm", Operation.RESTART): restart.restart,
    ("vm", Operation.RENAME): vm.rename,
    ("vm", Operation.SUSPEND): vm.suspend,
    ("vm", Operation.RESUME): vm.resume,
    ("vm", Operation.AUTOSTART): vm.set_autostart,
    ("vm", Operation.DELETE): vm.delete,
    ("vm", Operation.SNAPSHOT): snapshots.take,
    ("vm", Operation.UNSNAPSHOT): snapshots.remove,
    ("vm", Operation.REVERT): snapshots.revert,
    ("vm", Operation.MARK): marks.on_machine,
    ("network", Operation.CREATE): network.create,
    ("network", Operation.REDEFINE): network.redefine,
    ("network", Operation.UPDATE_NETWORK): network_changes.update,
    ("network", Operation.RESTART_NETWORK): network_changes.restart,
    ("network", Operation.REPLUG): network_changes.finish_restart,
    ("network", Operation.START): network.start,
    ("network", Operation.STOP): network.stop,
    ("network", Operation.AUTOSTART): network.set_autostart,
    ("network", Operation.DELETE): network.delete,
    ("network", Operation.MARK): marks.on_network,
    ("pool", Operation.CREATE): pool.create,
    ("pool", Operation.REDEFINE): pool.redefine,
    ("pool", Operation.START): pool.start,
    ("pool", Operation.STOP): pool.stop,
    ("pool", Operation.AUTOSTART): pool.set_autostart,
    ("pool", Operation.DELETE): pool.delete,
    ("pool", Operation.MARK): marks.in_record,
    ("disk", Operation.CREATE): disk.create,
    ("disk", Operation.RESIZE): disk.resize,
    ("disk", Operation.CONVERT): disk_move.carry_out,
    ("disk", Operation.MOVE): disk_move.carry_out,
    ("disk", Operation.REBASE): disk_move.carry_out,
    ("disk", Operation.FLATTEN): disk_move.flatten,
    ("disk", Operation.DISCARD): disk_move.discard,
    ("disk", Operation.DELETE): disk.delete,
    ("disk", Operation.MARK): marks.in_record,
    ("secret", Operation.CREATE): secret.create,
    ("secret", Operation.REDEFINE): secret.redefine,
    ("secret", Operation.SET_VALUE): secret.set_value,
    ("secret", Operation.DELETE): secret.delete,
    ("secret", Operation.MARK): marks.in_record,
    ("nwfilter", Operation.CREATE): nwfilter.create,
    ("nwfilter", Operation.REDEFINE): nwfilter.redefine,
    ("nwfilter", Operation.DELETE): nwfilter.delete,
    ("nwfilter", Operation.MARK): marks.in_record,
}


def execute(action: Action, context: Context) -> str:
    """Do what the action says, and return what else there is to tell; raises KvmctlError where it can't be done."""
    told = _DO[action.address.kind, action.operation](action, context)
    if action.operation is Operation.DELETE:
        marks.forget(action, context)
    return told or ""


__all__ = ["Context", "execute"]
