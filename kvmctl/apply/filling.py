"""The contents of a new disk, on their way into its pool; under the disk's name they appear whole or not at all."""

from __future__ import annotations

import secrets
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, cast

from kvmctl import images, xmlio
from kvmctl.apply.pace import Pace
from kvmctl.apply.source_file import source_file
from kvmctl.apply.unfinished import unfinished
from kvmctl.apply.volume import pool_type, preallocates, volume_xml
from kvmctl.errors import HypervisorError, KvmctlError
from kvmctl.fields import known, stating
from kvmctl.inventory import Address
from kvmctl.models.disk import Disk
from kvmctl.plan.creation import FOLDERS
from kvmctl.plan.filling import is_made_by_libvirt, packed

if TYPE_CHECKING:
    from kvmctl.actions import Action
    from kvmctl.apply.context import Context
    from kvmctl.hypervisor import Hypervisor
    from kvmctl.models.disk import DiskSource, SourceVolume

_PRIVATE: Final = 0o600
STALE_SECONDS: Final = 600
PART_PREFIX: Final = ".kvmctl-"
"""Volumes of this name are halves that nobody owns: a killed apply leaves them, and the next one removes them."""
_LEFT: Final = (".part", ".probe")


class _Origin(NamedTuple):
    """The volume that a disk is a copy of."""

    pool: str
    name: str


def fill(action: Action, context: Context, source: DiskSource) -> None:
    """Make a disk that holds what its source does."""
    spec = cast("Disk", context.want(action).spec)
    volume = known(source.volume)
    if volume is not None:
        _copy(action, context, _checked(action, context, volume, str(source.format)))
    elif known(source.disk):
        _copy(action, context, _disk(context, str(source.disk)))
    else:
        pace = Pace(action, context)
        with source_file(context.want(action), pace) as path:
            with context.lane(str(spec.pool)):
                _remove_stale(context.hypervisor, str(spec.pool))
                folder = (
                    None if is_made_by_libvirt(spec) else local_folder(context, str(spec.pool), action.address.name)
                )
            if folder is None:
                _refuse_packing(action, spec)
                _upload(action, context, path, pace)
            else:
                _convert(action, context, path, folder, pace)


def _disk(context: Context, name: str) -> _Origin:
    address = Address("disk", name)
    found = context.plan.want.get(address) or context.plan.have[address]
    return _Origin(str(cast("Disk", found.spec).pool), name)


def _checked(action: Action, context: Context, volume: SourceVolume, image_format: str) -> _Origin:
    """Return a volume that is what the manifest says; libvirt goes by what it found in the content."""
    pool, name = str(volume.pool), str(volume.name)
    with context.lane(pool):
        context.hypervisor.refresh_pool(pool)
        root = xmlio.parse(context.hypervisor.volume_xml(pool, name))
    found = root.find("target/format")
    takes_for = found.get("type", "raw") if found is not None else "raw"
    if takes_for not in {image_format, "iso" if image_format == "raw" else image_format}:
        raise HypervisorError(
            f"{action.address}: libvirt takes {pool}/{name} for {takes_for}, and spec.source.format is {image_format}",
            "a guest can write any header into a raw disk; state the format that it has",
        )
    below = root.findtext("backingStore/path")
    if below:
        raise HypervisorError(
            f"{action.address}: {pool}/{name} has a backing file, {below}",
            "where it is expected, make it a Disk with backing: and copy that one with source: {disk: …}",
        )
    return _Origin(pool, name)


def _copy(action: Action, context: Context, origin: _Origin) -> None:
    """Let libvirt copy a volume, converting on the way; then grow the copy."""
    spec, hypervisor = cast("Disk", context.want(action).spec), context.hypervisor
    with context.lane(str(spec.pool)):
        capacity = hypervisor.volume_info(*origin).capacity
        size = _fitting(action, spec, capacity)
        xml = _volume_xml(action.address.name, spec, capacity, context)
        with unfinished(context, str(spec.pool), action.address.name):
            hypervisor.create_volume_from(str(spec.pool), xml, *origin, preallocate=preallocates(spec))
            if size > capacity:
                hypervisor.resize_volume(str(spec.pool), action.address.name, size)


def _fitting(action: Action, spec: Disk, capacity: int) -> int:
    size = int(cast("int", known(spec.size) or capacity))
    if size < capacity:
        raise KvmctlError(
            f"{action.address}: spec.size of {size} bytes is smaller than its source of {capacity} bytes",
            f"write a size of at least {capacity} bytes, or leave it out to take the source's",
        )
    return size


def _volume_xml(name: str, spec: Disk, size: int, context: Context) -> str:
    return volume_xml(name, spec, size, pool_type(context, str(spec.pool)))


