"""What was fetched, on this machine, named by its content; whoever wants the same gets the same file.

    files/SHA256            a file as it was fetched and verified
    unpacked/SHA256.xz      what was in the archive of that sum
    urls/SHA256-OF-URL.json which file a URL led to, and how the server called that version
    partial/SHA256-OF-URL   what came so far, of a file that isn't whole
    locks/…                 one holder each, for as long as the process lives (flock)

A file appears under its name by a rename, whole and verified; then nobody writes to it. Its time of change is set to
`VERIFIED`, so that one which was changed is known by it and fetched anew.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from kvmctl.downloads import packing, transfer
from kvmctl.downloads.error import DownloadError
from kvmctl.downloads.hearing import Hear, unheard
from kvmctl.downloads.sums import Sums
from kvmctl.downloads.transfer import Fetch, Partial, Version

if TYPE_CHECKING:
    from collections.abc import Iterator

VERIFIED: Final = 1
"""Seconds since 1970: the time of change of a file that is whole and verified."""
_FOLDERS: Final = ("files", "unpacked", "urls", "partial", "locks")
_LOOK_SECONDS: Final = 0.1
_READ_ONLY: Final = 0o400


@dataclass(frozen=True, slots=True)
class Kept:
    """One kept file; sizes in bytes, `used` in seconds since 1970, `urls` those that led to it."""

    path: Path
    size: int
    used: float
    urls: tuple[str, ...] = ()
    whole: bool = True


@dataclass(frozen=True, slots=True)
class _Led:
    """Which file a URL led to, and which version of its content the server called that."""

    url: str
    version: Version
    sums: Sums


_NOWHERE: Final = Version(), Sums()


class Cache:
    """The kept files of one user: under `folder`, else XDG_CACHE_HOME, else ~/.cache."""

    def __init__(self, folder: Path | None = None) -> None:
        home = os.environ.get("XDG_CACHE_HOME", "")
        above = Path(home) if home.startswith("/") else Path("~/.cache").expanduser()
        self.folder = folder or above / "kvmctl"

    def fetched(self, url: str, wanted: Sums, hear: Hear = unheard) -> tuple[Path, Sums]:
        """Return the file behind a URL and its sums, verified; fetched only where it isn't kept.

        With a sum nothing is asked of the server for a kept one; without, whether it has another version by now.
        """
        self._make()
        with self._alone(_named(url), hear):
            led = self._led(url)
            if wanted and (kept := self._at_hand(wanted, led.sums)):
                return kept, Sums(kept.name, wanted.sha512)
            if wanted or not self._whole(led.sums.sha256):
                led = _Led(url, *_NOWHERE)
            return self._fetch(url, wanted, led, hear)

    def _at_hand(self, wanted: Sums, before: Sums) -> Path | None:
        """Return the kept file that has the wanted sums; `before` are those of what the URL led to."""
        if wanted.sha512 and (wanted.sha512 != before.sha512 or wanted.sha256 not in {"", before.sha256}):
            return None
        return self._whole(wanted.sha256 or before.sha256)

    def unpacked(self, packed: Path, sha256: str, archive: str, hear: Hear = unheard) -> Path:
        """Return what is in an archive of that verified sum; unpacked only where that isn't kept."""
        self._make()
        name = f"{sha256}.{archive}"
        with self._alone(name, hear):
            target = self.folder / "unpacked" / name
            if not _is_verified(target):
                part = self.folder / "partial" / f"{name}.unpacked"
                part.unlink(missing_ok=True)
                try:
                    packing.unpack(packed, archive, part, hear)
                    _keep(part, target)
                finally:
                    part.unlink(missing_ok=True)
            _use(target)
            return target

    @contextlib.contextmanager
    def held(self, path: Path) -> Iterator[None]:
        """Keep a kept file from being pruned while the context lasts; other files need no holding."""
        if self.folder not in path.parents:
            yield
            return
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(handle, fcntl.LOCK_SH)
            yield
        finally:
            os.close(handle)

    def kept(self) -> list[Kept]:
        """Return what there is, the least recently used first."""
        urls: dict[str, list[str]] = {}
        for note in sorted((self.folder / "urls").glob("*.json")):
            led = self._read(note)
            urls.setdefault(led.sums.sha256, []).append(led.url)
        found = [
            Kept(path, seen.st_blocks * 512, seen.st_atime, tuple(urls.get(path.stem, ())), whole)
            for folder, whole in (("files", True), ("unpacked", True), ("partial", False))
            for path in sorted((self.folder / folder).glob("*"))
            if path.suffix != ".json" and (seen := path.stat())
        ]  # fmt: skip
        return sorted(found, key=lambda kept: kept.used)

    def prune(self, unused_since: float) -> list[Kept]:
        """Return what was removed: all that nobody used since then, and nobody uses now."""
        return [kept for kept in self.kept() if kept.used < unused_since and self._removed(kept)]

    def _removed(self, kept: Kept) -> bool:
        name = kept.path.name.removesuffix(".unpacked") if not kept.whole else ""
        with contextlib.ExitStack() as stack:
            handle = os.open(kept.path, os.O_RDONLY | os.O_CLOEXEC)
            stack.callback(os.close, handle)
            lock = stack.enter_context(self._locked(name)) if name else handle
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            kept.path.unlink()
            kept.path.with_suffix(".json").unlink(missing_ok=True)
        return True

    def _fetch(self, url: str, wanted: Sums, led: _Led, hear: Hear) -> tuple[Path, Sums]:
        partial = Partial(self.folder / "partial" / _named(url))
        fetch = Fetch(url, partial, wanted, hear)
        done = fetch.run(led.version)
        if done.sums is None and (kept := self._whole(led.sums.sha256)):
            return kept, led.sums
        sums = done.sums or Sums()
        try:
            wanted.check(url, sums)
        except DownloadError:
            partial.remove()
            if fetch.resumed:  # the beginning may have been that of another file
                return self._fetch(url, wanted, _Led(url, *_NOWHERE), hear)
            raise
        target = self.folder / "files" / sums.sha256
        _keep(partial.path, target)
        partial.remove()
        self._write(_Led(url, done.version, sums))
        return target, sums

    def _whole(self, sha256: str) -> Path | None:
        """Return the kept file of that sum; None where there is none, or one that was changed since it was verified."""
        path = self.folder / "files" / sha256
        if not sha256 or not _is_verified(path):
            return None
        _use(path)
        return path

    def _make(self) -> None:
        try:
            for name in _FOLDERS:
                (self.folder / name).mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise DownloadError(
                f"{error.filename}: can't be made: {error.strerror}",
                "set XDG_CACHE_HOME to a folder that can be written",
            ) from error

    @contextlib.contextmanager
    def _locked(self, name: str) -> Iterator[int]:
        handle = os.open(self.folder / "locks" / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            yield handle
        finally:
            os.close(handle)

    @contextlib.contextmanager
    def _alone(self, name: str, hear: Hear) -> Iterator[None]:
        """Wait until nobody else, thread or process, is about the same."""
        with self._locked(name) as handle:
            while True:
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    hear("waiting for another download of the same", 0, 0)
                    time.sleep(_LOOK_SECONDS)
            yield

    def _led(self, url: str) -> _Led:
        return self._read(self.folder / "urls" / f"{_named(url)}.json")

    def _read(self, note: Path) -> _Led:
        try:
            told = json.loads(note.read_text(encoding="utf-8"))
            return _Led(told["url"], Version(told["etag"], told["modified"]), Sums(told["sha256"], told["sha512"]))
        except (OSError, ValueError, KeyError, TypeError):
            return _Led("", *_NOWHERE)

    def _write(self, led: _Led) -> None:
        told = {"url": led.url, "etag": led.version.etag, "modified": led.version.modified,
                "sha256": led.sums.sha256, "sha512": led.sums.sha512}  # fmt: skip
        note = self.folder / "urls" / f"{_named(led.url)}.json"
        part = note.with_suffix(f".{os.getpid()}")
        part.write_text(json.dumps(told, sort_keys=True), encoding="utf-8")
        part.replace(note)


def listed_in(place: str, hear: Hear = unheard) -> str:
    """Return the text of a list of checksums, which is a URL or a path."""
    if "://" in place:
        return transfer.text_of(place, hear)
    try:
        return Path(place).read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise DownloadError(f"{place}: can't be read: {error.strerror}", "check the path of the checksums") from error


def _named(url: str) -> str:
    return hashlib.sha256(url.encode()).hexdigest()


def _is_verified(path: Path) -> bool:
    try:
        return path.stat().st_mtime_ns == VERIFIED * 10**9
    except FileNotFoundError:
        return False


def _use(path: Path) -> None:
    """Note that a file is used now; told by hand, since not every file system notes it."""
    os.utime(path, (time.time(), VERIFIED))


def _keep(part: Path, target: Path) -> None:
    """Give a verified file its name, on storage before it is under it."""
    with part.open("rb") as file:
        os.fsync(file.fileno())
    part.chmod(_READ_ONLY)
    _use(part)
    part.replace(target)
