"""Images: converted beside what qemu-img, cp and tar do in the same run, several at once, and sent to another host."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from figure import Figure, seconds
from relay import Relay
from stopwatch import Program, Timing, once, race, told

from kvmctl.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

MIB: Final = 1 << 20
PARTS: Final = 64
MOST_TIME, MOST_ROOM, MOST_SENT = 1.05, 1.02, 1.05
AT_ONCE: Final = 4
KVMCTL: Final = str(Path(sys.executable).with_name("kvmctl"))
CONVERT: Final = """
import sys, time
from kvmctl import images
began = time.perf_counter()
images.convert(*sys.argv[1:], source_format="raw", target_format="qcow2", overwrite=True, progress=lambda percent: None)
print(time.perf_counter() - began)
"""
QEMU_IMG: Final = {
    "its defaults": "",
    "-m 8": "-m 8",
    "-m 8 -t none": "-m 8 -t none",
    "-m 8 -W -t none": "-m 8 -W -t none",
    "-m 16 -t none -T none": "-m 16 -t none -T none",
}
OTHERS: Final = {
    "cp --sparse": "cp --sparse=always {source} {target}",
    "tar + gzip": "tar -P -S -czf {target} {source}",
}


def made(path: Path, size: int) -> Path:
    """Make a raw image of which a quarter is data, in pieces all over it."""
    with path.open("wb") as file:
        file.truncate(size)
        for part in range(PARTS):
            file.seek(size // PARTS * part)
            file.write(os.urandom(size // PARTS // 4))
    return path


def conversions(folder: Path, megabytes: int, repetitions: int) -> Iterator[Figure]:
    """Yield how long conversions take until they are on storage, and how much room they take there."""
    source, target = made(folder / "source.raw", megabytes * MIB), folder / "target"
    quoted = {"source": shlex.quote(str(source)), "target": shlex.quote(str(target))}
    programs = {
        name: _by_hand(f"qemu-img convert {options} -f raw -O qcow2 {{source}} {{target}}", quoted)
        for name, options in QEMU_IMG.items()
    }
    programs["kvmctl"] = Program([sys.executable, "-c", CONVERT, str(source), str(target)], tells=True)
    timings = race(programs, repetitions)
    ours = timings.pop("kvmctl")
    name, best = min(timings.items(), key=lambda item: item[1].best)
    ratio = ours.best / best.best
    yield Figure(
        f"convert {megabytes} MiB, a quarter data",
        f"{ratio:5.2f} x qemu-img {name}   ({seconds(best)}, kvmctl {seconds(ours)})",
        f"≤ {MOST_TIME} x",
        ratio <= MOST_TIME,
    )
    yield from (_beside(f"qemu-img {name}", each, ours) for name, each in timings.items())
    yield from _room(programs["its defaults"], programs["kvmctl"], target)
    for name, command in OTHERS.items():
        yield _beside(name, once(_by_hand(command, quoted)), ours)
    source.unlink()
    target.unlink()


def _by_hand(command: str, quoted: dict[str, str]) -> Program:
    whole = f"rm -f {quoted['target']} && {command.format(**quoted)} && sync {quoted['target']}"
    return Program(["sh", "-c", whole])


def _beside(name: str, theirs: Timing, ours: Timing) -> Figure:
    return Figure(f"  beside {name}", f"{ours.best / theirs.best:5.2f} x   ({seconds(theirs)})")


def _room(theirs: Program, ours: Program, target: Path) -> Iterator[Figure]:
    taken = []
    for program in (theirs, ours):
        told(program.argv)
        taken.append(target.stat().st_blocks * 512)
    ratio = taken[1] / taken[0]
    measured = f"{ratio:5.3f} x qemu-img's   ({taken[0] / MIB:.0f} MiB, kvmctl {taken[1] / MIB:.0f} MiB)"
    yield Figure("  allocation", measured, f"≤ {MOST_ROOM} x", ratio <= MOST_ROOM)


def _manifest(folder: Path, sources: list[Path], image_format: str) -> Path:
    pool = "kind: StoragePool\nmetadata: {name: p}\nspec: {type: dir, path: /var/lib/libvirt/images/p}\n"
    disks = [
        f"kind: Disk\nmetadata: {{name: d{number}}}\n"
        f"spec: {{pool: p, format: {image_format}, source: {{path: {source}, format: raw}}}}\n"
        for number, source in enumerate(sources)
    ]
    file = folder / "disks.yaml"
    file.write_text("---\n".join(f"apiVersion: kvmctl/v1\n{document}" for document in (pool, *disks)))
    return file


def uploads(folder: Path, megabytes: int) -> Iterator[Figure]:
    """Yield how many bytes go to a libvirt whose files are elsewhere, for an image of which a quarter is data."""
    source = made(folder / "source.raw", megabytes * MIB)
    data = source.stat().st_blocks * 512
    for image_format in ("raw", "qcow2"):
        with Sandbox() as box:
            relay = Relay(folder / f"{image_format}.sock", Path(box.uri.partition("socket=")[2]))
            file = _manifest(folder, [source], image_format)
            uri = f"qemu:///system?socket={folder / f'{image_format}.sock'}"
            told([KVMCTL, "apply", "--yes", "-c", uri, "-f", str(file)])
            relay.close()
            ratio = relay.sent / data
        measured = f"{relay.sent / MIB:.0f} MiB sent for {data / MIB:.0f} MiB of data: {ratio:.3f} x"
        yield Figure(f"upload {megabytes} MiB as {image_format}", measured, f"≤ {MOST_SENT} x", ratio <= MOST_SENT)
    source.unlink()


def side_by_side(folder: Path, megabytes: int) -> Iterator[Figure]:
    """Yield how long an apply of several disks takes beside qemu-img making one after the other."""
    sources = [made(folder / f"source-{number}.raw", megabytes * MIB // AT_ONCE) for number in range(AT_ONCE)]
    one_by_one = " && ".join(
        f"qemu-img convert -m 8 -t none -f raw -O qcow2 {shlex.quote(str(source))} {shlex.quote(str(folder / 'one'))}"
        for source in sources
    )
    with Sandbox() as box:
        apply = [KVMCTL, "apply", "--yes", "-c", "qemu:///system", "-f", str(_manifest(folder, sources, "qcow2"))]
        floor = once(Program(["sh", "-c", one_by_one]))
        ours = once(Program(box.inside_argv(["sh", "-c", f"{shlex.join(apply)} 2>/dev/null"])))
    ratio = ours.best / floor.best
    times = f"({floor.best:.3f} s, kvmctl {ours.best:.3f} s for the whole apply)"
    yield Figure(f"{AT_ONCE} disks of {megabytes // AT_ONCE} MiB at once", f"{ratio:5.2f} x one by one   {times}")
