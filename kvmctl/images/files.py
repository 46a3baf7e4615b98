"""Paths and bytes of image files, before qemu-img sees them."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from kvmctl.images.error import ImageError
from kvmctl.images.formats import looks_like

HEAD = 4096
TAIL = 512


@dataclass(frozen=True, slots=True)
class Peek:
    """What a look at a file's ends showed: its size in bytes and the format it resembles."""

    size: int
    resembles: str


def plain_path(path: str | os.PathLike[str]) -> Path:
    """Return the path made absolute, which is what makes qemu-img take any name as a file's.

    A relative `nbd:disk`, `json:{…}` or `-f` would be a protocol or an option; behind a slash it is a name.
    """
    text = os.fspath(path)
    if not text or "\0" in text:
        raise ImageError(f"{text!r} is no file name", "give the path of an image")
    return Path(text).absolute()


def peek(path: Path) -> Peek:
    """Return size and likeness of a readable file or block device; anything else is an ImageError."""
    try:
        # Without O_NONBLOCK, opening a FIFO would wait for a writer for ever.
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        raise ImageError(
            f"{path}: no such image", "check the path; in a manifest it starts at the manifest's folder"
        ) from None
    except OSError as error:
        raise ImageError(
            f"{path}: can't be read: {error.strerror}", "check owner and mode of file and folders"
        ) from error
    try:
        return _look(path, handle)
    finally:
        os.close(handle)


def _look(path: Path, handle: int) -> Peek:
    mode = os.fstat(handle).st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISBLK(mode)):
        kind = "a folder" if stat.S_ISDIR(mode) else "neither a file nor a block device"
        raise ImageError(f"{path}: is {kind}, not an image", "give the path of an image file")
    size = os.lseek(handle, 0, os.SEEK_END)
    head = os.pread(handle, HEAD, 0)
    tail = os.pread(handle, TAIL, max(0, size - TAIL))
    return Peek(size, looks_like(head, tail))
