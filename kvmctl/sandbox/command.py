"""A command run inside a sandbox that lives as long as the command: `kvmctl sandbox -- COMMAND`."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from kvmctl.sandbox.host import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import FrameType

_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_GRACE = 10.0  # seconds that a command has to end after it was told to
_KILLED = 128  # what shells add to the number of the signal that ended a command
# An nsenter that ignores signals can't end by the one that ended its command: it would exit with 1. The shell between
# them ignores them as well, and makes an exit code of it; what it says of that itself ("Terminated") nobody needs.
_WITH_CODE = 'exec 9>&2 2>/dev/null; (exec "$@" 2>&9 9>&-); exit $?'


class _StoppedError(Exception):
    """A signal that came while the sandbox started; carries its number."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class _Relay:
    """Passes signals on to the command, so that kvmctl outlives it and removes the sandbox."""

    def __init__(self) -> None:
        self.command: subprocess.Popen[bytes] | None = None
        self.stopped = False

    def receive(self, number: int, _frame: FrameType | None) -> None:
        """Handle one signal: stop the start, or tell the command, whose end stops the rest."""
        if self.command is None:
            raise _StoppedError(number)
        self.stopped = True
        if number != signal.SIGINT or not _terminal_tells():
            _tell(self.command.pid, number)

    def wait(self, command: subprocess.Popen[bytes]) -> int:
        """Return the exit code of `command`, which after a signal has a grace time and then is killed."""
        self.command = command
        left = _GRACE
        while left > 0:
            with contextlib.suppress(subprocess.TimeoutExpired):
                return command.wait(0.1)
            left -= 0.1 if self.stopped else 0.0
        command.kill()
        return command.wait()


def run_in_sandbox(argv: Sequence[str], *, kvm: bool = False) -> int:
    """Return the exit code of `argv`, run in a sandbox of its own, in the current folder and this terminal.

    The command finds the sandbox at `LIBVIRT_DEFAULT_URI`. The code is 128 plus the signal's number where a
    signal ended it, 127 where the command doesn't exist. Raises SandboxError where no sandbox can be had; see
    Sandbox for `kvm`.
    """
    relay = _Relay()
    with _signals_to(relay.receive):
        try:
            with Sandbox(kvm=kvm) as box:
                command = subprocess.Popen(_entry(box, argv), env=box.inside_env())  # noqa: S603 - as asked
                code = relay.wait(command)
        except _StoppedError as stop:
            return _KILLED + stop.number
    return code if code >= 0 else _KILLED - code


def _entry(box: Sandbox, argv: Sequence[str]) -> list[str]:
    """Return the command line that runs `argv` inside by an nsenter that Ctrl-C does not end before it."""
    names = ",".join(number.name.removeprefix("SIG") for number in _STOP_SIGNALS)
    command = ["env", f"--default-signal={names}", "--", *argv]
    inside = box.inside_argv(["sh", "-c", _WITH_CODE, "sandbox", *command])
    return ["env", f"--ignore-signal={names}", "--", *inside]


@contextlib.contextmanager
def _signals_to(receive: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    before = {number: signal.signal(number, receive) for number in _STOP_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _terminal_tells() -> bool:
    """Return whether Ctrl-C came from the terminal, which then has told the command as well."""
    return sys.stdin.isatty() and os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()


def _tell(entry: int, number: int) -> None:
    """Send a signal to the command: a child of the shell that `entry`, an nsenter, waits for. Neither passes it on."""
    with contextlib.suppress(OSError):  # it has just ended
        for shell in _children(entry):
            for command in _children(shell):
                os.kill(command, number)


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
