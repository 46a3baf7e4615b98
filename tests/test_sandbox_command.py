"""A command in a sandbox: its exit code, the signals it gets, and that nothing is left of it all."""

from __future__ import annotations

import contextlib
import os
import pty
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from kvmctl.sandbox import Sandbox, run_in_sandbox

if TYPE_CHECKING:
    from pathlib import Path

COMMAND = "import sys; from kvmctl.sandbox import run_in_sandbox; sys.exit(run_in_sandbox(sys.argv[1:]))"

pytestmark = pytest.mark.usefixtures("sandbox")  # skips where there can't be sandboxes


def leftovers(folder: Path, seconds: float = 5.0) -> list[Path]:
    """Return what is in a folder once it had time to become empty."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and any(folder.iterdir()):
        time.sleep(0.05)
    return list(folder.iterdir())


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("exit 0", 0), ("exit 7", 7), ("kill -KILL $$", 137), ("kill -TERM $$", 143), ("kill -INT $$", 130),
        ("kill -HUP $$", 129),
    ],
)  # fmt: skip
def test_a_command_gives_its_exit_code(temporary: Path, script: str, code: int) -> None:
    assert run_in_sandbox(["sh", "-c", script]) == code
    assert list(temporary.iterdir()) == []


def test_an_unknown_command_is_127(capfd: pytest.CaptureFixture[str]) -> None:
    assert run_in_sandbox(["no-such-command"]) == 127
    assert "no-such-command" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 3), (signal.SIGINT, 3), (signal.SIGHUP, 3), (signal.SIGKILL, -9)]
)
def test_a_signal_ends_the_command_and_removes_the_sandbox(temporary: Path, number: signal.Signals, code: int) -> None:
    script = "trap 'echo told; exit 3' INT TERM HUP; virsh uri; while :; do sleep 0.1; done"
    command = [sys.executable, "-c", COMMAND, "sh", "-c", script]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL) as process:
        assert process.stdout
        assert process.stdout.readline() == "qemu:///system\n"
        assert len(list(temporary.iterdir())) == 1
        process.send_signal(number)
        said = process.stdout.read()
    assert process.returncode == code
    assert said.strip() == ("told" if code == 3 else "")
    assert leftovers(temporary) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_command_that_a_signal_ends_gives_128_and_its_number(temporary: Path, number: signal.Signals) -> None:
    command = [sys.executable, "-c", COMMAND, "sh", "-c", "virsh uri; exec sleep 60"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL}
    with subprocess.Popen(command, text=True, **pipes) as process:  # type: ignore[call-overload]
        assert process.stdout.readline() == "qemu:///system\n"
        process.send_signal(number)
        said, told = process.communicate(timeout=60)
    assert (process.returncode, said.strip(), told) == (128 + number, "", "")
    assert leftovers(temporary) == []


def test_ctrl_c_on_a_terminal_is_told_once(temporary: Path) -> None:
    script = "trap 'echo told' INT; echo up; for i in 1 2 3 4 5 6 7 8; do sleep 0.1; done; exit 5"
    terminal, inner = pty.openpty()
    command = ["setsid", "--ctty", sys.executable, "-c", COMMAND, "sh", "-c", script]
    with subprocess.Popen(command, stdin=inner, stdout=inner, stderr=inner) as process:
        os.close(inner)
        said = os.read(terminal, 100)
        os.write(terminal, b"\x03")
        with contextlib.suppress(OSError):  # what reading a terminal that nobody has open any more gives
            while more := os.read(terminal, 100):
                said += more
    os.close(terminal)
    assert process.returncode == 5
    assert said.split() == [b"up", b"^Ctold"]
    assert leftovers(temporary) == []


def test_without_the_right_to_make_namespaces_the_error_says_so(temporary: Path) -> None:
    lesser = ["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin"]
    command = [*lesser, sys.executable, "-c", COMMAND, "true"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert "unshare failed: Operation not permitted" in result.stderr
    assert "a container must be a privileged one" in result.stderr
    assert list(temporary.iterdir()) == []


def test_a_sandbox_works_inside_a_sandbox(sandbox: Sandbox) -> None:
    result = sandbox.run([sys.executable, "-c", COMMAND, "virsh", "hostname"])
    assert result.stdout.strip().endswith(".sandbox")
    assert result.stdout.strip() != sandbox.hostname
    assert sandbox.run(["virsh", "hostname"]).stdout.strip() == sandbox.hostname