def local_folder(context: Context, pool: str, whose: str = "") -> Path | None:
    """Return the pool's folder if it is one of this machine's, proved by a volume that libvirt made and we can see.

    With the name of the disk that it is `whose`, what a killed apply of that one left is removed.
    """
    hypervisor = context.hypervisor
    root = xmlio.parse(hypervisor.pool_xml(pool))
    folder = root.findtext("target/path", "")
    if root.get("type") not in FOLDERS or not folder:
        return None
    probe = f"{PART_PREFIX}{whose or secrets.token_hex(8)}.probe"
    _delete_left(hypervisor, pool, probe)
    hypervisor.create_volume(pool, volume_xml(probe, stating(Disk, format="raw"), 0, root.get("type", "")))
    try:
        return Path(folder) if (Path(folder) / probe).exists() else None
    finally:
        hypervisor.delete_volume(pool, probe)


def _delete_left(hypervisor: Hypervisor, pool: str, name: str) -> None:
    """Delete what a killed apply of the same disk left."""
    if any(volume.name == name for volume in hypervisor.volumes(pool)):
        hypervisor.delete_volume(pool, name)


def _convert(action: Action, context: Context, path: Path, folder: Path, pace: Pace) -> None:
    """Convert an image into a pool's folder on this machine; others may do so beside, in the same pool too."""
    spec, target = cast("Disk", context.want(action).spec), folder / action.address.name
    source = cast("DiskSource", spec.source)
    images.clean_leftovers(folder)
    images.convert(
        path, target, source_format=str(source.format), target_format=_image_format(spec), options=packed(spec),
        size=known(spec.size), progress=lambda percent: pace.percent("converting", percent),
    )  # fmt: skip
    target.chmod(_PRIVATE)
    with context.lane(str(spec.pool)):
        context.hypervisor.refresh_pool(str(spec.pool))


def _upload(action: Action, context: Context, path: Path, pace: Pace) -> None:
    """Convert here, send that as a volume of another name, and let libvirt copy it to the final one.

    So there is never half an image under the final name, and it gets all that libvirt makes an image with.
    """
    spec, hypervisor = cast("Disk", context.want(action).spec), context.hypervisor
    pool, image_format = str(spec.pool), _image_format(spec)
    plain = stating(Disk, pool=pool, format=image_format)
    part = f"{PART_PREFIX}{action.address.name}.part"
    with tempfile.TemporaryDirectory(prefix="kvmctl-") as folder:
        image = Path(folder) / "image"
        found = images.convert(
            path, image, source_format=str(cast("DiskSource", spec.source).format), target_format=image_format,
            size=known(spec.size), progress=lambda percent: pace.percent("converting", percent),
        )  # fmt: skip
        with context.lane(pool):
            _delete_left(hypervisor, pool, part)
            hypervisor.create_volume(pool, _volume_xml(part, plain, found.virtual_size, context))
            try:
                hypervisor.upload_volume(pool, part, image, lambda sent, size: pace("uploading", sent, size))
                with unfinished(context, pool, action.address.name):
                    xml = _volume_xml(action.address.name, spec, found.virtual_size, context)
                    hypervisor.create_volume_from(pool, xml, pool, part, preallocate=preallocates(spec))
                    hypervisor.delete_volume(pool, part)
            except BaseException:
                with suppress(HypervisorError):  # the first error is the one to tell
                    _delete_left(hypervisor, pool, part)
                raise


def _refuse_packing(action: Action, spec: Disk) -> None:
    """Refuse compression where libvirt copies the image, since it packs nothing (libvirt 9.0)."""
    if known(spec.compression) is not None:
        raise KvmctlError(
            f"{action.address}: pool/{spec.pool} is not a folder of this machine, and libvirt packs nothing",
            "leave compression out, or apply on the host itself",
        )


def _image_format(spec: Disk) -> str:
    """Return the format that qemu-img makes for the disk: to it an ISO image is a raw one."""
    image_format = known(spec.format) or "raw"
    return "raw" if image_format == "iso" else str(image_format)


def _remove_stale(hypervisor: Hypervisor, pool: str) -> None:
    """Delete what killed applies left and nobody has written to for a while; it may be another's that goes on."""
    for volume in hypervisor.volumes(pool):
        if not volume.name.startswith(PART_PREFIX) or not volume.name.endswith(_LEFT):
            continue
        changed = xmlio.parse(hypervisor.volume_xml(pool, volume.name)).findtext("target/timestamps/mtime", "0")
        if time.time() - float(changed) > STALE_SECONDS:
            hypervisor.delete_volume(pool, volume.name)
