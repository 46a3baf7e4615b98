"""The contents of volumes, sent and fetched through libvirt's streams; holes are sent as holes.

Source: https://libvirt.org/html/libvirt-libvirt-stream.html and lseek(2), SEEK_DATA and SEEK_HOLE.
"""

from __future__ import annotations

import errno
import os
import queue
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, BinaryIO, Final, NamedTuple

from kvmctl.errors import HypervisorError
from kvmctl.hypervisor.connection import PATIENCE
from kvmctl.hypervisor.failures import explained, hanging
from kvmctl.hypervisor.library import libvirt
from kvmctl.hypervisor.volumes import Volumes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Progress = Callable[[int, int], None]
    Moves = Callable[[Any, BinaryIO], Iterator[int]]

_CHUNK: Final = 256 * 1024 - 24
"""Bytes of one message: what libvirt's protocol takes at most (VIR_NET_MESSAGE_LEGACY_PAYLOAD_MAX)."""
_AT_HOLE: Final = -3  # virStreamRecvFlags: the next thing is a hole


class Section(NamedTuple):
    """A part of a file: data, or a hole; `length` in bytes."""

    data: bool
    length: int


class Transfers(Volumes):
    """The calls that move the contents of volumes; `progress` gets the bytes done and in all, with holes."""

    def upload_volume(self, pool: str, name: str, path: Path, progress: Progress | None = None) -> None:
        """Fill a volume with a local file, unconverted; the volume has to be large enough."""
        doing = f"upload {path} to disk/{name} (pool {pool})"
        volume = self._volume(pool, name)
        stream = self._ask(doing, self.raw.newStream, 0)
        with _opened(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            flags = libvirt.VIR_STORAGE_VOL_UPLOAD_SPARSE_STREAM
            self._ask(doing, volume.upload, stream, 0, size, flags)
            _Transfer(doing, stream, file, _sent).run(size, progress)

    def download_volume(self, pool: str, name: str, path: Path, progress: Progress | None = None) -> None:
        """Write a volume's contents, as they are stored, to a new local file; one that exists is refused."""
        doing = f"download disk/{name} (pool {pool}) to {path}"
        volume = self._volume(pool, name)
        stream = self._ask(doing, self.raw.newStream, 0)
        with _opened(path, "xb") as file:
            try:
                size = self.volume_info(pool, name).capacity
                flags = libvirt.VIR_STORAGE_VOL_DOWNLOAD_SPARSE_STREAM
                self._ask(doing, volume.download, stream, 0, 0, flags)
                _Transfer(doing, stream, file, _received).run(size, progress)
            except BaseException:
                path.unlink(missing_ok=True)
                raise


class _Transfer:
    """One transfer: the moves in a thread of their own, the progress and the time limit in the caller's."""

    def __init__(self, doing: str, stream: Any, file: BinaryIO, moves: Moves) -> None:
        self.doing = doing
        self.stream = stream
        self.file = file
        self.moves = moves
        self.stopped = threading.Event()
        self.news: queue.SimpleQueue[int | Exception | None] = queue.SimpleQueue()

    def run(self, total: int, progress: Progress | None) -> None:
        """Return when all is moved; each move has the time limit of a call."""
        worker = threading.Thread(target=self._work, name=self.doing, daemon=True)
        worker.start()
        done = 0
        try:
            while (moved := self._next()) is not None:
                done += moved
                if progress is not None:
                    progress(done, max(done, total))
        finally:
            self.stopped.set()
            worker.join(PATIENCE)

    def _next(self) -> int | None:
        try:
            news = self.news.get(timeout=PATIENCE)
        except queue.Empty as error:
            raise hanging(self.doing, PATIENCE) from error
        if isinstance(news, libvirt.libvirtError):
            raise explained(news, self.doing) from news
        if isinstance(news, OSError):
            raise HypervisorError(f"can't {self.doing}: {news.strerror}", "check the local file") from news
        if isinstance(news, Exception):
            raise news
        return news

    def _work(self) -> None:
        try:
            for moved in self.moves(self.stream, self.file):
                self.news.put(moved)
                if self.stopped.is_set():
                    self.stream.abort()
                    return
            self.stream.finish()
            self.news.put(None)
        except Exception as error:  # noqa: BLE001 - it is raised again where it is waited for
            with suppress(libvirt.libvirtError):  # the first error is the one to tell
                self.stream.abort()
            self.news.put(error)


def _sent(stream: Any, file: BinaryIO) -> Iterator[int]:
    """Send a file and yield the number of bytes of each step."""
    at = 0
    for section in sections(file.fileno()):
        if not section.data:
            stream.sendHole(section.length, 0)
            yield section.length
        for start in range(at, at + section.length if section.data else at, _CHUNK):
            length = min(_CHUNK, at + section.length - start)
            data = os.pread(file.fileno(), length, start)
            if len(data) < length:
                raise OSError(errno.EIO, "the file became shorter while it was read")
            _send(stream, data)
            yield length
        at += section.length


def _send(stream: Any, data: bytes) -> None:
    """Send all of the data; libvirt may take less than it was given."""
    while data:
        data = data[stream.send(data) :]


def _received(stream: Any, file: BinaryIO) -> Iterator[int]:
    """Write what comes to a new file and yield the number of bytes of each step."""
    while (data := stream.recvFlags(_CHUNK, libvirt.VIR_STREAM_RECV_STOP_AT_HOLE)) != b"":
        if data == _AT_HOLE:
            length: int = stream.recvHole(0)
            file.seek(length, os.SEEK_CUR)
            yield length
        else:
            file.write(data)
            yield len(data)
    file.truncate()  # makes a hole at the end real


def sections(descriptor: int) -> Iterator[Section]:
    """Yield the parts of a file in order; where the file system can't tell, all of it is data."""
    size = os.fstat(descriptor).st_size
    at = 0
    while at < size:
        data = _data_after(descriptor, at, size)
        if data > at:
            yield Section(data=False, length=data - at)
        hole = size if data >= size else os.lseek(descriptor, data, os.SEEK_HOLE)
        if hole > data:
            yield Section(data=True, length=hole - data)
        at = hole


def _data_after(descriptor: int, at: int, size: int) -> int:
    """Return where the next data begins; `size` where only a hole is left (lseek(2): ENXIO)."""
    try:
        return os.lseek(descriptor, at, os.SEEK_DATA)
    except OSError as error:
        if error.errno == errno.ENXIO:
            return size
        raise


def _opened(path: Path, mode: str) -> Any:
    """Return the open file; unbuffered, because holes are sought in it."""
    try:
        return path.open(mode, buffering=0)
    except OSError as error:
        raise HypervisorError(f"can't open {path}: {error.strerror}", "check the path and its rights") from error
