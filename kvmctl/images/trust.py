"""Whether an image may be copied: one that names other files could carry those into a guest's disk.

Source: QEMU manual, "Security", on image formats and probing; CVE-2024-4467 for external data files.
"""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

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
        raise ImageError(
            f"{image.path}: keeps its data in another file, {image.data_file!r}",
            "an image from elsewhere could name any file of this host; convert it where it was made",
        )
    _check_backing(image, allow_backing=allow_backing)
    for extent in image.extents:
        _check_extent(image, extent)


def _check_backing(image: ImageInfo, *, allow_backing: bool) -> None:
    if image.backing_file is None:
        return
    if not allow_backing:
        raise ImageError(
            f"{image.path}: has a backing file, {image.backing_file!r}",
            "an image from elsewhere could name any file of this host; where it is expected, make one image of both: "
            f"kvmctl image convert --allow-backing --from {image.format} {shlex.quote(image.path.name)} NEW.qcow2",
        )
    if image.backing_format is None:
        raise ImageError(
            f"{image.path}: doesn't state the format of its backing file {image.backing_file!r}",
            f"state it: qemu-img rebase -u -f {image.format} -b BACKING -F FORMAT IMAGE",
        )


def _check_extent(image: ImageInfo, extent: str) -> None:
    home = Path(os.path.realpath(image.path.parent))
    # qemu-img prints an extent's name joined to its image's folder; an absolute or protocol one stays so.
    if not extent.startswith("/") or Path(os.path.realpath(extent)).parent != home:
        raise ImageError(
            f"{image.path}: its data lies outside its folder, in {extent!r}",
            "an image from elsewhere could name any file of this host; put all its files into one folder",
        )
