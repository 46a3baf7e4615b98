"""One pool's images: made, renamed, removed; in a folder of this machine at once, else by copies that libvirt makes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from kvmctl import images, xmlio
from kvmctl.apply.filling import local_folder
from kvmctl.apply.volume import volume_xml
from kvmctl.fields import stating
from kvmctl.models.disk import Backing, Disk

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from kvmctl.apply.context import Context
    from kvmctl.moving import Below

_PRIVATE = 0o600


class Store:
    """A pool in which a disk gets another image. `folder` is its folder where that is this machine's, else None."""

    def __init__(self, context: Context, pool: str) -> None:
        self.pool = pool
        self._hypervisor = context.hypervisor
        self._lane = context.lane(pool)
        with self._lane:
            self._hypervisor.refresh_pool(pool)
            self.folder = local_folder(context, pool)

    def _xml(self, name: str, spec: Disk, size: int) -> str:
        return volume_xml(name, spec, size, xmlio.parse(self._hypervisor.pool_xml(self.pool)).get("type", ""))

    def names(self) -> frozenset[str]:
        """Return the names of the images that are in the pool now."""
        with self._lane:
            self._hypervisor.refresh_pool(self.pool)
            return frozenset(volume.name for volume in self._hypervisor.volumes(self.pool))

    def make(self, name: str, image_format: str, size: int, backing: Below | None = None) -> str:
        """Make an empty image and return its path."""
        with self._lane:
            return self._hypervisor.create_volume(self.pool, self._xml(name, _spec(image_format, backing), size))

    def room(self) -> int:
        """Return how many bytes are left."""
        with self._lane:
            self._hypervisor.refresh_pool(self.pool)
            return self._hypervisor.pool_room(self.pool)

    def remove(self, *names: str) -> None:
        """Delete the images of these names that are there."""
        with self._lane:
            there = self.names()
            for name in names:
                if name in there:
                    self._hypervisor.delete_volume(self.pool, name)

    def also_call(self, name: str, other: str, image_format: str) -> None:
        """Give an image that nobody writes to a second name; where that can't be had, a copy of it takes the name.

        At no moment is half an image under the name.
        """
        with self._lane:
            if self.folder is not None and _linked(self.folder / name, self.folder / other):
                self._hypervisor.refresh_pool(self.pool)
                return
            info = self._hypervisor.volume_info(self.pool, name)
            xml = self._xml(other, _spec(image_format), info.capacity)
            self._hypervisor.create_volume_from(self.pool, xml, self.pool, name)

    def copy_of(self, source_pool: str, source: str, name: str, image_format: str, size: int) -> None:
        """Let libvirt make an image of another one's content, which may be in another pool."""
        with self._lane:
            self._hypervisor.create_volume_from(
                self.pool, self._xml(name, _spec(image_format), size), source_pool, source
            )

    def rename(self, name: str, other: str) -> None:
        """Give a file of this machine's folder another name, in place of what has it; who has it open goes on."""
        if self.folder is not None:
            with self._lane:
                (self.folder / name).replace(self.folder / other)
                self._hypervisor.refresh_pool(self.pool)

    def convert(self, source: Path, name: str, formats: tuple[str, str], progress: Callable[[float], None]) -> None:
        """Make an image in this machine's folder that holds all that another one shows."""
        if self.folder is not None:
            target = self.folder / name
            images.clean_leftovers(self.folder)
            images.convert(
                source,
                target,
                source_format=formats[0],
                target_format=formats[1],
                progress=progress,
                allow_backing=True,
            )
            target.chmod(_PRIVATE)


def _linked(path: Path, other: Path) -> bool:
    """Say whether the second name could be made: not every file system has hard links."""
    try:
        os.link(path, other)
    except OSError:
        if other.exists():
            raise
        return False
    return True


def _spec(image_format: str, backing: Below | None = None) -> Disk:
    below = None if backing is None else stating(Backing, path=backing.path, format=backing.format)
    return stating(Disk, format=image_format, backing=below)
