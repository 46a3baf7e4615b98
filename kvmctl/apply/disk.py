"""Disks: made empty, from a file, or from another disk; grown; deleted where that was allowed."""

from __future__ import annotations

import secrets
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from kvmctl import images, record, xmlio
from kvmctl.apply.volume import preallocates, volume_xml
from kvmctl.diff import diff
from kvmctl.errors import HypervisorError, KvmctlError
from kvmctl.fields import known, stating
from kvmctl.inventory import Address
from kvmctl.models.disk import Disk
from kvmctl.observe.volumes import as_meant
from kvmctl.plan.creation import FOLDERS, is_made_by_libvirt
from kvmctl.sources import source_path

if TYPE_CHECKING:
    from kvmctl.actions import Action
    from kvmctl.apply.context import Context
    from kvmctl.hypervisor import Hypervisor
    from kvmctl.models.disk import DiskSource
    from kvmctl.models.pool import StoragePool

_PRIVATE = 0o600
STALE_SECONDS = 600
PART_PREFIX = ".kvmctl-"
"""Volumes of this name are halves that nobody owns: a killed apply leaves them, and the next one removes them."""


def create(action: Action, context: Context) -> None:
    """Make a disk whole or not at all; one that turned up meanwhile is kept as it is."""
    spec, hypervisor = cast("Disk", context.want(action).spec), context.hypervisor
    pool, name = str(spec.pool), action.address.name
    with context.lane(pool):
        hypervisor.refresh_pool(pool)
        if any(volume.name == name for volume in hypervisor.volumes(pool)):
            _refuse_other(action, context)
            return
        source = known(spec.source)
        if source is None:
            xml = _volume_xml(name, spec, int(cast("int", known(spec.size) or 0)), context)
            hypervisor.create_volume(pool, xml, preallocate=preallocates(spec))
            return
        if known(source.disk):
            _from_disk(action, context, source)
        else:
            _from_file(action, context, source)
    context.remember(f"{pool}/{name}", record.written(source))


def _refuse_other(action: Action, context: Context) -> None:
    """Raise when a disk that the plan couldn't see, because its pool was off, isn't the wanted one."""
    spec = cast("Disk", context.want(action).spec)
    xml = context.hypervisor.volume_xml(str(spec.pool), action.address.name)
    changes = diff(as_meant(xmlio.read(Disk, xmlio.parse(xml), spec), spec), spec)
    if changes:
        told = ", ".join(f"{change.text} is {change.before}, not {change.after}" for change in changes)
        raise HypervisorError(
            f"{action.address} is there already, and differs: {told}", "plan again: it can be seen now"
        )


def _volume_xml(name: str, spec: Disk, size: int, context: Context) -> str:
    return volume_xml(name, spec, size, _pool_type(context, str(spec.pool)))


def _pool_type(context: Context, pool: str) -> str:
    return xmlio.parse(context.hypervisor.pool_xml(pool)).get("type", "")


def _from_disk(action: Action, context: Context, source: DiskSource) -> None:
    """Let libvirt copy another disk, converting on the way; then grow the copy."""
    spec, hypervisor = cast("Disk", context.want(action).spec), context.hypervisor
    origin = (
        context.plan.want.get(Address("disk", str(source.disk))) or context.plan.have[Address("disk", str(source.disk))]
    )
    origin_pool = str(cast("Disk", origin.spec).pool)
    capacity = hypervisor.volume_info(origin_pool, str(source.disk)).capacity
    size = _fitting(action, spec, capacity)
    xml = _volume_xml(action.address.name, spec, capacity, context)
    hypervisor.create_volume_from(str(spec.pool), xml, origin_pool, str(source.disk), preallocate=preallocates(spec))
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


def _from_file(action: Action, context: Context, source: DiskSource) -> None:
    """Convert an image file: into the pool's folder where that is this machine's, else over libvirt's stream."""
    path = cast("Path", source_path(context.want(action)))
    _verify(action, path, source)
    spec = cast("Disk", context.want(action).spec)
    folder = None if is_made_by_libvirt(spec) else local_folder(context, str(spec.pool))
    if folder is None:
        _upload(action, context, path, source)
        return
    images.clean_leftovers(folder)
    target = folder / action.address.name
    images.convert(
        path, target, source_format=str(source.format), target_format=_image_format(spec),
        size=known(spec.size), progress=lambda percent: context.progress.advanced(action, percent),
    )  # fmt: skip
    target.chmod(_PRIVATE)
    context.hypervisor.refresh_pool(str(spec.pool))


