"""The benchmarks run, at a size that says nothing about speed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kvmctl.sandbox import Sandbox

PROGRAM = Path(__file__).with_name("run.py")


def test_every_figure_is_printed(shared_sandbox: Sandbox) -> None:
    assert shared_sandbox.pid  # where no sandbox can be had, this skips as the other tests do
    sizes = ["--machines", "3", "--documents", "3", "--megabytes", "64"]
    argv = [sys.executable, str(PROGRAM), *sizes, "--repetitions", "1"]
    result = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert result.returncode in (0, 1), result.stderr  # 1: a figure misses, as the start alone outweighs three machines
    assert not result.stderr
    for name in ("kvmctl --version", "validate 3 machines", "no-op plan of 3 machines", "the same and 6 disks"):
        assert name in result.stdout
    assert "libvirt calls" in result.stdout
    assert "none                " in result.stdout, "a heavy module is loaded by a no-op plan"
    for line in result.stdout.splitlines():
        if line.startswith(("upload 64 MiB", "  allocation")):
            assert " ok " in line
    assert "upload 64 MiB as raw" in result.stdout
    assert "4 disks of 16 MiB at once" in result.stdout
