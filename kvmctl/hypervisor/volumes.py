"""Volumes: listed, read, created, resized and deleted."""

from __future__ import annotations

from typing import Any

from kvmctl.errors import HypervisorError
from kvmctl.hypervisor.connection import COPY_PATIENCE, LONG_PATIENCE, Job
from kvmctl.hypervisor.entries import PoolEntry, VolumeEntry, VolumeInfo
from kvmctl.hypervisor.failures import GONE
from kvmctl.hypervisor.library import libvirt
from kvmctl.hypervisor.naming import named
from kvmctl.hypervisor.pools import Pools


class Volumes(Pools):
    """The calls about the volumes of a pool, which has to be active."""

    def volumes(self, pool: PoolEntry | str) -> list[VolumeEntry]:
        """Return the volumes of a pool, by name, in one call.

        Files that appeared by themselves are seen after `refresh_pool`.
        """
        name, handle = (pool, self._pool(pool)) if isinstance(pool, str) else (pool.name, pool.handle)
        listed = self._ask(f"list the volumes of pool/{name}", handle.listAllVolumes, 0)
        found = [VolumeEntry(name, volume.name(), volume.key(), volume) for volume in listed]
        return sorted(found, key=lambda volume: volume.name)

    def volume_xml(self, pool: str, name: str) -> str:
        """Return a volume's definition, with its path, capacity and allocation."""
        xml: str = self._ask(f"read {_disk(pool, name)}", self._volume(pool, name).XMLDesc, 0)
        return xml

    def volume_xml_job(self, volume: VolumeEntry) -> Job:
        """Return the question behind `volume_xml`, for asking many side by side."""
        return Job(f"read {_disk(volume.pool, volume.name)}", volume.handle.XMLDesc, (0,))

    def create_volume(self, pool: str, xml: str, *, preallocate: bool = False) -> str:
        """Create an empty volume and return its path; one that exists is refused, never overwritten.

        `preallocate` makes the tables of its format at once and, where the XML allocates all, the rest too.
        """
        create = self._pool(pool).createXML
        volume = self._ask(
            f"create {_disk(pool, named(xml))}", create, xml, _flags(preallocate), patience=COPY_PATIENCE
        )
        path: str = self._ask(f"ask for the path of {_disk(pool, named(xml))}", volume.path)
        return path

    def create_volume_from(
        self, pool: str, xml: str, source_pool: str, source: str, *, preallocate: bool = False
    ) -> str:
        """Create a volume with the contents of another, in the format of the XML, and return its path."""
        origin = self._volume(source_pool, source)
        doing = f"copy {_disk(source_pool, source)} to {_disk(pool, named(xml))}"
        create = self._pool(pool).createXMLFrom
        volume = self._ask(doing, create, xml, origin, _flags(preallocate), patience=COPY_PATIENCE)
        path: str = self._ask(f"ask for the path of {_disk(pool, named(xml))}", volume.path)
        return path

    def resize_volume(self, pool: str, name: str, size: int) -> None:
        """Grow a volume to `size` bytes as guests see it; libvirt refuses to shrink.

        Not for one that a running guest uses: see `block_resize`.
        """
        resize = self._volume(pool, name).resize
        self._ask(f"resize {_disk(pool, name)}", resize, size, 0, patience=LONG_PATIENCE)

    def delete_volume(self, pool: str, name: str) -> None:
        """Delete a volume and its contents."""
        delete = self._volume(pool, name).delete
        self._ask(f"delete {_disk(pool, name)}", delete, 0, patience=LONG_PATIENCE)

    def volume_info(self, pool: str, name: str) -> VolumeInfo:
        """Return a volume's path, capacity and allocation (bytes)."""
        doing = f"look at {_disk(pool, name)}"
        volume = self._volume(pool, name)
        _type, capacity, allocation = self._ask(doing, volume.info)
        return VolumeInfo(self._ask(doing, volume.path), capacity, allocation)

    def volume_at(self, path: str) -> VolumeEntry | None:
        """Return the volume of an active pool that lies at a path on the host; None where no pool has one there."""
        doing = f"look for a volume at {path}"
        try:
            volume = self._ask(doing, self.raw.storageVolLookupByPath, path)
        except HypervisorError as error:
            if error.code in GONE:
                return None
            raise
        pool = self._ask(doing, volume.storagePoolLookupByVolume)
        return VolumeEntry(pool.name(), volume.name(), volume.key(), volume)

    def _volume(self, pool: str, name: str) -> Any:
        return self._ask(f"find {_disk(pool, name)}", self._pool(pool).storageVolLookupByName, name)


def _flags(preallocate: bool) -> int:
    return int(libvirt.VIR_STORAGE_VOL_CREATE_PREALLOC_METADATA) if preallocate else 0


def _disk(pool: str, name: str) -> str:
    return f"disk/{name} (pool {pool})"
