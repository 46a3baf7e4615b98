"""A program that becomes another one which dies with its parent: `tether.py PARENT-PID PROGRAM ARGUMENTS…`.

Run as a script by `tool.follow`. The request is made here, in a process of its own, because between fork and
exec of a program with threads nothing but exec is safe. Source: prctl(2), PR_SET_PDEATHSIG, which survives an
exec.
"""

from __future__ import annotations

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1
SIGKILL = 9  # the same on every Linux; importing `signal` would cost a quarter of the start


def main(parent: int, command: list[str]) -> None:
    """Become `command`, to be killed when the parent ends; or end at once when it has ended already."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os.kill(os.getpid(), SIGKILL)
    os.execv(command[0], command)  # noqa: S606 - that is its purpose


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
