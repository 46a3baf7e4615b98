"""Whatever ends a conversion, no half image stands under the final name, and what is left is cleaned up."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kvmctl import images
from kvmctl.images.staging import staged

if TYPE_CHECKING:
    from collections.abc import Iterator

MIB = 1 << 20
# Slow on purpose: a conversion that can be met half-way.
SLOW = images.ConvertOptions(compress=True, coroutines=1)
CONVERT = """
import sys
from kvmctl import images
options = images.ConvertOptions(compress=True, coroutines=1)
hear = lambda percent: print(percent, flush=True)
formats = {"source_format": "raw", "target_format": "qcow2"}
images.convert(*sys.argv[1:], **formats, options=options, progress=hear)
"""


@pytest.fixture(scope="session")
def dense(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a raw image with 128 MiB of data."""
    path = tmp_path_factory.mktemp("dense") / "dense.raw"
    path.write_bytes(os.urandom(128 * MIB))
    return path


def children() -> list[int]:
    told = (each.read_text() for each in Path("/proc/self/task").glob("*/children"))
    return [int(word) for text in told for word in text.split()]


def convert(source: Path, target: Path, progress: object = None) -> None:
    assert progress is None or callable(progress)
    images.convert(source, target, source_format="raw", target_format="qcow2", options=SLOW, progress=progress)


@pytest.mark.parametrize("moment", [0, 5, 50])
def test_killed_qemu_img_leaves_nothing(tmp_path: Path, dense: Path, moment: int) -> None:
    before = set(children())

    def kill(percent: float) -> None:
        if percent >= moment:
            for child in set(children()) - before:
                os.kill(child, signal.SIGKILL)

    with pytest.raises(images.ImageError, match=r"conversion to qcow2 at .*a failed: qemu-img: killed by SIGKILL"):
        convert(dense, tmp_path / "a", kill)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, RuntimeError])
def test_interrupt_leaves_nothing(tmp_path: Path, dense: Path, error: type[BaseException]) -> None:
    def stop(percent: float) -> None:
        if percent > 5:
            raise error

    before = children()
    with pytest.raises(error):
        convert(dense, tmp_path / "a", stop)
    assert children() == before
    assert not list(tmp_path.iterdir())


@pytest.fixture
def writer(tmp_path: Path, dense: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Yield a process that is in the middle of converting to `a`."""
    command = [sys.executable, "-c", CONVERT, str(dense), str(tmp_path / "a")]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        while float(process.stdout.readline()) < 3:
            pass
        yield process
        process.kill()


def test_killed_kvmctl_takes_qemu_img_along(tmp_path: Path, writer: subprocess.Popen[bytes]) -> None:
    [leftover] = tmp_path.iterdir()
    assert leftover.name.startswith(".a.kvmctl-")
    assert leftover.name.endswith(".part")
    assert images.clean_leftovers(tmp_path) == []
    assert leftover.is_dir()
    told = Path(f"/proc/{writer.pid}/task/{writer.pid}/children").read_text()
    qemu_img = int(told)
    assert b"qemu-img" in Path(f"/proc/{qemu_img}/cmdline").read_bytes()
    writer.kill()
    writer.wait()
    wait_for_end(qemu_img)
    assert [each.name for each in tmp_path.iterdir()] == [leftover.name]
    assert images.clean_leftovers(tmp_path) == [leftover]
    assert not list(tmp_path.iterdir())


def wait_for_end(pid: int) -> None:
    deadline = time.monotonic() + 1
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return
        if state == "Z":
            return
        time.sleep(0.01)
    pytest.fail("qemu-img outlived kvmctl")


def test_killed_conversion_can_be_repeated(tmp_path: Path, dense: Path, writer: subprocess.Popen[bytes]) -> None:
    writer.kill()
    writer.wait()
    convert(dense, tmp_path / "a")
    images.clean_leftovers(tmp_path)
    assert [each.name for each in tmp_path.iterdir()] == ["a"]
    assert images.verify_same(dense, "raw", tmp_path / "a", "qcow2").same


def test_full_disk(tmp_path: Path, dense: Path) -> None:
    if shutil.which("unshare") is None or os.geteuid() != 0:
        pytest.skip("needs unshare and root to mount a small file system")
    script = 'mount -t tmpfs -o size=16m none "$1"; "$2" -c "$3" "$4" "$1/a"; echo "left: $(ls -A "$1")"'
    ended = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, "sh", tmp_path, sys.executable, CONVERT, dense],
        check=False,
        capture_output=True,
        text=True,
    )
    assert "No space left on device" in ended.stderr
    assert f"{tmp_path} has " in ended.stderr
    assert "MiB left; nothing was left behind there" in ended.stderr
    assert ended.stdout.endswith("left: \n")


def test_file_size_limit(tmp_path: Path, dense: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (32 * MIB, before[1]))
    try:
        with pytest.raises(images.ImageError, match=r"conversion to qcow2 at .* failed"):
            convert(dense, tmp_path / "a")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not list(tmp_path.iterdir())


def test_only_what_kvmctl_left_is_cleaned(tmp_path: Path) -> None:
    (tmp_path / ".a.kvmctl-1.part").write_text("a file")
    (tmp_path / ".b.kvmctl-1.part").mkdir()
    (tmp_path / ".b.kvmctl-1.part" / "diary").write_text("dear")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / ".c.kvmctl-1.part").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "c.kvmctl-1.part").mkdir()
    (tmp_path / ".d.kvmctl-1.part").mkdir()
    (tmp_path / ".e.kvmctl-1.part" / "image").mkdir(parents=True)
    (tmp_path / ".e.kvmctl-1.part" / "image" / "e").touch()
    before = set(tmp_path.iterdir())
    cleaned = images.clean_leftovers(tmp_path)
    assert [each.name for each in cleaned] == [".d.kvmctl-1.part", ".e.kvmctl-1.part"]
    assert set(tmp_path.iterdir()) == before - set(cleaned)


def test_own_writer_is_alive(tmp_path: Path) -> None:
    with staged(tmp_path / "a") as part:
        part.write_bytes(b"whole")
        assert images.clean_leftovers(tmp_path) == []
        assert not (tmp_path / "a").exists()
    assert (tmp_path / "a").read_bytes() == b"whole"


def test_long_names(tmp_path: Path) -> None:
    name = "é" * 120
    with staged(tmp_path / name) as part:
        part.write_bytes(b"whole")
    assert [each.name for each in tmp_path.iterdir()] == [name]
