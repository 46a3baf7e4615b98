"""The one class that callers see, made of a part for each kind of object."""

from __future__ import annotations

from kvmctl.hypervisor.backups import Backups
from kvmctl.hypervisor.blockjobs import BlockJobs
from kvmctl.hypervisor.devices import Devices
from kvmctl.hypervisor.guests import Guests
from kvmctl.hypervisor.host import Host
from kvmctl.hypervisor.networks import Networks
from kvmctl.hypervisor.nwfilters import NwFilters
from kvmctl.hypervisor.own import Own
from kvmctl.hypervisor.secrets import Secrets
from kvmctl.hypervisor.snapshots import Snapshots
from kvmctl.hypervisor.transfer import Transfers
from kvmctl.hypervisor.tuning import Tuning
from kvmctl.hypervisor.waiting import Waiting


class Hypervisor(
    Host, Waiting, Devices, Tuning, Guests, BlockJobs, Backups, Networks, Transfers, Secrets, Own, NwFilters, Snapshots
):
    """A connection to one libvirt; a context manager that `Hypervisor.open` makes.

    Objects are named by their libvirt names. Every method raises HypervisorError, which carries libvirt's
    own message, its error code (`Code`) and what to do next, and none waits for ever: a call that doesn't
    answer within its time limit raises the same, with Code.OPERATION_TIMEOUT and the name of what hung.
    """
