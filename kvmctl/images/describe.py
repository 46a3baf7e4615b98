"""What an image is, as `qemu-img info` tells it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kvmctl.images import formats, tool
from kvmctl.images.error import ImageError
from kvmctl.images.files import Peek, peek, plain_path
from kvmctl.images.inspection import inspect

SECTOR = 512

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class ImageInfo:
    """What an image is; sizes in bytes.

    `allocation` is what it takes on its storage (0 for a block device), `extents` the files that a vmdk's
    descriptor names besides itself, `snapshots` the number of internal ones. Names of other files are as the
    image states them.
    """

    path: Path
    format: str
    virtual_size: int
    allocation: int
    cluster_size: int | None = None
    backing_file: str | None = None
    backing_format: str | None = None
    data_file: str | None = None
    extents: tuple[str, ...] = ()
    snapshots: int = 0
    encrypted: bool = False


def info(path: str | os.PathLike[str], fmt: str | None = None) -> ImageInfo:
    """Return what the image at `path` is, also while a running guest uses it.

    With `fmt` the image is read as that format; without it as the one that its content looks like, which a
    guest that wrote a raw disk can steer: state the format wherever something is then done with the image.
    It is inspected before qemu-img reads it. The backing file isn't opened; a vmdk's extents are. ImageError:
    missing, unreadable, empty, another format, or not to be trusted. Source: QEMU manual, qemu-img, `info`.
    """
    image = plain_path(path)
    if fmt is not None:
        formats.by_name(fmt)
    read_as = fmt or _seen(image).resembles or "raw"
    inspect(image, read_as, allow_backing=True)
    return told(image, read_as)


def told(image: Path, fmt: str) -> ImageInfo:
    """Return what an image is that was inspected already, or that kvmctl has just made."""
    seen = _seen(image)
    return _raw(image, seen) if fmt == "raw" else _asked(image, fmt, seen)


def _seen(image: Path) -> Peek:
    seen = peek(image)
    if seen.size == 0:
        raise ImageError(f"{image}: is empty, not an image", "fetch it again, or leave out `source` for an empty disk")
    return seen


def _raw(image: Path, seen: Peek) -> ImageInfo:
    """Return what a raw image is, which its size says: QEMU reads it as a whole number of sectors."""
    return ImageInfo(image, "raw", -(-seen.size // SECTOR) * SECTOR, image.stat().st_blocks * SECTOR)


def _asked(image: Path, fmt: str, seen: Peek) -> ImageInfo:
    ended = tool.run(["info", "--output=json", "--force-share", "-f", fmt, str(image)])
    if ended.code != 0:
        raise ImageError(f"{image}: qemu-img can't read it as {fmt}: {ended.complaint}", _advice(fmt, seen))
    return _parsed(image, json.loads(ended.stdout))


def sniff(path: str | os.PathLike[str]) -> str:
    """Return the format that a file's bytes look like, or '': for warnings and hints only."""
    return peek(plain_path(path)).resembles


def _advice(fmt: str, seen: Peek) -> str:
    if seen.resembles and seen.resembles != fmt:
        return f"the content looks like {seen.resembles!r}: write format: {seen.resembles}"
    if not seen.resembles:
        return f"the content has no signature of {fmt}: a raw disk needs format: raw, else fetch it again"
    return "the image is damaged or names files that are missing; fetch it again"


def _parsed(image: Path, answer: Mapping[str, Any]) -> ImageInfo:
    specific = answer.get("format-specific", {}).get("data", {})
    named = tuple(str(extent["filename"]) for extent in specific.get("extents", ()))
    return ImageInfo(
        path=image,
        format=answer["format"],
        virtual_size=answer["virtual-size"],
        allocation=answer.get("actual-size", 0),
        cluster_size=answer.get("cluster-size"),
        backing_file=answer.get("backing-filename"),
        backing_format=answer.get("backing-filename-format"),
        data_file=specific.get("data-file"),
        extents=tuple(name for name in named if name != str(image)),
        snapshots=len(answer.get("snapshots", ())),
        encrypted=bool(answer.get("encrypted", False)),
    )
