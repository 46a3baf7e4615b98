"""What is in images: whether two hold the same, and the checksum of one."""

from __future__ import annotations

import errno
import hashlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kvmctl.images import tool
from kvmctl.images.describe import info
from kvmctl.images.error import ImageError
from kvmctl.images.files import peek, plain_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

BLOCK = 1 << 20
ZEROS = memoryview(bytes(BLOCK))
ALGORITHMS = ("sha256", "sha512")
SAME = 0
DIFFERENT = 1
LONGEST_COMPARISON = 86_400


@dataclass(frozen=True, slots=True)
class Comparison:
    """Whether two images hold the same content; sizes in bytes, `detail` is qemu-img's own sentence.

    Of images of unequal sizes the rest of the larger one must read as zeros to be the same.
    """

    same: bool
    size_a: int
    size_b: int
    detail: str

    @property
    def grown_by(self) -> int:
        """How many bytes the second is larger than the first; below zero: smaller."""
        return self.size_b - self.size_a


def verify_same(
    a: str | os.PathLike[str], fmt_a: str, b: str | os.PathLike[str], fmt_b: str, *, in_use: bool = False
) -> Comparison:
    """Return whether two images of stated formats hold the same content; ImageError when one can't be read.

    `in_use` reads past the lock of a QEMU that has one of them, whose guest has to stand still.
    Source: QEMU manual, qemu-img, `compare`: exit code 0 same, 1 different, above that an error.
    """
    first, second = info(a, fmt_a), info(b, fmt_b)
    ended = tool.run(
        ["compare", *(["-U"] if in_use else []), "-f", fmt_a, "-F", fmt_b, str(first.path), str(second.path)],
        seconds=LONGEST_COMPARISON,
        memory=tool.COPY_MEMORY,
    )
    if ended.code not in {SAME, DIFFERENT}:
        raise ImageError(
            f"{first.path}, {second.path}: can't be compared: {ended.complaint}",
            "is a guest writing to one of them?",
        )
    detail = " ".join(ended.stdout.split())
    return Comparison(ended.code == SAME, first.virtual_size, second.virtual_size, detail)


def check_sound(path: str | os.PathLike[str], fmt: str) -> None:
    """Return when the tables of an image are sound; else an ImageError says what is wrong with them.

    Source: QEMU manual, qemu-img, `check`.
    """
    image = plain_path(path)
    ended = tool.run(["check", "-q", "-f", fmt, str(image)], seconds=LONGEST_COMPARISON, memory=tool.COPY_MEMORY)
    if ended.code != SAME:
        raise ImageError(f"{image}: is damaged: {ended.complaint}", "its storage may be: look at the host's log")


def checksum(
    path: str | os.PathLike[str], algorithm: str = "sha256", progress: Callable[[float], None] | None = None
) -> str:
    """Return the checksum of a whole file in lower-case hex; holes count as the zeros they are, unread.

    `algorithm` is sha256 or sha512; `progress` hears percentages, never falling, 100 at the end. The file's
    bytes are meant, as by sha256sum, not the disk inside. ImageError: unknown algorithm, a file that is
    missing, unreadable or cut while it was read.
    """
    if algorithm not in ALGORITHMS:
        raise ImageError(f"unknown checksum algorithm {algorithm!r}", f"choose one of {', '.join(ALGORITHMS)}")
    image = plain_path(path)
    size = peek(image).size
    digest = hashlib.new(algorithm)
    done, shown = 0, -1
    for block in _blocks(image, size):
        digest.update(block)
        done += len(block)
        if progress is not None and (percent := done * 100 // size) > shown:
            shown = percent
            progress(float(percent))
    if progress is not None and size == 0:
        progress(100.0)
    return digest.hexdigest()


def _blocks(image: Path, size: int) -> Iterator[memoryview]:
    buffer = memoryview(bytearray(BLOCK))
    handle = os.open(image, os.O_RDONLY | os.O_CLOEXEC)
    try:
        place = 0
        while place < size:
            start = _data_from(handle, place, size)
            yield from _zeros(start - place)
            place = _data_until(handle, start, size)
            yield from _read(image, handle, (start, place), buffer)
    except OSError as error:
        raise ImageError(f"{image}: can't be read: {error.strerror}", "is its storage sound?") from error
    finally:
        os.close(handle)


def _zeros(length: int) -> Iterator[memoryview]:
    while length > 0:
        yield ZEROS[:length]
        length -= BLOCK


def _read(image: Path, handle: int, span: tuple[int, int], buffer: memoryview) -> Iterator[memoryview]:
    place, end = span
    while place < end:
        count = os.preadv(handle, [buffer[: end - place]], place)
        if count == 0:
            raise ImageError(
                f"{image}: ends at byte {place}, it was longer before",
                "something cuts it off; wait until it is done",
            )
        yield buffer[:count]
        place += count


def _data_from(handle: int, place: int, size: int) -> int:
    try:
        return min(os.lseek(handle, place, os.SEEK_DATA), size)
    except OSError as error:
        # ENXIO: only a hole follows. Others, such as EINVAL on some storage: take all for data.
        return size if error.errno == errno.ENXIO else place


def _data_until(handle: int, place: int, size: int) -> int:
    if place >= size:
        return size
    try:
        found = os.lseek(handle, place, os.SEEK_HOLE)
    except OSError:
        return size
    # A hole where data began a moment ago, punched by somebody: read the rest, never stand still.
    return min(found, size) if found > place else size