def _verify(action: Action, path: Path, source: DiskSource) -> None:
    wanted = known(source.sha256)
    if wanted is None:
        return
    found = images.checksum(path, "sha256")
    if found != str(wanted).lower():
        raise images.ImageError(
            f"{action.address}: {path} has SHA-256 {found}, but spec.source.sha256 is {wanted}",
            "the file is not the one that was meant: fetch it again, or correct the sum",
        )


def local_folder(context: Context, pool: str) -> Path | None:
    """Return the pool's folder if it is one of this machine's, proved by a volume that libvirt made and we can see."""
    hypervisor = context.hypervisor
    root = xmlio.parse(hypervisor.pool_xml(pool))
    folder = root.findtext("target/path", "")
    if root.get("type") not in FOLDERS or not folder:
        return None
    probe = f"{PART_PREFIX}{secrets.token_hex(8)}.probe"
    hypervisor.create_volume(
        pool, f"<volume><name>{probe}</name><capacity>0</capacity><allocation>0</allocation></volume>"
    )
    try:
        return Path(folder) if (Path(folder) / probe).exists() else None
    finally:
        hypervisor.delete_volume(pool, probe)


def _upload(action: Action, context: Context, path: Path, source: DiskSource) -> None:
    """Convert here, send that as a volume of another name, and let libvirt copy it to the final one.

    So there is never half an image under the final name, and it gets all that libvirt makes an image with.
    """
    spec, hypervisor = cast("Disk", context.want(action).spec), context.hypervisor
    pool, image_format = str(spec.pool), _image_format(spec)
    plain = stating(Disk, pool=pool, format=image_format)
    _remove_parts(hypervisor, pool)
    part = f"{PART_PREFIX}{secrets.token_hex(8)}.part"
    with tempfile.TemporaryDirectory(prefix="kvmctl-") as folder:
        image = Path(folder) / "image"
        found = images.convert(
            path, image, source_format=str(source.format), target_format=image_format, size=known(spec.size)
        )
        hypervisor.create_volume(pool, _volume_xml(part, plain, found.virtual_size, context))
        try:
            hypervisor.upload_volume(pool, part, image, lambda sent, size: _advance(action, context, sent, size))
            xml = _volume_xml(action.address.name, spec, found.virtual_size, context)
            hypervisor.create_volume_from(pool, xml, pool, part, preallocate=preallocates(spec))
        finally:
            hypervisor.delete_volume(pool, part)


def _image_format(spec: Disk) -> str:
    """Return the format that qemu-img makes for the disk: to it an ISO image is a raw one."""
    image_format = known(spec.format) or "raw"
    return "raw" if image_format == "iso" else str(image_format)


def _advance(action: Action, context: Context, sent: int, size: int) -> None:
    context.progress.advanced(action, 100 * sent / max(size, 1))


def _remove_parts(hypervisor: Hypervisor, pool: str) -> None:
    """Delete what killed applies left: parts that nobody has written to for a while."""
    for volume in hypervisor.volumes(pool):
        if not volume.name.startswith(PART_PREFIX) or not volume.name.endswith(".part"):
            continue
        changed = xmlio.parse(hypervisor.volume_xml(pool, volume.name)).findtext("target/timestamps/mtime", "0")
        if time.time() - float(changed) > STALE_SECONDS:
            hypervisor.delete_volume(pool, volume.name)


def resize(action: Action, context: Context) -> None:
    """Grow a disk: through the running guest that uses it, or else through its pool."""
    details, hypervisor = action.details, context.hypervisor
    pool = str(cast("Disk", context.want(action).spec).pool)
    if "domain" in details:
        hypervisor.block_resize(details["domain"], details["path"], details["value"])
    with context.lane(pool):
        if "domain" in details:
            hypervisor.refresh_pool(pool)
        else:
            hypervisor.resize_volume(pool, action.address.name, details["value"])


def delete(action: Action, context: Context) -> None:
    """Delete the volume and its contents; the plan listed its path, and the user allowed it."""
    have = context.plan.have[action.address]
    pool = cast("StoragePool | Any", cast("Disk", have.spec).pool)
    volume = have.live.facts.get("volume", action.address.name) if have.live else action.address.name
    with context.lane(str(pool)):
        context.hypervisor.delete_volume(str(pool), volume)
    context.remember(f"{pool}/{volume}", None)
