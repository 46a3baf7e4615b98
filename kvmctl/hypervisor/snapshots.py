"""Snapshots of domains: listed, taken, removed, reverted to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kvmctl.hypervisor.connection import COPY_PATIENCE, Job
from kvmctl.hypervisor.domains import Domains
from kvmctl.hypervisor.entries import SnapshotEntry
from kvmctl.hypervisor.library import libvirt
from kvmctl.hypervisor.naming import named

if TYPE_CHECKING:
    from collections.abc import Collection


class Snapshots(Domains):
    """The calls about a domain's snapshots."""

    def snapshots(self, names: Collection[str] | None = None) -> dict[str, list[SnapshotEntry]]:
        """Return the snapshots of each domain that has any, oldest first; `names` are the domains to look at.

        One call says which domains have some; each of those costs one more, and so does each snapshot.
        """
        has_some = self._ask(
            "list the domains with snapshots", self.raw.listAllDomains, libvirt.VIR_CONNECT_LIST_DOMAINS_HAS_SNAPSHOT
        )
        asked = [domain for domain in has_some if names is None or domain.name() in names]
        if not asked:
            return {}
        jobs = [
            Job(
                f"list the snapshots of vm/{domain.name()}",
                domain.listAllSnapshots,
                (libvirt.VIR_DOMAIN_SNAPSHOT_LIST_TOPOLOGICAL,),
            )
            for domain in asked
        ]
        handles = [
            (asked[position].name(), each)
            for position, found in self.ask_all(jobs)
            if found is not None
            for each in found
        ]
        return self._read(handles)

    def _read(self, handles: list[tuple[str, Any]]) -> dict[str, list[SnapshotEntry]]:
        """Return the snapshots behind the handles of each domain; those that vanished meanwhile are left out."""
        jobs = [Job(f"read snapshot {each.getName()} of vm/{name}", each.getXMLDesc, (0,)) for name, each in handles]
        found: dict[str, list[SnapshotEntry]] = {}
        for position, xml in self.ask_all(jobs):
            name, handle = handles[position]
            if xml is not None:
                found.setdefault(name, []).append(SnapshotEntry(handle.getName(), xml))
        return found

    def current_snapshot(self, name: str) -> str:
        """Return the name of the snapshot that the domain's state goes back to; '' where there is none."""
        domain = self._domain(name)
        doing = f"ask for the current snapshot of vm/{name}"
        if not self._ask(doing, domain.hasCurrentSnapshot, 0):
            return ""
        current: str = self._ask(doing, domain.snapshotCurrent, 0).getName()
        return current

    def create_snapshot(self, name: str, xml: str, *, disks_only: bool, live: bool, quiesce: bool) -> None:
        """Take a snapshot, all of it or nothing.

        `disks_only` leaves the memory out, `live` lets the guest run while its memory is written to a file, `quiesce`
        has the guest's agent freeze its file systems meanwhile.
        """
        flags = libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_ATOMIC
        flags |= libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_DISK_ONLY if disks_only else 0
        flags |= libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_LIVE if live else 0
        flags |= libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_QUIESCE if quiesce else 0
        create = self._domain(name).snapshotCreateXML
        self._ask(f"take snapshot {named(xml)} of vm/{name}", create, xml, flags, patience=COPY_PATIENCE)

    def delete_snapshot(self, name: str, snapshot: str) -> None:
        """Remove a snapshot; an external one's overlay is merged into the image below it."""
        handle = self._snapshot(name, snapshot)
        self._ask(f"remove snapshot {snapshot} of vm/{name}", handle.delete, 0, patience=COPY_PATIENCE)

    def revert_to_snapshot(self, name: str, snapshot: str) -> None:
        """Bring disks, definition and memory back to a snapshot; what runs is replaced by a new QEMU."""
        domain, handle = self._domain(name), self._snapshot(name, snapshot)
        doing = f"revert vm/{name} to snapshot {snapshot}"
        self._ask(doing, domain.revertToSnapshot, handle, 0, patience=COPY_PATIENCE)

    def remove_managed_save(self, name: str) -> bool:
        """Remove the domain's saved memory; return whether there was any."""
        domain, doing = self._domain(name), f"remove the saved memory of vm/{name}"
        if not self._ask(doing, domain.hasManagedSaveImage, 0):
            return False
        self._ask(doing, domain.managedSaveRemove, 0)
        return True

    def _snapshot(self, name: str, snapshot: str) -> Any:
        return self._ask(f"find snapshot {snapshot} of vm/{name}", self._domain(name).snapshotLookupByName, snapshot, 0)
