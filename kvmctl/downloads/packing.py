"""Archives of one file: unpacked as a stream, into a file with holes, within bounds of memory."""

from __future__ import annotations

import os
import zlib
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from kvmctl.downloads.error import DownloadError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from kvmctl.downloads.hearing import Hear

_PIECE: Final = 1 << 20
_ZSTD_PIECE: Final = 1 << 13
"""Less at once, since its output has no bound of its own: 8 KiB may come to 256 MiB."""
_ZSTD_WINDOW: Final = 1 << 27
"""What `zstd --long` makes; more has to be asked for there, too."""
_XZ_MEMORY: Final = 256 << 20
_GZIP: Final = 16 + zlib.MAX_WBITS
_BLOCK: Final = 1 << 16
_ZEROS: Final = bytes(_BLOCK)
MOST_UNPACKED: Final = 64 << 40


def unpack(packed: Path, archive: str, target: Path, hear: Hear) -> None:
    """Write what is in an archive to a new file, zeros as holes; DownloadError where it is damaged or cut off."""
    total = packed.stat().st_size
    try:
        with packed.open("rb") as source, target.open("xb") as file:
            for piece in _KINDS[archive](source):
                _write(file, piece)
                if file.tell() > MOST_UNPACKED:
                    raise DownloadError(f"{packed}: holds more than {MOST_UNPACKED} bytes (64 TiB)", "it is hostile")
                hear("unpacking", source.tell(), total)
            file.truncate()
    except _damage() as error:
        raise DownloadError(f"{packed}: can't be unpacked as {archive}: {error}", "is it another archive?") from error
    except EOFError as error:
        raise DownloadError(f"{packed}: is cut off within the archive", "fetch it again where it is from") from error


def _damage() -> tuple[type[Exception], ...]:
    """Return what the libraries raise of damaged archives."""
    import lzma

    import zstandard

    return lzma.LZMAError, zlib.error, zstandard.ZstdError


def _write(file: BinaryIO, piece: bytes) -> None:
    """Append a piece; blocks of zeros are skipped, and read as zeros."""
    for start in range(0, len(piece), _BLOCK):
        block = piece[start : start + _BLOCK]
        if block == _ZEROS[: len(block)]:
            file.seek(len(block), os.SEEK_CUR)
        else:
            file.write(block)


def _xz(source: BinaryIO) -> Iterator[bytes]:
    import lzma

    def opened() -> Any:
        return lzma.LZMADecompressor(memlimit=_XZ_MEMORY)

    return _streams(source, opened, _PIECE, bounded=True)


def _gz(source: BinaryIO) -> Iterator[bytes]:
    return _streams(source, lambda: _Gzip(zlib.decompressobj(_GZIP)), _PIECE, bounded=True)


def _zst(source: BinaryIO) -> Iterator[bytes]:
    import zstandard

    def opened() -> Any:
        return zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW).decompressobj()

    return _streams(source, opened, _ZSTD_PIECE, bounded=False)


_KINDS: Final = {"xz": _xz, "gz": _gz, "zst": _zst}


class _Gzip:
    """zlib's decompressor in the shape that lzma's has."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    @property
    def eof(self) -> bool:
        return bool(self._inner.eof)

    @property
    def needs_input(self) -> bool:
        return not self._inner.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return bytes(self._inner.unused_data)

    def decompress(self, raw: bytes, most: int) -> bytes:
        return bytes(self._inner.decompress(self._inner.unconsumed_tail + raw, most))


def _streams(source: BinaryIO, opened: Callable[[], Any], size: int, *, bounded: bool) -> Iterator[bytes]:
    """Yield what is in one stream after the other; EOFError where the last one doesn't end."""
    stream = opened()
    while raw := source.read(size):
        while raw or (bounded and not stream.needs_input):
            if stream.eof:
                raw = raw.lstrip(b"\0")  # padding between and after streams
                if not raw:
                    break
                stream = opened()
            yield stream.decompress(raw, _PIECE) if bounded else stream.decompress(raw)
            raw = stream.unused_data if stream.eof else b""
    if not stream.eof:
        raise EOFError
