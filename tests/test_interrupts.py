"""Interrupted applies on real libvirt: asked to stop, stopped at once, killed or cut off at any call, made good."""

from __future__ import annotations

import json
import signal
import socket
import struct
import subprocess
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, Self

import pytest

from kvmctl.names import OWN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SECONDS = 60
MOMENTS = 3  # calls at which a short run is ended
IMAGES = "/var/lib/libvirt/images"
POOL = {"pool/p": f"type: dir, path: {IMAGES}/p, active: true, autostart: true"}
signals = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])


@contextmanager
def working(kvmctl: Any, specs: dict[str, str], *options: str, uri: str = "") -> Iterator[subprocess.Popen[str]]:
    """Give an apply under way from outside the sandbox, a child of this process that hears its signals."""
    argv = kvmctl.argv("apply", "--yes", *options, "-c", uri or kvmctl.box.uri, "-f", kvmctl.write(specs))
    with subprocess.Popen(
        argv, cwd=kvmctl.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        yield process


class Gate:
    """A download that stands still in the middle until it is let go on."""

    def __init__(self, web: Any) -> None:
        self._reached, self._open = threading.Event(), threading.Event()
        web.files["/a.raw"] = b"image".ljust(1 << 20, b"\0")
        web.gate = self._wait
        self.specs = POOL | {
            "disk/a": f"pool: p, format: raw, source: {{url: '{web.url('/a.raw')}', format: raw}}",
            "vm/m": "type: qemu, memory: 64MiB, disks: [{target: vda, disk: a, bus: virtio}]",
        }

    def _wait(self, _sent: int) -> None:
        self._reached.set()
        assert self._open.wait(SECONDS)

    def reached(self) -> None:
        """Return once the download has begun."""
        assert self._reached.wait(SECONDS)

    def open(self) -> None:
        """Let the download go on."""
        self._open.set()


def heard(process: subprocess.Popen[str], text: str) -> None:
    """Return once the process has told a line that contains a text."""
    assert process.stderr is not None
    assert any(text in line for line in process.stderr), f"it never said {text!r}"


def locks(conn: Any) -> list[str]:
    """Return the UUIDs of the locks on a host."""
    return [each.UUIDString() for each in conn.listAllSecrets() if each.usageID() == "kvmctl.lock"]


@signals
def test_once_finishes_what_has_begun_and_reports(
    kvmctl: Any, conn: Any, web: Any, kept: Path, number: signal.Signals
) -> None:
    gate = Gate(web)
    with working(kvmctl, gate.specs, "-o", "json") as process:
        gate.reached()
        process.send_signal(number)
        heard(process, "kvmctl: finishing what has begun; once more stops at once")
        gate.open()
        out, err = process.communicate(timeout=SECONDS)
    assert process.returncode == 4, err
    told = {(each["address"], each["operation"]): each for each in json.loads(out)["actions"]}
    assert told["pool/p", "create"]["status"] == "done"
    assert (told["vm/m", "create"]["status"], told["vm/m", "create"]["error"]) == ("skipped", "interrupted")
    assert locks(conn) == []
    assert conn.listAllDomains() == []
    with working(kvmctl, gate.specs) as again:
        _out, err = again.communicate(timeout=SECONDS)
    assert again.returncode == 0, err
    assert kept.is_dir()


@signals
def test_twice_stops_at_once(kvmctl: Any, conn: Any, web: Any, kept: Path, number: signal.Signals) -> None:
    gate = Gate(web)
    with working(kvmctl, gate.specs) as process:
        gate.reached()
        process.send_signal(number)
        heard(process, "once more stops at once")
        process.send_signal(number)
        heard(process, "kvmctl: stopped at once; apply again to finish")
        assert process.wait(SECONDS) == 1
    gate.open()
    with working(kvmctl, gate.specs) as again:
        out, err = again.communicate(timeout=SECONDS)
    assert again.returncode == 0, err
    assert "took the lock that " in err
    assert "0 failed, 0 skipped" in out
    assert locks(conn) == []
    assert kept.is_dir()


@signals
def test_whoever_waits_for_the_lock_can_be_stopped(kvmctl: Any, conn: Any, number: signal.Signals) -> None:
    from kvmctl.hypervisor import Hypervisor
    from kvmctl.lock import Lock

    with (
        Hypervisor.open(kvmctl.box.uri, readonly=False) as hypervisor,
        Lock(hypervisor, "kvmctl apply", threading.Event()) as lock,
    ):
        assert lock.take() is None
        with working(kvmctl, POOL, "--lock-timeout", "1h") as process:
            heard(process, "kvmctl: waiting for ")
            process.send_signal(number)
            heard(process, "kvmctl: interrupted")
            assert process.wait(SECONDS) == 1
        assert len(locks(conn)) == 1
    assert conn.listAllStoragePools() == []


HEADER: Final = struct.Struct(">IIIII")  # length, program, version, procedure, type: how each message begins
PROGRAMS: Final = (0x20008086, 0x20008087)  # libvirt's remote calls, and those for QEMU alone
CALL: Final = 0


class Proxy:
    """A libvirt socket that counts the calls that pass, and at one of them lets something happen in its place."""

    def __init__(self, path: Path, libvirtd: str, at: int = 0) -> None:
        self.calls = 0
        self.uri = f"qemu:///system?socket={path}"
        self._at, self._libvirtd, self._path = at, libvirtd, path
        self._happens: Callable[[], None] = lambda: None
        self._counting = threading.Lock()
        self._listener = socket.socket(socket.AF_UNIX)
        self._ends = [self._listener]
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self._listener.bind(str(self._path))
        self._listener.listen()
        self._run(self._accept)
        return self

    def __exit__(self, *_error: object) -> None:
        _cut(*self._ends)
        for thread in self._threads:
            thread.join(SECONDS)
        for each in self._ends:
            each.close()
        self._path.unlink()

    def instead(self, happens: Callable[[], None]) -> None:
        """Say what happens instead of the call."""
        self._happens = happens

    def _run(self, function: Callable[..., None], *arguments: socket.socket) -> None:
        self._threads.append(threading.Thread(target=function, args=arguments, daemon=True))
        self._threads[-1].start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            server.connect(self._libvirtd)
            self._ends += [client, server]
            self._run(self._pass_calls, client, server)
            self._run(_copy, server, client)

    def _pass_calls(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError), client.makefile("rb") as said:
            while len(head := said.read(HEADER.size)) == HEADER.size:
                length, program, _version, _procedure, kind = HEADER.unpack(head)
                message = head + said.read(length - HEADER.size)
                if program in PROGRAMS and kind == CALL and self._is_the_one():
                    self._happens()
                    break
                server.sendall(message)
        _cut(server, client)

    def _is_the_one(self) -> bool:
        with self._counting:
            self.calls += 1
            return self.calls == self._at


def _copy(server: socket.socket, client: socket.socket) -> None:
    with suppress(OSError):
        while data := server.recv(1 << 16):
            client.sendall(data)
    _cut(client)


def _cut(*ends: socket.socket) -> None:
    for each in ends:
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)


