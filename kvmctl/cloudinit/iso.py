"""ISO images of a few small files: the same files give the same bytes, at any time and in any time zone."""

from __future__ import annotations

import io
import threading
import time
from typing import TYPE_CHECKING, Any, Final

import pycdlib
from pycdlib import dates, headervd, utils
from pycdlib import pycdlib as writing

from kvmctl.errors import KvmctlError

if TYPE_CHECKING:
    from collections.abc import Mapping

_LABEL: Final = "cidata"
_JOLIET: Final = 3


class _Stopped:
    """The module `time` of a world in which it is always the beginning of 1980, in UTC.

    pycdlib 1.22 writes the time of day into a dozen places and takes none from its caller; ISO 9660 knows no zero.
    """

    gmtime = staticmethod(time.gmtime)
    localtime = staticmethod(time.gmtime)
    strftime = staticmethod(time.strftime)
    strptime = staticmethod(time.strptime)
    struct_time = time.struct_time

    @staticmethod
    def time() -> float:
        return 315532800.0


_DATING: Final[tuple[Any, ...]] = (dates, headervd, utils, writing)
for _module in _DATING:
    _module.time = _Stopped
_ONE_AT_A_TIME: Final = threading.Lock()


def image(files: Mapping[str, bytes]) -> bytes:
    """Return the ISO image that holds the files, by Rock Ridge and Joliet names, under the label `cidata`."""
    made = pycdlib.PyCdlib()
    with _ONE_AT_A_TIME:
        made.new(interchange_level=3, joliet=_JOLIET, rock_ridge="1.09", vol_ident=_LABEL)
        for number, (name, data) in enumerate(sorted(files.items())):
            made.add_fp(io.BytesIO(data), len(data), f"/FILE{number}.;1", rr_name=name, joliet_path=f"/{name}")
        written = io.BytesIO()
        made.write_fp(written)
        made.close()
    return written.getvalue()


def files(data: bytes) -> dict[str, bytes]:
    """Return the files of an ISO image by their Joliet names; KvmctlError where it isn't one."""
    held = pycdlib.PyCdlib()
    try:
        held.open_fp(io.BytesIO(data))
        found = {}
        for each in held.list_children(joliet_path="/"):
            if each.is_file():
                name = each.file_identifier().decode("utf-16_be")
                written = io.BytesIO()
                held.get_file_from_iso_fp(written, joliet_path=f"/{name}")
                found[name] = written.getvalue()
        held.close()
    except pycdlib.pycdlibexception.PyCdlibException as error:
        raise KvmctlError(f"not an ISO image with Joliet names: {error}") from error
    return found
