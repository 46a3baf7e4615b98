"""Whatever ends the filling of a disk, at ten moments each: nothing has its name, and the next apply finishes it."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import Program, Web

MIB = 1 << 20
POOLS = "/var/lib/libvirt/images/half"
FOLDER = f"{POOLS}/p"
POOL = {"pool/p": f"type: dir, path: {FOLDER}"}
SIZE = 24 * MIB
MOMENTS = range(0, 100, 10)
FEW = (0, 50, 90)
"""The moments of a short run; all ten come with --long."""
every_moment = pytest.mark.parametrize("moment", MOMENTS)

# What happens when a part of the making gets as far as a percentage; the parts are told by the progress that users see.
HAPPEN = """
import os, pathlib, signal
from kvmctl.cli import progress
from kvmctl.apply import pace
from kvmctl.downloads import transfer
pace._EVERY_SECONDS, transfer.FIRST_PAUSE = 0.0, 0.001
class Witness(progress.Lines):
    def advanced(self, action, percent, doing=""):
        if doing.startswith({part!r}) and percent >= {moment}:
            {event}
progress.Lines = Witness
from kvmctl.cli import main
main()
"""
DIE = "os.kill(os.getpid(), signal.SIGKILL)"
KILL_CHILD = """[
                os.kill(int(child), signal.SIGKILL)
                for told in pathlib.Path("/proc/self/task").glob("*/children") for child in told.read_text().split()
            ]"""


@pytest.fixture(autouse=True)
def few_moments(request: pytest.FixtureRequest) -> None:
    """Leave out most moments of a short run."""
    given = getattr(request.node, "callspec", None)
    moment = given.params.get("moment", FEW[0]) if given else FEW[0]
    if moment in MOMENTS and moment not in FEW and not request.config.getoption("--long"):
        pytest.skip("all ten moments are tried with --long")


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a raw image that takes a moment to convert."""
    path = tmp_path_factory.mktemp("half") / "a.raw"
    path.write_bytes(os.urandom(SIZE))
    return path


class Scene:
    """One disk that is to be made, of an image: on the host itself, or from outside, where the host's files aren't."""

    def __init__(self, kvmctl: Program, conn: Any, image: Path, way: str = "local") -> None:
        self.kvmctl = kvmctl
        self.conn = conn
        self.image = image
        self.way = way
        self.specs = {**POOL, "disk/a": f"pool: p, format: qcow2, source: {{path: {image}, format: raw}}"}
        self.folder = kvmctl.box.outside(FOLDER)

    def apply(self, script: str = "") -> subprocess.CompletedProcess[str]:
        """Apply, with a script in place of the program."""
        argv: list[str] = self.kvmctl.argv("apply", "--yes", "-f", self.kvmctl.write(self.specs))
        argv = [*argv[:4], script or argv[4], *argv[5:]]
        if self.way == "local":
            return self.kvmctl.box.run(argv, cwd=str(self.kvmctl.folder), timeout=120)
        argv += ["-c", self.kvmctl.box.uri]
        return subprocess.run(argv, cwd=self.kvmctl.folder, timeout=120, capture_output=True, text=True, check=False)

    def dies(self, script: str) -> None:
        """Apply with a script that kills the program."""
        ended = self.apply(script)
        assert ended.returncode == -signal.SIGKILL, ended.stdout + ended.stderr

    def fails(self, script: str = "") -> str:
        """Apply, and return what is said of the failure."""
        ended = self.apply(script)
        assert ended.returncode in {1, 4}, ended.stdout + ended.stderr
        assert "failed disk/a create" in ended.stdout
        return ended.stdout

    def volumes(self) -> list[str]:
        pool = self.conn.storagePoolLookupByName("p")
        pool.refresh()
        return sorted(pool.listVolumes())

    def must_be_finished(self) -> None:
        """Apply once more, and look whether the disk is whole and nothing else is there."""
        ended = self.apply()
        assert ended.returncode == 0, ended.stdout + ended.stderr
        assert [path.name for path in self.folder.iterdir()] == ["a"]
        assert self.volumes() == ["a"]
        compare = ["qemu-img", "compare", "-f", "raw", "-F", "qcow2", str(self.image), str(self.folder / "a")]
        assert subprocess.run(compare, check=False, capture_output=True).returncode == 0


@pytest.fixture(params=["local", "remote"])
def scene(kvmctl: Program, conn: Any, image: Path, request: pytest.FixtureRequest) -> Scene:
    """Return the disk to be made in both ways: by file, and by libvirt's stream."""
    return Scene(kvmctl, conn, image, request.param)


@every_moment
def test_kill_9_of_kvmctl(scene: Scene, moment: int) -> None:
    part = "converting" if scene.way == "local" else "uploading"
    scene.dies(HAPPEN.format(part=part, moment=moment, event=DIE))
    assert "a" not in scene.volumes()
    scene.must_be_finished()


