"""Two images that a running guest's QEMU keeps the same, compared while it does."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

from kvmctl.images import tool
from kvmctl.images.contents import DIFFERENT, LONGEST_COMPARISON, SAME
from kvmctl.images.error import ImageError
from kvmctl.images.files import plain_path

if TYPE_CHECKING:
    import os

PIECE: Final = 1 << 16
"""Bytes that count as one difference: what qcow2 writes at once, unless it is told otherwise."""
_PLACE: Final = re.compile(r"offset (\d+)")


def differences(  # noqa: PLR0913, PLR0917 - two images, their size, and when to stop
    a: str | os.PathLike[str], fmt_a: str, b: str | os.PathLike[str], fmt_b: str, size: int, most: int
) -> int:
    """Return how many pieces of two images of `size` bytes differ, counted up to one more than `most`.

    The images are read past QEMU's locks, which forbid to read the target of a copy (QEMU 7.2), so that what the guest
    wrote a moment ago may be in one and not yet in the other: the caller knows how much that can be.
    """
    count, start = 0, 0
    while start < size and count <= most:
        place = _first_difference((a, fmt_a), (b, fmt_b), start, size - start)
        if place is None:
            break
        count += 1
        start = (start + place) // PIECE * PIECE + PIECE
    return count


def _first_difference(
    a: tuple[str | os.PathLike[str], str], b: tuple[str | os.PathLike[str], str], start: int, length: int
) -> int | None:
    """Return where two images differ first, in bytes after `start`; None where they don't."""
    windows = [_window(*image, start, length) for image in (a, b)]
    ended = tool.run(["compare", "-U", *windows], seconds=LONGEST_COMPARISON, memory=tool.COPY_MEMORY)
    if ended.code == SAME:
        return None
    found = _PLACE.search(ended.stdout)
    if ended.code != DIFFERENT or found is None:
        raise ImageError(
            f"{a[0]}, {b[0]}: can't be compared: {ended.complaint}", "look at the images with qemu-img info"
        )
    return int(found[1])


def _window(path: str | os.PathLike[str], fmt: str, start: int, length: int) -> str:
    """Return a part of an image as qemu-img names it, beginning at a multiple of 512 bytes."""
    file = {"driver": "file", "filename": str(plain_path(path)), "locking": "off"}
    image = {"driver": fmt, "file": file}
    return "json:" + json.dumps({"driver": "raw", "offset": start, "size": length, "file": image})
