"""Whether an image may be copied: one that names other files could carry those into a guest's disk.

Source: QEMU manual, "Security", on image formats and probing; CVE-2024-4467 for external data files.
"""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from kvmctl.images.error import ImageError

if TYPE_CHECKING:
    from kvmctl.images.describe import ImageInfo


def check(image: ImageInfo, *, allow_backing: bool = False) -> None:
    """Return when the image holds its whole content itself; else an ImageError names the other file.

    With `allow_backing` a backing file is accepted, as long as its format is stated and nothing has to be
    probed. Extents of a vmdk are accepted from the image's own folder only, after following links.
    """
    if image.encrypted:
        raise ImageError(f"{image.path}: is encrypted", "decrypt it first: kvmctl doesn't hold its passphrase")
    if image.data_file is not None:
        refuse_data_file(image.path, image.data_file)
    if image.backing_file is not None:
        if not allow_backing:
            refuse_backing(image.path, image.format, image.backing_file)
        _check_backing_format(image)
    for extent in image.extents:
        refuse_extent(image.path, extent)


def refuse_data_file(image: Path, name: str) -> NoReturn:
    """Raise the ImageError of an image whose data is in another file."""
    raise ImageError(
        f"{image}: keeps its data in another file, {name!r}",
        "an image from elsewhere could name any file of this host; convert it where it was made",
    )


def refuse_backing(image: Path, fmt: str, name: str) -> NoReturn:
    """Raise the ImageError of an image that stands on another one."""
    raise ImageError(
        f"{image}: has a backing file, {name!r}",
        "an image from elsewhere could name any file of this host; where it is expected, make one image of both: "
        f"kvmctl image convert --allow-backing --from {fmt} {shlex.quote(image.name)} NEW.qcow2",
    )


def _check_backing_format(image: ImageInfo) -> None:
    if image.backing_format is None:
        raise ImageError(
            f"{image.path}: doesn't state the format of its backing file {image.backing_file!r}",
            f"state it: qemu-img rebase -u -f {image.format} -b BACKING -F FORMAT IMAGE",
        )


def refuse_extent(image: Path, name: str) -> None:
    """Return when a vmdk's extent is a plain file of the vmdk's own folder; else raise an ImageError.

    A name without a slash is meant beside the image, and one with a colon could be a protocol, such as nbd.
    """
    home = Path(os.path.realpath(image.parent))
    where = Path(os.path.realpath(image.parent / name))
    if where.parent != home or ":" in Path(name).name or not where.is_file():
        raise ImageError(
            f"{image}: its data lies outside its folder, in {name!r}",
            "an image from elsewhere could name any file of this host; put all its files into one folder",
        )