def of_all_kinds(image: Path, *, later: bool) -> dict[str, str]:
    """Return manifests of all kinds, as they are first or later."""
    size, memory = ("3MiB", "80MiB") if later else ("2MiB", "64MiB")
    return POOL | {
        "disk/root": f"pool: p, format: qcow2, size: {size}, source: {{path: {image}, format: raw}}",
        "disk/data": f"pool: p, format: raw, size: {size}",
        "network/lab": f"domain: {{name: {'two' if later else 'one'}.example}}, active: true, autostart: true",
        "nwfilter/f": f"chain: root, rules: [{{action: {'drop' if later else 'accept'}, direction: in}}]",
        "secret/s": f"usage: {{type: tls, name: s}}, description: {'two' if later else 'one'}",
        "vm/m": f"type: qemu, memory: {memory}, autostart: true, title: {'Two' if later else 'One'}, "
        "disks: [{target: vda, disk: root, bus: virtio}, {target: vdb, disk: data, bus: virtio}], "
        "interfaces: [{name: lan, network: lab, model: virtio}]",
    }


def all_there(conn: Any) -> list[str]:
    """Return what there is on a host, without the built-in network filters and what kvmctl keeps for itself.

    A lock that is left behind where nothing was left to do stays until somebody needs it.
    """
    pools = conn.listAllStoragePools()
    return sorted(
        [each.name() for each in (*conn.listAllDomains(), *conn.listAllNetworks(), *pools)]
        + [each.name() for pool in pools if pool.isActive() for each in pool.listAllVolumes()]
        + [each.usageID() for each in conn.listAllSecrets() if each.usageID() not in OWN]
        + [each.name() for each in conn.listAllNWFilters() if each.name() == "f"]
    )


