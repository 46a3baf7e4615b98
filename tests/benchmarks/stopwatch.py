"""Programs measured side by side, so that a busy machine slows them alike: A B A B A B, median and best of each."""

from __future__ import annotations

import os
import statistics
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(slots=True)
class Timing:
    """The runs of one program: seconds on the wall clock, and the most memory (bytes) that any of them had."""

    seconds: list[float] = field(default_factory=list)
    memory: int = 0
    output: str = ""

    @property
    def median(self) -> float:
        """The median of the runs."""
        return statistics.median(self.seconds)

    @property
    def best(self) -> float:
        """The quickest run: what the program needs when nothing else runs."""
        return min(self.seconds)


@dataclass(frozen=True, slots=True)
class Program:
    """A command line; `tells` when it prints the seconds itself, else the whole process is measured."""

    argv: Sequence[str]
    tells: bool = False


def race(programs: Mapping[str, Program], repetitions: int) -> dict[str, Timing]:
    """Return the timings of programs that take turns; a first round of all of them isn't counted."""
    timings = {name: Timing() for name in programs}
    for round_number in range(repetitions + 1):
        for name, program in programs.items():
            seconds, memory, output = _run(program.argv)
            timing = timings[name]
            timing.output, timing.memory = output, max(timing.memory, memory)
            if round_number:
                timing.seconds.append(float(output) if program.tells else seconds)
    return timings


def once(program: Program) -> Timing:
    """Return the timing of one run, for what takes long or can't be done twice."""
    seconds, memory, output = _run(program.argv)
    return Timing([float(output) if program.tells else seconds], memory, output)


@cache
def _bytecode() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="kvmctl-bytecode-")


def environment() -> dict[str, str]:
    """Return the environment of every measured program: its bytecode is compiled once, as where it was installed."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return kept | {"PYTHONPYCACHEPREFIX": _bytecode().name}


def told(argv: Sequence[str]) -> str:
    """Return what a program prints; one that fails is an error that carries what it said."""
    result = subprocess.run(argv, env=environment(), check=False, capture_output=True, text=True)
    if result.returncode:
        raise RuntimeError(f"{' '.join(argv)}: exit code {result.returncode}\n{result.stderr}")
    return result.stdout


def _run(argv: Sequence[str]) -> tuple[float, int, str]:
    """Return the seconds of one run, its peak of memory in bytes (getrusage's, of that process alone), its output."""
    started = time.perf_counter()
    with subprocess.Popen(argv, env=environment(), stdout=subprocess.PIPE, text=True) as process:
        if process.stdout is None:
            raise RuntimeError(argv[0])
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, argv, output)
    return seconds, usage.ru_maxrss * 1024, output
