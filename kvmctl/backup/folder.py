"""The folder of a machine's backups: held by one process, and never with half a backup in its index."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from kvmctl import images
from kvmctl.backup import index
from kvmctl.errors import KvmctlError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

INDEX: Final = "backup.json"
_LOCK: Final = ".lock"
_PART: Final = ".part"
_OURS: Final = {_LOCK, f".{INDEX}{_PART}"}
_NUMBERED: Final = re.compile(r"\d{4,}")
# QEMU's user has to reach the images that libvirt lets it write; the images themselves are their owner's alone.
_PASSABLE: Final = 0o711
_PRIVATE: Final = 0o600


class Folder:
    """A folder of backups, with an index or still without."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()

    def __str__(self) -> str:
        return str(self.path)

    def file(self, name: str) -> Path:
        """Return the path of a file that the index names; KvmctlError where the name leads out of the folder."""
        found = self.path / name
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise KvmctlError(f"{self.path / INDEX}: names {name!r}", "the index is damaged, or somebody's trap")
        return found

    def read(self) -> index.Index:
        """Return the index; KvmctlError where there is none."""
        place = self.path / INDEX
        try:
            text = place.read_text(encoding="utf-8")
        except FileNotFoundError:
            raise KvmctlError(f"{self.path} holds no backups", f"kvmctl backup vm/NAME --to {self.path}") from None
        except (OSError, UnicodeDecodeError) as error:
            raise KvmctlError(f"{place}: can't be read: {error}", "check the path and its permissions") from error
        return index.parse(text, str(place))

    def has_index(self) -> bool:
        """Say whether the folder has an index."""
        return (self.path / INDEX).exists()

    def write(self, text: str) -> None:
        """Put another index in the old one's place, as a whole."""
        part = self.path / f".{INDEX}{_PART}"
        part.write_text(text, encoding="utf-8")
        _sync(part)
        part.replace(self.path / INDEX)
        _sync(self.path)

    @contextmanager
    def held(self, *, make: bool = False) -> Iterator[None]:
        """Keep others out while the block runs; the kernel lets go of the folder however that ends."""
        if make:
            self._make()
        try:
            handle = os.open(self.path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise KvmctlError(f"{self.path}: can't be used: {error.strerror}", "check the path") from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        except BlockingIOError:
            raise RefusedError(f"{self.path}: another kvmctl is at work here", "wait until it has ended") from None
        finally:
            os.close(handle)

    def _make(self) -> None:
        try:
            self.path.mkdir(mode=_PASSABLE, parents=True, exist_ok=True)
        except OSError as error:
            raise KvmctlError(f"{self.path}: can't be made: {error.strerror}", "choose another folder") from error
        if not self.has_index() and (strangers := {each.name for each in self.path.iterdir()} - _OURS):
            raise RefusedError(
                f"{self.path} holds {', '.join(sorted(strangers))} and no backups",
                "choose an empty folder, or a new one",
            )

    def clean(self) -> None:
        """Remove what killed runs left behind; the folder has to be held."""
        for left in self.path.glob(f".*{_PART}"):
            if left.is_dir():
                shutil.rmtree(left)
            else:
                left.unlink()

    def next_number(self) -> int:
        """Return a number that no backup has, whole or not in the index."""
        there = [int(each.name) for each in self.path.iterdir() if _NUMBERED.fullmatch(each.name)]
        return max(there, default=0) + 1

    @contextmanager
    def staged(self, number: int) -> Iterator[Path]:
        """Give a hidden folder for a backup; it gets its name when the block ends well, and else goes."""
        part = self.path / f".{name_of(number)}{_PART}"
        part.mkdir(mode=_PASSABLE)
        try:
            yield part
            for each in part.iterdir():
                each.chmod(_PRIVATE)
                _sync(each)
            _sync(part)
            part.rename(self.path / name_of(number))
            _sync(self.path)
        finally:
            shutil.rmtree(part, ignore_errors=True)

    def damaged(self, backups: Sequence[index.Backup]) -> list[str]:
        """Return the names of the files of backups that are missing, or not what they were when they were written."""
        wanted = {name: digest for backup in backups for name, digest in backup.files.items()}
        wanted |= {disk.file: disk.sha256 for backup in backups for disk in backup.disks}
        return [name for name, digest in wanted.items() if not self._is_whole(name, digest)]

    def _is_whole(self, name: str, digest: str) -> bool:
        path = self.file(name)
        return path.is_file() and images.checksum(path) == digest


def name_of(number: int) -> str:
    """Return the name of a backup's own folder."""
    return f"{number:04}"


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
