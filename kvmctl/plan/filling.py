"""The plan for the contents of a new disk: what is told of its source, and how it would be made by hand."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, cast

from kvmctl.codec import format_size
from kvmctl.fields import known
from kvmctl.plan import equivalent as virsh
from kvmctl.sources import archive_of, source_path, sums_place

if TYPE_CHECKING:
    from kvmctl.images import ConvertOptions, ImageInfo
    from kvmctl.inventory import Resource
    from kvmctl.models.disk import Disk, DiskSource

_UNPACKERS = {"xz": "xz", "gz": "gzip", "zst": "zstd"}
_BY_LIBVIRT = ("compat", "cluster_size", "features", "nocow", "permissions", "encryption")


def is_made_by_libvirt(spec: Disk) -> bool:
    """Say whether a disk has something that is made with an image and that copying one into place doesn't give it."""
    is_preallocated = known(spec.allocation) in ("metadata", "full")
    return is_preallocated or any(known(getattr(spec, name)) is not None for name in _BY_LIBVIRT)


def packed(spec: Disk) -> ConvertOptions:
    """Return how a disk's image is written."""
    from kvmctl.images import ConvertOptions

    kind = known(spec.compression)
    return ConvertOptions(compress=kind is not None, compression=kind)


def about_source(want: Resource, image: ImageInfo | None) -> str:
    """Return what is told of a new disk's source beside its fields, '' for nothing."""
    source = known(cast("Disk", want.spec).source) if want.address.kind == "disk" else None
    if source is None:
        return ""
    if image is not None:
        sizes = f"virtual size {format_size(image.virtual_size)}, allocated {format_size(image.allocation)}"
        return f"from {image.format}, {sizes}"
    notes = []
    if known(source.url):
        sums = [name for name in ("sha256", "sha512", "checksums") if known(getattr(source, name))]
        verified = f"verified by its {sums[0]}" if sums else "not verified, for want of a checksum"
        notes.append(f"downloaded unless it is kept here already, and {verified}")
    if archive := archive_of(source):
        notes.append(f"unpacked as {archive}")
    return "; ".join(notes)


def disk_commands(want: Resource, image: ImageInfo | None) -> tuple[str, ...]:
    """Return the commands that make a new disk."""
    spec = cast("Disk", want.spec)
    pool, name, source = str(spec.pool), want.address.name, known(spec.source)
    if source is not None and (known(source.path) is not None or known(source.url) is not None):
        fetched, path = _fetched(want, source, name)
        return (*fetched, *_converted(want, spec, image, path))
    if is_made_by_libvirt(spec) or (source is not None and known(source.volume) is not None):
        return _by_xml(spec, name, pool)
    if source is not None:
        return (shlex.join(["virsh", "vol-clone", str(source.disk), name, "--pool", pool]),)
    backing = known(spec.backing)
    below = (str(known(backing.path) or backing.disk), str(known(backing.format) or "qcow2")) if backing else None
    image_format = known(spec.format) or "raw"
    return (virsh.create_disk(name, pool, image_format=image_format, size=known(spec.size), backing=below),)


def _fetched(want: Resource, source: DiskSource, name: str) -> tuple[list[str], str]:
    """Return the commands that fetch, check and unpack a source, and the path of what they leave."""
    path = str(source_path(want) or "")
    commands = []
    if not path:
        path = f"/var/tmp/{name}.download"  # noqa: S108 - told to a person, not opened
        commands.append(shlex.join(["curl", "-fL", "-C", "-", "-o", path, str(source.url)]))
    for kind in ("sha256", "sha512"):
        if known(getattr(source, kind)) and known(source.url):
            line = shlex.quote(f"{str(getattr(source, kind)).lower()}  {path}")
            commands.append(f"echo {line} | {kind}sum -c")
    if place := sums_place(want):
        commands.append(f"# compare the sum of {shlex.quote(path)} with the one in {shlex.quote(place)}")
    if archive := archive_of(source):
        unpacked = f"/var/tmp/{name}.unpacked"  # noqa: S108 - as above
        commands.append(f"{_UNPACKERS[archive]} -dc {shlex.quote(path)} > {shlex.quote(unpacked)}")
        path = unpacked
    return commands, path


def _converted(want: Resource, spec: Disk, image: ImageInfo | None, source_file: str) -> tuple[str, ...]:
    from kvmctl import images

    name, pool, source = want.address.name, str(spec.pool), cast("DiskSource", spec.source)
    if is_made_by_libvirt(spec):
        return _by_xml(spec, name, pool)
    path, size, image_format = f"/var/tmp/{name}", known(spec.size), known(spec.format) or "raw"  # noqa: S108 - as above
    commands = images.equivalent_convert(
        source_file,
        path,
        source_format=str(source.format),
        target_format=image_format,
        options=packed(spec),
        size=size,
    )
    return (
        *commands,
        virsh.create_disk(name, pool, image_format=image_format, size=size or (image.virtual_size if image else None)),
        shlex.join(["virsh", "vol-upload", "--sparse", name, path, "--pool", pool]),
        shlex.join(["rm", path]),
    )


def _by_xml(spec: Disk, name: str, pool: str) -> tuple[str, ...]:
    """Return the command that makes a disk whose definition says more than an option of virsh can."""
    file, source = f"{name}.xml", known(spec.source)
    words = ["vol-create", pool, file]
    if source is not None:
        volume = known(source.volume)
        origin = str(volume.name) if volume else str(known(source.disk) or f"{name}.part")
        words = ["vol-create-from", pool, file, origin]
        words += ["--inputpool", str(volume.pool)] if volume else []
    words += ["--prealloc-metadata"] if known(spec.allocation) in ("metadata", "full") else []
    return (shlex.join(["virsh", *words]),)
