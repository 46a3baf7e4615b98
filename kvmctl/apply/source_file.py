"""The file that a new disk is filled from: fetched, verified and unpacked."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

from kvmctl import downloads, images
from kvmctl.fields import known
from kvmctl.sources import archive_of, source_path, sums_place

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from kvmctl.apply.pace import Pace
    from kvmctl.inventory import Resource
    from kvmctl.models.disk import Disk, DiskSource


@contextmanager
def source_file(resource: Resource, pace: Pace) -> Iterator[Path]:
    """Give the image file of a disk with a path or a URL; what is kept of it on this machine stays while this lasts."""
    source = cast("DiskSource", cast("Disk", resource.spec).source)
    cache, archive, path = downloads.Cache(), archive_of(source), source_path(resource)
    wanted = _wanted(resource, source, pace)
    if path is None:
        file, sums = cache.fetched(str(source.url), wanted, pace)
    else:
        file, sums = path, _sums(path, wanted, packed=bool(archive))
        wanted.check(str(path), sums)
    if archive:
        file = cache.unpacked(file, sums.sha256, archive, pace)
    with cache.held(file):
        yield file


def _wanted(resource: Resource, source: DiskSource, pace: Pace) -> downloads.Sums:
    """Return the sums that the manifest states, or the list that it names."""
    place = sums_place(resource)
    if place is None:
        return downloads.Sums(str(known(source.sha256) or "").lower(), str(known(source.sha512) or "").lower())
    name = downloads.name_in(str(known(source.url) or source_path(resource)))
    return downloads.find_sum(downloads.listed_in(place, pace), name, place)


def _sums(path: Path, wanted: downloads.Sums, *, packed: bool) -> downloads.Sums:
    """Return the sums of a file of this machine that are asked for; what is unpacked is kept by its sum."""
    return downloads.Sums(
        images.checksum(path, "sha256") if wanted.sha256 or packed else "",
        images.checksum(path, "sha512") if wanted.sha512 else "",
    )
