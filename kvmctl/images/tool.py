"""Running qemu-img: without a shell or a terminal, in the C locale, under limits, never outliving kvmctl."""

from __future__ import annotations

import contextlib
import os
import re
import resource
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from kvmctl.images.error import ImageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

GIB = 1 << 30
# Address space: a header takes some 100 MiB, a conversion 550 (QEMU 7.2), hostile tables what they get.
INFO_MEMORY = 2 * GIB
COPY_MEMORY = 4 * GIB
INFO_SECONDS = 30
STALL_SECONDS = 600
"""How long a conversion may go without a hundredth of a percent more: honest storage has long written that much."""
PERCENT = re.compile(rb"\((\d+(?:\.\d+)?)/100%\)")
TETHER = Path(__file__).with_name("tether.py")


@dataclass(frozen=True, slots=True)
class Finished:
    """How a qemu-img ended: its exit code (below zero: the signal that killed it) and what it wrote."""

    code: int
    stdout: str
    stderr: str

    @property
    def complaint(self) -> str:
        """What qemu-img said was wrong, on one line and without its name."""
        lines = (line.removeprefix("qemu-img: ").strip() for line in self.stderr.splitlines())
        said = "; ".join(line for line in lines if line)
        if self.code < 0:
            name = signal.Signals(-self.code).name if -self.code in set(signal.Signals) else f"signal {-self.code}"
            said = f"killed by {name}" + (f": {said}" if said else "")
        return said or f"exit code {self.code} without a message"


def program() -> str:
    """Return the path of qemu-img; an ImageError names the package where it is missing."""
    found = shutil.which("qemu-img")
    if found is None:
        raise ImageError("qemu-img is not installed", "apt-get install qemu-utils (Fedora, RHEL: dnf install qemu-img)")
    return found


def run(arguments: Sequence[str], *, seconds: float | None = INFO_SECONDS, memory: int = INFO_MEMORY) -> Finished:
    """Return how `qemu-img ARGUMENTS` ended, output kept; after `seconds` it is killed: an ImageError."""
    with _start([program(), *arguments], subprocess.PIPE, subprocess.PIPE, memory, seconds) as process:
        try:
            out, said = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            raise ImageError(
                f"qemu-img {arguments[0]} {arguments[-1]} gave no answer within {seconds:g} s",
                "its storage may hang, or the image is built to waste time",
            ) from None
    return Finished(process.returncode, _text(out), _text(said))


def follow(arguments: Sequence[str], progress: Callable[[float], None], *, stalled: float = STALL_SECONDS) -> Finished:
    """Return how `qemu-img ARGUMENTS` with -p ended; `progress` hears each percentage as it is printed.

    The child dies with this process, however that ends: an orphan would go on filling the disk. One that says nothing
    for `stalled` seconds is killed: an ImageError.
    """
    command = [sys.executable, "-I", "-S", str(TETHER), str(os.getpid()), program(), *arguments]
    with tempfile.TemporaryFile() as messages:
        with _start(command, subprocess.PIPE, messages, COPY_MEMORY, None) as process:
            if process.stdout is not None:
                for percent in _percentages(process.stdout.fileno(), stalled):
                    if percent is None:
                        raise ImageError(
                            f"qemu-img {arguments[0]} got no further for {stalled:g} s, and was stopped",
                            "its storage may hang, or the image is built to waste time",
                        )
                    progress(percent)
            process.wait()
        messages.seek(0)
        return Finished(process.returncode, "", _text(messages.read()))


@contextlib.contextmanager
def _start(
    command: list[str], out: int, messages: int | IO[bytes], memory: int, seconds: float | None
) -> Iterator[subprocess.Popen[bytes]]:
    environment = {**os.environ, "LC_ALL": "C"}
    with subprocess.Popen(  # noqa: S603 - a list without a shell, each path absolute
        command, stdin=subprocess.DEVNULL, stdout=out, stderr=messages, env=environment
    ) as process:
        try:
            _limit(process.pid, resource.RLIMIT_AS, memory)
            if seconds is not None:
                _limit(process.pid, resource.RLIMIT_CPU, int(seconds) + 1)
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def _limit(pid: int, kind: int, most: int) -> None:
    # Set from outside, since code between fork and exec can deadlock in a program with threads; what the
    # child allocates in the microseconds before is as nothing.
    with contextlib.suppress(ProcessLookupError):
        _, hard = resource.prlimit(pid, kind)
        least = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.prlimit(pid, kind, (least, hard))


def _percentages(handle: int, patience: float) -> Iterator[float | None]:
    """Yield each percentage, and None where none comes for that many seconds."""
    rest = b""
    while True:
        if not select.select([handle], [], [], patience)[0]:
            yield None
        chunk = os.read(handle, 4096)
        if not chunk:
            return
        *whole, rest = (rest + chunk).split(b"\r")
        for piece in whole:
            if found := PERCENT.search(piece):
                yield float(found[1])


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")
