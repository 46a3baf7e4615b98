"""libvirt behind thin, dumb calls: one method a libvirt call, no policy, and each error explained.

    with Hypervisor.open("qemu:///system", readonly=True) as hv:
        for domain in hv.domains():
            print(domain.name, hv.domain_xml(domain))

Nothing else in kvmctl imports libvirt, and this room is imported only by commands that talk to it. Source
of all that it does: https://libvirt.org/html/ (the API reference) and https://libvirt.org/formatdomain.html
and its neighbours.
"""

from kvmctl.hypervisor.backups import BackupEnd
from kvmctl.hypervisor.blockjobs import BlockJob, Mirror, Written
from kvmctl.hypervisor.capabilities import Capabilities
from kvmctl.hypervisor.connection import Job
from kvmctl.hypervisor.entries import (
    DomainEntry,
    DomainState,
    NetworkEntry,
    NwFilterEntry,
    PoolEntry,
    SecretEntry,
    SnapshotEntry,
    VolumeEntry,
    VolumeInfo,
)
from kvmctl.hypervisor.facade import Hypervisor
from kvmctl.hypervisor.failures import Code
from kvmctl.hypervisor.guests import Console, Told
from kvmctl.hypervisor.own import Kept

__all__ = [
    "BackupEnd",
    "BlockJob",
    "Capabilities",
    "Code",
    "Console",
    "DomainEntry",
    "DomainState",
    "Hypervisor",
    "Job",
    "Kept",
    "Mirror",
    "NetworkEntry",
    "NwFilterEntry",
    "PoolEntry",
    "SecretEntry",
    "SnapshotEntry",
    "Told",
    "VolumeEntry",
    "VolumeInfo",
    "Written",
]
