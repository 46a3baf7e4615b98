"""kvmctl's figures, each beside its floor: what the libraries alone need for the same work, measured in the same run.

    python tests/benchmarks/run.py                   # all of them, some minutes, as root
    python tests/benchmarks/run.py --machines 100 --documents 1000 --repetitions 3

Exits with 1 where a figure misses its limit in the quickest of its runs.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

import fleet
from figure import Figure, seconds
from images import conversions, side_by_side, uploads
from stopwatch import Program, Timing, environment, race, told

from kvmctl.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PYTHON: Final = sys.executable
KVMCTL: Final = str(Path(PYTHON).with_name("kvmctl"))
FLOORS: Final = str(Path(__file__).with_name("floors.py"))
HEAVY: Final = ("deepdiff", "jsonschema", "rich", "subprocess", "kvmctl.images")
CONSTANT_CALLS: Final = 20
MEMORY: Final = 2**30
MOST_ON_TOP: Final = 0.2


def ratio(name: str, timings: dict[str, Timing], limit: float) -> Figure:
    """Return the figure of kvmctl's time over the floor's."""
    floor, ours = timings["floor"], timings["kvmctl"]
    best = ours.best / floor.best
    measured = (
        f"{ours.median / floor.median:5.2f} x median, {best:5.2f} x best   "
        f"(floor {seconds(floor)}, kvmctl {seconds(ours)})"
    )
    return Figure(name, measured, f"≤ {limit} x" if limit else "", not limit or best <= limit)


def start(repetitions: int) -> Iterator[Figure]:
    """Yield how long `kvmctl --version` takes beside an interpreter that imports click."""
    programs = {"floor": Program([PYTHON, "-c", "import click"]), "kvmctl": Program([KVMCTL, "--version"])}
    yield ratio("kvmctl --version", race(programs, repetitions * 3), 2.0)


def validate(folder: Path, documents: int, repetitions: int) -> Iterator[Figure]:
    """Yield how long `validate` takes beside the C YAML loader, and its peak of memory."""
    file = folder / "validate.yaml"
    file.write_text(fleet.machines(documents), encoding="utf-8")
    programs = {
        "floor": Program([PYTHON, FLOORS, "yaml", str(file)], tells=True),
        "kvmctl": Program([KVMCTL, "validate", "-f", str(file)]),
    }
    timings = race(programs, repetitions)
    yield ratio(f"validate {documents:,} machines", timings, 2.5)
    memory = timings["kvmctl"].memory
    yield Figure("  peak memory", f"{memory / 2**20:.0f} MiB", "≤ 1 GiB", memory <= MEMORY)


def plans(folder: Path, counts: Sequence[int], repetitions: int) -> Iterator[Figure]:
    """Yield what no-op plans of more and more machines take beside libvirt-python reading the same machines."""
    with Sandbox() as box:
        for count in counts:
            file = _applied(folder, box.uri, count)
            timings = race(_plan_and_floor(box.uri, file, "domains"), repetitions)
            yield (
                _on_top(count, timings)
                if count == counts[0]
                else ratio(f"no-op plan of {count:,} machines", timings, 2.0 if count == counts[-1] else 0)
            )
            yield _calls(box.uri, file)
        yield _imports(box.uri, file)


def plans_of_disks(folder: Path, count: int, repetitions: int) -> Iterator[Figure]:
    """Yield the same for machines whose disks are resources too: two volumes a machine, in one pool."""
    with Sandbox() as box:
        file = _applied(folder, box.uri, count, disks=True)
        timings = race(_plan_and_floor(box.uri, file, "objects"), repetitions)
        yield ratio(f"the same and {2 * count:,} disks", timings, 0)


def _applied(folder: Path, uri: str, count: int, *, disks: bool = False) -> Path:
    file = folder / f"fleet-{count}.yaml"
    file.write_text(fleet.machines(count, disks=disks), encoding="utf-8")
    told([KVMCTL, "apply", "--yes", "-c", uri, "-f", str(file)])
    return file


def _plan_and_floor(uri: str, file: Path, floor: str) -> dict[str, Program]:
    return {
        "floor": Program([PYTHON, FLOORS, floor, uri], tells=True),
        "kvmctl": Program([KVMCTL, "plan", "--detailed-exitcode", "-c", uri, "-f", str(file)]),
    }


def _on_top(count: int, timings: dict[str, Timing]) -> Figure:
    floor, ours = timings["floor"], timings["kvmctl"]
    median, best = ours.median - floor.median, ours.best - floor.best
    measured = f"{median:.3f} s median, {best:.3f} s best on top of the floor's {floor.best:.3f} s"
    return Figure(f"no-op plan of {count:,} machines", measured, f"≤ {MOST_ON_TOP} s", best <= MOST_ON_TOP)


def _calls(uri: str, file: Path) -> Figure:
    calls, unchanged, actions = map(int, told([PYTHON, FLOORS, "calls", uri, str(file)]).split())
    if actions:
        raise RuntimeError(f"the plan of {file} isn't empty: {actions} actions")
    over = calls - unchanged
    measured = f"{calls}: one for each of {unchanged} objects, and {over}"
    return Figure("  libvirt calls", measured, f"≤ {CONSTANT_CALLS} more", over <= CONSTANT_CALLS)


def _imports(uri: str, file: Path) -> Figure:
    argv = [PYTHON, "-X", "importtime", KVMCTL, "plan", "-c", uri, "-f", str(file)]
    result = subprocess.run(argv, env=environment(), check=True, capture_output=True, text=True)
    loaded = {line.rpartition("|")[2].strip() for line in result.stderr.splitlines()}
    heavy = [name for name in HEAVY if name in loaded]
    return Figure("  heavy modules loaded", ", ".join(heavy) or "none", f"none of {', '.join(HEAVY)}", not heavy)


def main() -> int:
    """Print the table, line by line as it is measured."""
    parser = argparse.ArgumentParser(description="kvmctl's figures beside their floors")
    parser.add_argument("--machines", type=int, default=1000)
    parser.add_argument("--documents", type=int, default=10_000)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--no-disks", action="store_true", help="leave out the machines whose disks are resources")
    parser.add_argument("--megabytes", type=int, default=4096, help="the size of images, a quarter of which is data")
    parser.add_argument("--only", choices=["start", "validate", "plan", "images"], help="measure only this")
    given = parser.parse_args()
    missed = 0
    with tempfile.TemporaryDirectory(prefix="kvmctl-bench-") as name:
        for figure in _figures(Path(name), given):
            sys.stdout.write(f"{str(figure).rstrip()}\n")
            sys.stdout.flush()
            missed += not figure.met
    return 1 if missed else 0


def _figures(folder: Path, given: argparse.Namespace) -> Iterator[Figure]:
    if given.only in (None, "start"):
        yield from start(given.repetitions)
    if given.only in (None, "validate"):
        yield from validate(folder, given.documents, given.repetitions)
    if given.only in (None, "plan"):
        counts = sorted({min(10, given.machines), min(100, given.machines), given.machines})
        yield from plans(folder, counts, given.repetitions)
        if not given.no_disks:
            yield from plans_of_disks(folder, given.machines, given.repetitions)
    if given.only in (None, "images"):
        yield from conversions(folder, given.megabytes, given.repetitions)
        yield from uploads(folder, given.megabytes)
        yield from side_by_side(folder, given.megabytes)


if __name__ == "__main__":
    sys.exit(main())
