"""What new disks are filled with: where it is, and what the images are, before anything is promised about them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, cast

from kvmctl.codec import format_size
from kvmctl.errors import ManifestError
from kvmctl.fields import known
from kvmctl.layering import folder_of
from kvmctl.manifest import problem_at

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from kvmctl.errors import Problem
    from kvmctl.images import ImageInfo
    from kvmctl.inventory import Address, Inventory, Resource
    from kvmctl.models.disk import Disk, DiskSource

_ARCHIVES = ("xz", "gz", "zst")


def source_path(resource: Resource) -> Path | None:
    """Return the file that a new disk is filled from, or None; a relative one starts at the folder of its file."""
    source = known(cast("Disk", resource.spec).source)
    path = known(source.path) if source else None
    return None if path is None else _absolute(resource, "path", str(path))


def sums_place(resource: Resource) -> str | None:
    """Return where the list of checksums is, a URL or an absolute path, or None."""
    source = known(cast("Disk", resource.spec).source)
    place = known(source.checksums) if source else None
    if place is None or "://" in place:
        return place
    return str(_absolute(resource, "checksums", place))


def _absolute(resource: Resource, field: str, path: str) -> Path:
    folder = folder_of(resource, ("spec", "source", field))
    return Path(os.path.abspath(folder / path))  # noqa: PTH100 - resolve() would follow the user's links


def archive_of(source: DiskSource) -> str:
    """Return how the source's file is packed, as the manifest or the name's ending says; '' for not at all."""
    stated = known(source.archive)
    if stated is not None:
        return "" if stated == "none" else str(stated)
    place = str(known(source.path) or known(source.url) or "").partition("?")[0].partition("#")[0]
    ending = place.rpartition(".")[2]
    return ending if ending in _ARCHIVES else ""


def look_at_sources(want: Mapping[Address, Resource], have: Inventory) -> dict[Address, ImageInfo]:
    """Return what the source images of new disks are; ManifestError names all that can't be used.

    What is elsewhere or packed is looked at when the disk is made.
    """
    paths = {
        address: path
        for address, resource in want.items()
        if address.kind == "disk" and address not in have and (path := source_path(resource)) is not None
    }
    if not paths:
        return {}
    from kvmctl import images

    found: dict[Address, ImageInfo] = {}
    problems: list[Problem] = []
    for address, path in paths.items():
        resource = want[address]
        source = cast("DiskSource", cast("Disk", resource.spec).source)
        try:
            if archive_of(source):
                images.sniff(path)  # it is there, and can be read
                continue
            images.inspect(path, str(source.format))
            found[address] = images.info(path, str(source.format))
        except images.ImageError as error:
            problems.append(problem_at(resource, ("spec", "source", "path"), f"{address}: {error.message}", error.hint))
            continue
        problems += _too_small(resource, found[address].virtual_size)
    if problems:
        raise ManifestError(tuple(problems))
    return found


def _too_small(resource: Resource, least: int) -> Iterator[Problem]:
    size = known(cast("Disk", resource.spec).size)
    if size is not None and size < least:
        exact = format_size(least, exact=True)
        message = f"{resource.address}: size {format_size(size)} is smaller than the image, which is {exact}"
        yield problem_at(resource, ("spec", "size"), message, f"write at least {exact}, or leave size out")
