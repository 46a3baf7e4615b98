"""Block jobs: the disk of a running guest copied to another image, or filled with what lies below it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from kvmctl.hypervisor.connection import LONG_PATIENCE, Connection
from kvmctl.hypervisor.library import libvirt
from kvmctl.parsing import parse

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

# Without the flag of a transient job, a copy is refused for every machine that has a definition: libvirt couldn't take
# it up again after a restart of QEMU (libvirt 9.0: qemuDomainBlockCopyCommon).
_COPY: Final = libvirt.VIR_DOMAIN_BLOCK_COPY_REUSE_EXT | libvirt.VIR_DOMAIN_BLOCK_COPY_TRANSIENT_JOB
_KINDS: Final = {
    libvirt.VIR_DOMAIN_BLOCK_JOB_TYPE_PULL: "pull",
    libvirt.VIR_DOMAIN_BLOCK_JOB_TYPE_COPY: "copy",
    libvirt.VIR_DOMAIN_BLOCK_JOB_TYPE_COMMIT: "commit",
    libvirt.VIR_DOMAIN_BLOCK_JOB_TYPE_ACTIVE_COMMIT: "commit",
    libvirt.VIR_DOMAIN_BLOCK_JOB_TYPE_BACKUP: "backup",
}


class BlockJob(NamedTuple):
    """A job on a disk: what it does, and how far it is in bytes."""

    kind: str
    done: int
    total: int

    @property
    def percent(self) -> float:
        """How far the job is."""
        return 100 * self.done / self.total if self.total else 0.0


class Mirror(NamedTuple):
    """Where a running copy goes, and whether it is in sync with what the guest writes."""

    path: str
    ready: bool


class Written(NamedTuple):
    """What a guest has written to a disk since its start: requests and bytes."""

    requests: int
    size: int


class BlockJobs(Connection):
    """The calls about block jobs; a disk is named by its target (vda)."""

    def block_copy(self, name: str, target: str, xml: str, *, only_top: bool) -> None:
        """Begin to copy a disk into the existing image that the XML names; `only_top` leaves what lies below it."""
        flags = _COPY | (libvirt.VIR_DOMAIN_BLOCK_COPY_SHALLOW if only_top else 0)
        domain = self._job_domain(name)
        self._ask(f"copy {target} of vm/{name}", domain.blockCopy, target, xml, {}, flags, patience=LONG_PATIENCE)

    def block_pull(self, name: str, target: str) -> None:
        """Begin to fill a disk with all that lies below it; its base is then nothing at all."""
        domain = self._job_domain(name)
        self._ask(f"flatten {target} of vm/{name}", domain.blockRebase, target, None, 0, 0, patience=LONG_PATIENCE)

    def block_job(self, name: str, target: str) -> BlockJob | None:
        """Return the job that runs on a disk; None where there is none (any more)."""
        domain = self._job_domain(name)
        told = self._ask(f"look at the job on {target} of vm/{name}", domain.blockJobInfo, target, 0)
        return BlockJob(_KINDS.get(told["type"], "other"), told["cur"], told["end"]) if told else None

    def block_mirror(self, name: str, target: str) -> Mirror | None:
        """Return where a copy of the disk goes, as the running definition tells it; None where none is made."""
        domain = self._job_domain(name)
        xml = self._ask(f"read vm/{name}", domain.XMLDesc, 0)
        device = _device(parse(xml), target)
        mirror = None if device is None else device.find("mirror")
        if mirror is None:
            return None
        source = mirror.find("source")
        path = "" if source is None else source.get("file") or source.get("dev") or ""
        return Mirror(path, mirror.get("ready") == "yes")

    def block_pivot(self, name: str, target: str) -> None:
        """End a copy that is in sync: from now on the guest uses the new image, in the definition too."""
        flags = libvirt.VIR_DOMAIN_BLOCK_JOB_ABORT_PIVOT
        domain = self._job_domain(name)
        self._ask(
            f"switch {target} of vm/{name} to its copy", domain.blockJobAbort, target, flags, patience=LONG_PATIENCE
        )

    def block_abort(self, name: str, target: str) -> None:
        """End a job; the guest goes on with the image that it has."""
        domain = self._job_domain(name)
        self._ask(f"end the job on {target} of vm/{name}", domain.blockJobAbort, target, 0, patience=LONG_PATIENCE)

    def block_written(self, name: str, target: str) -> Written:
        """Return what the guest has written to a disk so far."""
        domain = self._job_domain(name)
        told = self._ask(f"count what vm/{name} writes to {target}", domain.blockStats, target)
        return Written(told[2], told[3])

    def moments_kept(self, name: str) -> int:
        """Return how many snapshots and checkpoints a domain has, which name its images or lie in them."""
        domain, doing = self._job_domain(name), f"look at the snapshots of vm/{name}"
        checkpoints = self._ask(doing, domain.listAllCheckpoints)
        return len(checkpoints) + int(self._ask(doing, domain.snapshotNum))

    def _job_domain(self, name: str) -> Any:
        return self._ask(f"find vm/{name}", self.raw.lookupByName, name)


def _device(root: Element, target: str) -> Element | None:
    for device in root.iterfind("devices/disk"):
        held = device.find("target")
        if held is not None and held.get("dev") == target:
            return device
    return None
