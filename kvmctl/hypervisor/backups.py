"""Backups of running domains: begun, followed, ended; and the checkpoints that later ones stand on."""

from __future__ import annotations

from typing import NamedTuple

from kvmctl.errors import HypervisorError
from kvmctl.hypervisor.connection import LONG_PATIENCE
from kvmctl.hypervisor.domains import Domains
from kvmctl.hypervisor.failures import Code
from kvmctl.hypervisor.library import libvirt


class BackupEnd(NamedTuple):
    """How a domain's last job ended; `message` is libvirt's, '' where it has none."""

    succeeded: bool
    message: str


class Backups(Domains):
    """The calls about backups and checkpoints of a domain."""

    def begin_backup(self, name: str, xml: str, checkpoint: str | None) -> None:
        """Begin to write the disks as they are at this moment into existing images; the guest goes on.

        With the XML of a checkpoint, what the guest writes from the same moment on is remembered.
        """
        flags = libvirt.VIR_DOMAIN_BACKUP_BEGIN_REUSE_EXTERNAL
        begin = self._domain(name).backupBegin
        self._ask(f"begin a backup of vm/{name}", begin, xml, checkpoint, flags, patience=LONG_PATIENCE)

    def backup_xml(self, name: str) -> str | None:
        """Return what the backup that goes on writes, and where to; None where none goes on."""
        try:
            xml: str = self._ask(f"look for a backup of vm/{name}", self._domain(name).backupGetXMLDesc, 0)
        except HypervisorError as error:
            if error.code in (Code.NO_DOMAIN_BACKUP, Code.OPERATION_INVALID):
                return None
            raise
        return xml

    def backup_percent(self, name: str) -> float | None:
        """Return how far the backup is; None once it has ended."""
        told = self._ask(f"ask how far the backup of vm/{name} is", self._domain(name).jobStats, 0)
        if told["type"] == libvirt.VIR_DOMAIN_JOB_NONE:
            return None
        total = told.get(libvirt.VIR_DOMAIN_JOB_DISK_TOTAL, 0)
        return 100 * told.get(libvirt.VIR_DOMAIN_JOB_DISK_PROCESSED, 0) / total if total else 0.0

    def backup_end(self, name: str) -> BackupEnd:
        """Return how the backup ended that a domain's last job was; libvirt tells it once."""
        flags = libvirt.VIR_DOMAIN_JOB_STATS_COMPLETED
        told = self._ask(f"ask how the backup of vm/{name} ended", self._domain(name).jobStats, flags)
        is_backup = told.get(libvirt.VIR_DOMAIN_JOB_OPERATION) == libvirt.VIR_DOMAIN_JOB_OPERATION_BACKUP
        succeeded = is_backup and bool(told.get(libvirt.VIR_DOMAIN_JOB_SUCCESS))
        return BackupEnd(succeeded, told.get(libvirt.VIR_DOMAIN_JOB_ERRMSG, ""))

    def abort_job(self, name: str) -> None:
        """End the job that goes on, a backup or another."""
        self._ask(f"end the job of vm/{name}", self._domain(name).abortJob, patience=LONG_PATIENCE)

    def checkpoints(self, name: str) -> list[str]:
        """Return the names of a domain's checkpoints, the oldest first."""
        flags = libvirt.VIR_DOMAIN_CHECKPOINT_LIST_TOPOLOGICAL
        found = self._ask(f"list the checkpoints of vm/{name}", self._domain(name).listAllCheckpoints, flags)
        return [each.getName() for each in found]

    def delete_checkpoint(self, name: str, checkpoint: str, *, metadata_only: bool = False) -> None:
        """Forget a checkpoint; what it remembers goes to the one before, unless only libvirt is to forget it."""
        flags = libvirt.VIR_DOMAIN_CHECKPOINT_DELETE_METADATA_ONLY if metadata_only else 0
        doing = f"remove checkpoint {checkpoint} of vm/{name}"
        handle = self._ask(doing, self._domain(name).checkpointLookupByName, checkpoint)
        self._ask(doing, handle.delete, flags, patience=LONG_PATIENCE)

    def disk_size(self, name: str, target: str) -> int:
        """Return how many bytes the guest sees of a disk."""
        capacity: int = self._ask(f"ask for the size of {target} of vm/{name}", self._domain(name).blockInfo, target)[0]
        return capacity
