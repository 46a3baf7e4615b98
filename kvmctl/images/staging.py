"""A new image appears whole or not at all: it is made in a hidden folder beside and moved at the end.

A folder rather than a file, for two reasons: formats that write their own name into themselves (vmdk) get the
final one, and libvirt, which opens every file of a pool when it refreshes it, doesn't stumble over half an
image.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kvmctl.images.error import ImageError

if TYPE_CHECKING:
    from collections.abc import Iterator

MARK = ".kvmctl-"
SUFFIX = ".part"
LOCK = "lock"
CONTENT = "image"
LONGEST_NAME = 40
ATTEMPTS = 10
NO_HARD_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV})


@dataclass(frozen=True, slots=True)
class Staging:
    """A hidden folder that one living process holds; `content` is where the image is made."""

    folder: Path
    handle: int

    @property
    def content(self) -> Path:
        """The folder in which the image is made, under its final name."""
        return self.folder / CONTENT


@contextlib.contextmanager
def staged(target: Path, *, overwrite: bool = False, at_most: int = 0o666) -> Iterator[Path]:
    """Yield the path at which to make the image; it becomes `target`, synced, when the block ends well.

    When the block raises, or the process is killed in it, `target` is as it was before. The result has no
    permission bits outside `at_most`, but its owner's. ImageError: `target` exists and `overwrite` isn't set,
    is no file, or its folder is missing.
    """
    refuse_existing(target, overwrite=overwrite)
    with _held(target) as staging:
        part = staging.content / target.name
        yield part
        with _explained(target):
            part.chmod(part.stat().st_mode & at_most & 0o666 | 0o600)
            _sync(part)
            _publish(part, target, overwrite=overwrite)


def refuse_existing(target: Path, *, overwrite: bool) -> None:
    """Return when `target` may be made: its name is free, or a file's that may be overwritten."""
    if not target.parent.is_dir():
        raise ImageError(f"{target}: its folder doesn't exist", f"make it: mkdir -p {target.parent}")
    try:
        kind = target.lstat().st_mode
    except FileNotFoundError:
        return
    if not overwrite:
        raise ImageError(
            f"{target}: exists already", "choose another name, or move it away; its content isn't overwritten"
        )
    if not stat.S_ISREG(kind):
        raise ImageError(
            f"{target}: isn't a plain file",
            "a link, folder or device is never overwritten; choose another name",
        )


def clean_leftovers(folder: str | os.PathLike[str]) -> list[Path]:
    """Return the hidden folders that killed runs left in `folder`, after removing them; those in use stay.

    A run holds a lock (flock) as long as it lives, which the kernel drops however it ends; on NFS that works
    across hosts.
    """
    return [found for found in sorted(Path(folder).glob(f".*{MARK}*{SUFFIX}")) if _removed(found)]


def room_left(folder: Path) -> str:
    """Return a hint that says how much room is left in a folder's file system, in MiB."""
    try:
        left = os.statvfs(folder)
    except OSError as error:
        return f"look at {folder}: {error.strerror}"
    return f"{folder} has {left.f_bavail * left.f_frsize >> 20} MiB left; nothing was left behind there"


@contextlib.contextmanager
def _explained(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ImageError(f"{target}: can't be written: {error.strerror}", room_left(target.parent)) from error


@contextlib.contextmanager
def _held(target: Path) -> Iterator[Staging]:
    with _explained(target):
        staging = _claim(target)
    try:
        yield staging
    finally:
        shutil.rmtree(staging.folder, ignore_errors=True)
        os.close(staging.handle)


def _claim(target: Path) -> Staging:
    for _ in range(ATTEMPTS):
        folder = Path(tempfile.mkdtemp(SUFFIX, f".{target.name[:LONGEST_NAME]}{MARK}", target.parent))
        # Somebody's clean_leftovers can take the new folder before it is locked: then make another one.
        handle = _lock(folder)
        if handle is not None:
            (folder / CONTENT).mkdir()
            return Staging(folder, handle)
    raise ImageError(f"{target}: its staging folder is removed again and again", "stop what cleans up in that folder")


def _lock(folder: Path) -> int | None:
    try:
        handle = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    if os.fstat(handle).st_nlink == 0:
        os.close(handle)
        return None
    return handle


def _removed(folder: Path) -> bool:
    try:
        return _is_leftover(folder) and _remove(folder)
    except FileNotFoundError:  # whose it was has removed it meanwhile
        return False


def _is_leftover(folder: Path) -> bool:
    if folder.is_symlink() or not folder.is_dir():
        return False
    return {each.name for each in folder.iterdir()} <= {LOCK, CONTENT}


def _remove(folder: Path) -> bool:
    handle = _lock(folder)
    if handle is None:
        return False
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ImageError(f"{folder}: can't be removed: {error.strerror}", "remove it by hand") from error
    finally:
        os.close(handle)
    return True


def _publish(part: Path, target: Path, *, overwrite: bool) -> None:
    if overwrite:
        part.replace(target)
    else:
        _move_to_free_name(part, target)
    _sync(target.parent)


def _move_to_free_name(part: Path, target: Path) -> None:
    # A rename replaces what appeared meanwhile; a link doesn't.
    try:
        target.hardlink_to(part)
    except FileExistsError:
        refuse_existing(target, overwrite=False)
    except OSError as error:
        if error.errno not in NO_HARD_LINKS:
            raise
        refuse_existing(target, overwrite=False)
        part.rename(target)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