@every_moment
def test_kill_9_of_qemu_img(scene: Scene, moment: int) -> None:
    assert "killed by SIGKILL" in scene.fails(HAPPEN.format(part="converting", moment=moment, event=KILL_CHILD))
    assert scene.volumes() == []
    scene.must_be_finished()


@pytest.fixture
def small(scene: Scene) -> Iterator[Scene]:
    """Return the disk to be made in a file system that is taken away after the test."""
    yield scene
    scene.kvmctl.box.run(["umount", FOLDER])


@every_moment
def test_full_disk(small: Scene, moment: int) -> None:
    box, room = small.kvmctl.box, SIZE * moment // 100 + 256 * 1024
    made = box.run(["sh", "-c", f"mkdir -p {FOLDER} && mount -t tmpfs -o size={room} none {FOLDER}"])
    assert made.returncode == 0, made.stderr
    small.fails()
    assert small.volumes() == []
    assert box.run(["mount", "-o", f"remount,size={4 * SIZE}", FOLDER]).returncode == 0
    small.must_be_finished()


@pytest.fixture
def served(kvmctl: Program, conn: Any, image: Path, web_inside: Web, kept: Path) -> Scene:
    """Return the disk to be made of an image on a web server."""
    assert not kept.exists()
    content, scene = image.read_bytes(), Scene(kvmctl, conn, image)
    web_inside.files["/a.raw"], web_inside.etags["/a.raw"] = content, '"one"'
    source = f"url: '{web_inside.url('/a.raw')}', format: raw, sha256: {hashlib.sha256(content).hexdigest()}"
    scene.specs["disk/a"] = f"pool: p, format: qcow2, source: {{{source}}}"
    return scene


@every_moment
def test_cut_connection(served: Scene, web_inside: Web, moment: int) -> None:
    cut = SIZE * moment // 100
    web_inside.faults["/a.raw"] = [("cut", cut), *[("cut", 0)] * 20]
    assert "the connection was cut" in served.fails(HAPPEN.format(part="never", moment=0, event="pass"))
    assert served.volumes() == []
    web_inside.faults.clear()
    web_inside.sent = 0
    served.must_be_finished()
    assert web_inside.sent == SIZE - cut


@every_moment
def test_wrong_checksum(served: Scene, web_inside: Web, moment: int) -> None:
    right, place = web_inside.files["/a.raw"], SIZE * moment // 100
    web_inside.files["/a.raw"] = right[:place] + bytes([right[place] ^ 1]) + right[place + 1 :]
    assert "nothing was made of it" in served.fails()
    assert served.volumes() == []
    web_inside.files["/a.raw"] = right
    served.must_be_finished()


@every_moment
def test_kill_9_of_kvmctl_while_it_downloads(served: Scene, moment: int) -> None:
    served.dies(HAPPEN.format(part="downloading", moment=moment, event=DIE))
    assert served.volumes() == []
    served.must_be_finished()


BEFORE = """
import os, signal
from kvmctl.hypervisor import Hypervisor
former, calls = Hypervisor.{method}, []
def dying(*given, **named):
    calls.append(1)
    if len(calls) == {number}:
        {event}
    return former(*given, **named)
Hypervisor.{method} = dying
from kvmctl.cli import main
main()
"""


@pytest.mark.parametrize(
    ("method", "number"),
    [("create_volume", 1), ("create_volume", 2), ("upload_volume", 1), ("create_volume", 3), ("create_volume_from", 1),
     ("delete_volume", 1), ("delete_volume", 2), ("delete_volume", 3)],
)  # fmt: skip
def test_kill_9_before_each_call_of_an_upload(
    kvmctl: Program, conn: Any, image: Path, method: str, number: int
) -> None:
    scene = Scene(kvmctl, conn, image, "remote")
    scene.dies(BEFORE.format(method=method, number=number, event=DIE))
    planned = json.loads(kvmctl.run("plan", "-o", "json", specs=scene.specs).stdout)
    assert [each["address"] for each in planned["actions"]] == ["disk/a"]
    scene.must_be_finished()


def test_half_that_libvirt_left_is_made_anew_unless_somebody_uses_it(kvmctl: Program, conn: Any, image: Path) -> None:
    scene = Scene(kvmctl, conn, image)
    kvmctl.run("apply", "--yes", specs=POOL)
    machine = f"type: qemu, memory: 64MiB, powerState: Off, disks: [{{target: vda, file: {FOLDER}/a, format: raw}}]"
    (scene.folder / "a").write_bytes(b"half")
    (scene.folder / "a.kvmctl-making").touch()
    conn.storagePoolLookupByName("p").refresh()
    assert "disk/a " not in kvmctl.run("get", "disk").stdout
    kvmctl.run("apply", "--yes", specs={"vm/m": machine})
    assert "disk/a may be half an image, for its making was interrupted, but vm/m uses it" in scene.fails()
    assert (scene.folder / "a").read_bytes() == b"half"
    conn.lookupByName("m").undefine()
    scene.must_be_finished()
