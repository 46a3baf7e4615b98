"""Whether an image is what it seems, found out before qemu-img reads it: a stranger may have built it to do harm.

oslo.utils' inspector, which OpenStack asks of what its users upload, has a say, and what it doesn't look at is looked
at here. Source: CVE-2015-5163, CVE-2022-47951, CVE-2024-4467 and what QEMU's fuzzers found in headers.
"""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Any, Final

from kvmctl.images import headers
from kvmctl.images.error import ImageError
from kvmctl.images.files import peek, plain_path
from kvmctl.images.trust import refuse_backing, refuse_data_file, refuse_extent

if TYPE_CHECKING:
    from pathlib import Path

    from kvmctl.images.headers import Claims

MOST_BYTES: Final = 64 << 40
"""The largest disk that is believed: as large as a vhdx can be, and more than any guest's."""
_INSPECTED: Final = ("qcow2", "vmdk", "vdi", "vhdx")
_PIECE: Final = 1 << 20
_HEAD: Final = 16 << 20
"""How far into a file a header may reach: of a vhdx some 3 MiB. The end of a compressed vmdk is read beyond that."""
_CLUSTER: Final = 2 << 20


def inspect(path: str | os.PathLike[str], fmt: str, *, allow_backing: bool = False) -> None:
    """Return when qemu-img may read an image of a stated format; else an ImageError says what is wrong with it.

    Content of another format than the stated one is left to qemu-img, which refuses it.
    """
    image = plain_path(path)
    size = peek(image).size
    handle = os.open(image, os.O_RDONLY | os.O_CLOEXEC)
    try:
        found = headers.claims(headers.Bytes(image, handle, size), fmt)
        if found is not None:
            _refuse_nonsense(image, found, size)
            _refuse_strangers(image, fmt, found, allow_backing=allow_backing)
        if fmt in _INSPECTED and (found is not None or fmt == "vhdx"):
            _ask_oslo(image, fmt, handle, found)
        elif found is None:
            _refuse_size(image, size)
    finally:
        os.close(handle)


def _refuse_nonsense(image: Path, found: Claims, size: int) -> None:
    if found.nonsense:
        raise ImageError(f"{image}: can't be trusted: {found.nonsense}", "it is damaged or hostile; fetch it again")
    _refuse_size(image, found.virtual_size)
    for table in found.tables:
        if table.length > table.most:
            reason = f"its {table.name} would have {table.length} bytes, and QEMU reads {table.most} at most"
        elif table.offset + table.length > size + _CLUSTER:
            reason = f"its {table.name} would end at byte {table.offset + table.length} of a file of {size}"
        else:
            continue
        raise ImageError(f"{image}: can't be trusted: {reason}", "it is damaged or hostile; fetch it again")


def _refuse_size(image: Path, size: int) -> None:
    if size > MOST_BYTES:
        raise ImageError(
            f"{image}: can't be trusted: it claims to be a disk of {size} bytes",
            f"kvmctl believes up to {MOST_BYTES} (64 TiB); it is damaged or hostile",
        )


def _refuse_strangers(image: Path, fmt: str, found: Claims, *, allow_backing: bool) -> None:
    if found.data_file is not None:
        refuse_data_file(image, found.data_file)
    if found.backing_file is not None and not allow_backing:
        refuse_backing(image, fmt, found.backing_file)
    for extent in found.extents:
        refuse_extent(image, extent.name)


def _ask_oslo(image: Path, fmt: str, handle: int, found: Claims | None) -> None:
    """Let oslo.utils look at it; what it refuses and was understood above is forgiven, anything else isn't."""
    from oslo_utils.imageutils import format_inspector as oslo

    logging.getLogger("oslo_utils").addHandler(logging.NullHandler())  # what it says is said by the error
    inspector: Any = oslo.ALL_FORMATS[fmt]()
    try:
        _feed(inspector, handle)
        if fmt == "vhdx":
            _refuse_size(image, inspector.virtual_size)
        if inspector.format_match:
            inspector.safety_check()
    except oslo.SafetyCheckFailed as refused:
        left = {name: why for name, why in refused.failures.items() if name not in _forgiven(found)}
        if left:
            told = "; ".join(str(why) for why in left.values())
            raise ImageError(f"{image}: can't be trusted: {told} ({fmt})", "convert it where it was made") from refused
    except oslo.ImageFormatError as error:
        raise ImageError(f"{image}: can't be trusted: {error} ({fmt})", "it is damaged; fetch it again") from error


def _forgiven(found: Claims | None) -> set[str]:
    """Return the names of oslo's checks whose subject was looked at above, and allowed."""
    if found is None:
        return set()
    names = {"backing_file"} if found.backing_file is not None else set()
    names |= {"unknown_features"} if found.newer else set()
    return names | ({"descriptor"} if found.extents else set())


def _feed(inspector: Any, handle: int) -> None:
    """Show an inspector as much of a file as it wants to see."""
    size = os.lseek(handle, 0, os.SEEK_END)
    place = 0
    while place < size and not inspector.complete and (place < _HEAD or inspector.has_region("footer")):
        piece = os.pread(handle, _PIECE, place)
        inspector.eat_chunk(piece)
        place += len(piece)
        if not piece:
            break
    inspector.finish()
