"""Storage pools: listed, read, defined, built, started and stopped."""

from __future__ import annotations

import time
from typing import Any, Final

from kvmctl.errors import HypervisorError
from kvmctl.hypervisor.connection import LONG_PATIENCE, Connection, Job
from kvmctl.hypervisor.entries import PoolEntry
from kvmctl.hypervisor.failures import Code
from kvmctl.hypervisor.library import libvirt
from kvmctl.hypervisor.naming import named

# The types whose build writes a file system, a partition table or a volume group, and which know the flag
# that makes it refuse where there is one already; the others refuse the flag (libvirt 9.0:
# storage_backend_*.c, buildPool).
_BUILT_ON_DEVICES: Final = frozenset({"fs", "disk", "logical"})

BUSY_SECONDS: Final = 20.0
"""Seconds that a refresh waits for others who work in the pool."""
_BUSY_PAUSE: Final = 0.2


class Pools(Connection):
    """The calls about storage pools."""

    def pools(self) -> list[PoolEntry]:
        """Return all pools, by name, in four calls however many there are."""
        doing, ask = "list the pools", self.raw.listAllStoragePools
        every = self._ask(doing, ask, 0)
        active, autostart, persistent = (
            {pool.name() for pool in self._ask(doing, ask, flag)}
            for flag in (
                libvirt.VIR_CONNECT_LIST_STORAGE_POOLS_ACTIVE,
                libvirt.VIR_CONNECT_LIST_STORAGE_POOLS_AUTOSTART,
                libvirt.VIR_CONNECT_LIST_STORAGE_POOLS_PERSISTENT,
            )
        )
        found = [
            PoolEntry(
                name := pool.name(),
                pool.UUIDString(),
                name in active,
                name in autostart,
                name in persistent,
                pool,
            )
            for pool in every
        ]
        return sorted(found, key=lambda pool: pool.name)

    def pool_xml(self, pool: PoolEntry | str, *, running: bool = False) -> str:
        """Return the definition at the next start, or with `running` the one in effect now, with its room."""
        job = self.pool_xml_job(pool, running=running)
        xml: str = self._ask(job.doing, job.function, *job.arguments)
        return xml

    def pool_xml_job(self, pool: PoolEntry | str, *, running: bool = False) -> Job:
        """Return the question behind `pool_xml`, for asking many side by side."""
        flags = 0 if running or self.has_one_definition else libvirt.VIR_STORAGE_XML_INACTIVE
        name, handle = (pool, self._pool(pool)) if isinstance(pool, str) else (pool.name, pool.handle)
        return Job(f"read pool/{name}", handle.XMLDesc, (flags,))

    def define_pool(self, xml: str, *, validate: bool = True) -> None:
        """Define a pool, or change the definition of the one with the same name and UUID.

        Nothing is made or started yet.
        """
        flags = libvirt.VIR_STORAGE_POOL_DEFINE_VALIDATE if validate else 0
        self._ask(f"define pool/{named(xml)}", self.raw.storagePoolDefineXML, xml, flags)

    def build_pool(self, name: str, type_: str) -> None:
        """Make the pool's folder, or format its device.

        A device that holds something already is refused, never overwritten.
        """
        no_overwrite = libvirt.VIR_STORAGE_POOL_BUILD_NO_OVERWRITE
        flags = no_overwrite if type_ in _BUILT_ON_DEVICES else libvirt.VIR_STORAGE_POOL_BUILD_NEW
        self._ask(f"build pool/{name}", self._pool(name).build, flags, patience=LONG_PATIENCE)

    def start_pool(self, name: str) -> None:
        """Start a pool: mount or log in to it, and look at its volumes."""
        self._ask(f"start pool/{name}", self._pool(name).create, 0, patience=LONG_PATIENCE)

    def stop_pool(self, name: str) -> None:
        """Stop a pool; its volumes stay as they are."""
        self._ask(f"stop pool/{name}", self._pool(name).destroy, patience=LONG_PATIENCE)

    def refresh_pool(self, name: str) -> None:
        """Look at a pool's volumes anew.

        libvirt refuses that while somebody builds or uploads one of them, under the code of any internal error
        (libvirt 9.0: virStoragePoolObjGetAsyncjobs): it is asked again for `BUSY_SECONDS`.
        """
        deadline = time.monotonic() + BUSY_SECONDS
        while True:
            try:
                self._ask(f"refresh pool/{name}", self._pool(name).refresh, 0, patience=LONG_PATIENCE)
            except HypervisorError as error:
                if error.code != Code.INTERNAL_ERROR or time.monotonic() > deadline:
                    raise
                time.sleep(_BUSY_PAUSE)
            else:
                return

    def pool_room(self, name: str) -> int:
        """Return how many bytes are left in an active pool."""
        room: int = self._ask(f"look at the room of pool/{name}", self._pool(name).info)[3]
        return room

    def set_pool_autostart(self, name: str, autostart: bool) -> None:
        """Set whether libvirt starts the pool when the host boots."""
        self._ask(f"set the autostart of pool/{name}", self._pool(name).setAutostart, int(autostart))

    def undefine_pool(self, name: str) -> None:
        """Remove a stopped pool's definition; its volumes stay as they are."""
        self._ask(f"undefine pool/{name}", self._pool(name).undefine)

    def _pool(self, name: str) -> Any:
        return self._ask(f"find pool/{name}", self.raw.storagePoolLookupByName, name)