class Scene:
    """A host on which a run is ended at each of its calls, and made good."""

    def __init__(self, kvmctl: Any, conn: Any, empty: Callable[[], None], folder: Path) -> None:
        self._kvmctl, self._empty, self._folder = kvmctl, empty, folder
        self._image = folder / "root.raw"
        self._image.write_bytes(b"image".ljust(1 << 20, b"\0"))
        self._libvirtd = kvmctl.box.uri.partition("socket=")[2]
        self.conn = conn

    def prepare(self, *, later: bool) -> dict[str, str]:
        """Make the host as it is before the run, and return the run's manifests."""
        self._empty()
        if later:
            self.must_pass(of_all_kinds(self._image, later=False))
        return of_all_kinds(self._image, later=later)

    def apply(self, specs: dict[str, str], at: int = 0, event: str = "") -> tuple[int, int, str]:
        """Return an apply's exit code, the number of its calls, and what it said."""
        with Proxy(self._folder / "proxy", self._libvirtd, at) as proxy:
            with working(self._kvmctl, specs, "--max-disruption", "interrupt", uri=proxy.uri) as process:
                proxy.instead(process.kill if event == "kill" else lambda: None)
                out, err = process.communicate(timeout=SECONDS)
            return process.returncode, proxy.calls, out + err

    def must_pass(self, specs: dict[str, str], after: str = "") -> int:
        """Apply, which has to do all and find nothing left to do; return the number of its calls."""
        code, calls, said = self.apply(specs)
        assert code == 0, f"{after}: {said}"
        return calls


@pytest.fixture
def scene(kvmctl: Any, conn: Any, empty_sandbox: Callable[[], None], tmp_path: Path) -> Scene:
    """The worker's sandbox."""
    return Scene(kvmctl, conn, empty_sandbox, tmp_path)


@pytest.mark.parametrize("later", [False, True], ids=["create", "change"])
@pytest.mark.parametrize(("event", "codes"), [("kill", {-signal.SIGKILL}), ("cut", {0, 1, 4})], ids=["kill", "cut"])
def test_an_end_at_any_call_is_made_good_by_the_next_apply(
    scene: Scene, pytestconfig: Any, event: str, codes: set[int], later: bool
) -> None:
    calls = scene.must_pass(scene.prepare(later=later))
    wanted = all_there(scene.conn)
    assert len(wanted) == 7
    every = 1 if pytestconfig.getoption("long") else calls // MOMENTS
    for at in range(every, calls + 1, every):
        specs = scene.prepare(later=later)
        code, passed, said = scene.apply(specs, at, event)
        assert code in codes or passed < at, f"call {at}: {code} {said}"
        assert code != 0 or all_there(scene.conn) == wanted, f"call {at}: {said}"
        assert "Traceback" not in said, f"call {at}: {said}"
        assert "a mistake in kvmctl" not in said, f"call {at}: {said}"
        scene.must_pass(specs, f"after call {at}")
        assert all_there(scene.conn) == wanted, f"after call {at}"
