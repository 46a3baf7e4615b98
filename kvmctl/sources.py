"""What new disks are filled with: the image files, looked at before anything is promised about them."""

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
    from collections.abc import Mapping

    from kvmctl.images import ImageInfo
    from kvmctl.inventory import Address, Inventory, Resource
    from kvmctl.models.disk import Disk


def source_path(resource: Resource) -> Path | None:
    """Return the file that a new disk is filled from, or None; a relative one starts at the folder of its file."""
    source = known(cast("Disk", resource.spec).source)
    path = known(source.path) if source else None
    if path is None:
        return None
    folder = folder_of(resource, ("spec", "source", "path"))
    return Path(os.path.abspath(folder / str(path)))  # noqa: PTH100 - resolve() would follow the user's links


def look_at_sources(want: Mapping[Address, Resource], have: Inventory) -> dict[Address, ImageInfo]:
    """Return what the source images of new disks are; ManifestError names all that can't be used."""
    paths = {
        address: path
        for address, resource in want.items()
        if address.kind == "disk" and address not in have and (path := source_path(resource)) is not None
    }
    if not paths:
        return {}
    from kvmctl import images

    found: dict[Address, ImageInfo] = {}
    problems = []
    for address, path in paths.items():
        resource = want[address]
        source = cast("Disk", resource.spec).source
        try:
            images.inspect(path, str(source.format) if source else "raw")
            found[address] = images.info(path, str(source.format) if source else None)
        except images.ImageError as error:
            problems.append(problem_at(resource, ("spec", "source", "path"), f"{address}: {error.message}", error.hint))
            continue
        size, least = known(cast("Disk", resource.spec).size), found[address].virtual_size
        if size is not None and size < least:
            image = f"the image, which is {format_size(least, exact=True)}"
            message = f"{address}: size {format_size(size)} is smaller than {image}"
            problems.append(
                problem_at(
                    resource,
                    ("spec", "size"),
                    message,
                    f"write at least {format_size(least, exact=True)}, or leave size out",
                )
            )
    if problems:
        raise ManifestError(tuple(problems))
    return found
