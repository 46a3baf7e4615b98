"""Whether a libvirtd answers: one question in libvirt's own protocol, without libvirt's library.

libvirtd opens its sockets early and takes no client before its drivers are ready, so that an answer means
that all of it is up. Source: https://libvirt.org/kbase/internals/rpc.html.
"""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import time
from typing import IO

_HEADER = struct.Struct(">IIIiiIi")  # length, program, version, procedure, type, serial, status
_PROGRAM = 0x20008086
_VERSION = 1
_PROCEDURE_AUTH_LIST = 66  # which authentication there is; the one question allowed before it
_QUESTION = _HEADER.pack(_HEADER.size, _PROGRAM, _VERSION, _PROCEDURE_AUTH_LIST, 0, 0, 0)
_PAUSE = 0.01  # seconds


def answers(path: str, news: IO[bytes], deadline: float) -> bool:
    """Return whether the libvirtd at the socket `path` answered; False when `news` came first or time was up.

    `news` is a stream that becomes readable when there is no more use in waiting; `deadline` is in
    `time.monotonic()` seconds.
    """
    while time.monotonic() < deadline:
        with contextlib.suppress(ConnectionError, FileNotFoundError), socket.socket(socket.AF_UNIX) as wire:
            wire.connect(path)
            wire.sendall(_QUESTION)
            left = max(0.0, deadline - time.monotonic())
            waiting: list[socket.socket | IO[bytes]] = [wire, news]
            readable, _, _ = select.select(waiting, [], [], left)
            if news in readable:
                return False
            if wire in readable and wire.recv(_HEADER.size):
                return True
        if select.select([news], [], [], _PAUSE)[0]:
            return False
    return False
