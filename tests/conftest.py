"""Fixtures: sandboxes of real libvirt and QEMU, connections to them, and the tiny guest."""

from __future__ import annotations

import base64
import concurrent.futures
import contextlib
import copy
import ctypes
import http.server
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from kvmctl.models import BY_SHORT
from kvmctl.sandbox import Sandbox, SandboxError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

REPOSITORY = Path(__file__).resolve().parent.parent
FULL_GUEST_BUILDER = REPOSITORY.parent / "shared" / "images" / "build-guest-image"
TINY_GUEST_BUILDER = REPOSITORY.parent / "shared" / "images" / "build-tiny-guest"
DEFAULT_IMAGE_CACHE = "/var/cache/kvmctl-guest-images"
IMAGES = "/var/lib/libvirt/images"
CLONE_NEWNET = 0x40000000
GUEST_SECONDS = 60


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer to write the goldens of tests/cases anew, to be reviewed as a diff, and to test what takes minutes."""
    parser.addoption("--regenerate", action="store_true", help="write what the story cases give as their goldens")
    parser.addoption(
        "--long", action="store_true",
        help="interrupt applies at every call, not at some; play 200 random pairs of manifests, not the same 20",
    )  # fmt: skip
    parser.addoption("--seed", type=int, help="play the pairs of manifests that this number leads to")


def pytest_configure() -> None:
    """Let Ctrl-C reach the programs under test.

    A shell starts background jobs, such as a CI run, with SIGINT ignored, and children inherit that.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)


class TinyGuest:
    """The files of the tiny guest: a disk that boots, and its kernel and initramfs for direct boot."""

    def __init__(self, folder: Path) -> None:
        self.disk = folder / "tiny.qcow2"
        self.kernel = folder / "tiny.vmlinuz"
        self.initrd = folder / "tiny.initrd"


class Guest:
    """A running machine with a guest agent; `run` is a shell inside it."""

    def __init__(self, conn: Any, name: str) -> None:
        self.conn = conn
        self.name = name

    def ask(self, command: str, **arguments: Any) -> Any:
        """Return what the agent answers; it is asked again until it is there."""
        import libvirt
        import libvirt_qemu

        deadline = time.monotonic() + GUEST_SECONDS
        text = json.dumps({"execute": command, "arguments": arguments})
        while True:
            try:
                told = libvirt_qemu.qemuAgentCommand(self.conn.lookupByName(self.name), text, 10, 0)
                return json.loads(told)["return"]
            except libvirt.libvirtError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    def begin(self, script: str) -> int:
        """Start a shell script in the guest and return its process id."""
        told = self.ask("guest-exec", **{"path": "/bin/sh", "arg": ["-c", script], "capture-output": True})
        return int(told["pid"])

    def run(self, script: str) -> str:
        """Return what a shell script in the guest prints; it has to succeed."""
        pid = self.begin(script)
        deadline = time.monotonic() + GUEST_SECONDS
        while not (told := self.ask("guest-exec-status", pid=pid))["exited"]:
            assert time.monotonic() < deadline, f"{script} goes on and on"
            time.sleep(0.1)
        out = base64.b64decode(told.get("out-data", "")).decode()
        assert told.get("exitcode") == 0, f"{script}: {out} {base64.b64decode(told.get('err-data', ''))!r}"
        return out.strip()

    def uptime(self) -> float:
        """Return the seconds since the guest's start."""
        return float(self.run("cut -d' ' -f1 /proc/uptime"))

    def boots(self) -> int:
        """Return how often the guest was started from its disk."""
        return int(self.run("cat /boot/boots.txt"))


class Program:
    """kvmctl as a user runs it, a process of its own, with manifests in a folder of the test's.

    Manifests are given as a map from addresses to specs in YAML's flow style: {"disk/a": "pool: p, size: 1MiB"}.
    """

    def __init__(self, box: Sandbox, folder: Path) -> None:
        self.box = box
        self.folder = folder

    def write(self, specs: Mapping[str, str]) -> str:
        """Write a manifest and return its path."""
        documents = []
        for address, spec in specs.items():
            kind, name = address.split("/", 1)
            head = f"apiVersion: kvmctl/v1\nkind: {BY_SHORT[kind].name}\nmetadata: {{name: {json.dumps(name)}}}"
            documents.append(f"{head}\nspec: {{{spec}}}\n")
        path = self.folder / "manifest.yaml"
        path.write_text("---\n".join(documents))
        return str(path)

    def argv(self, *arguments: str) -> list[str]:
        """Return the command line of kvmctl with these arguments; warnings of Python are errors in it too."""
        return [sys.executable, "-W", "error", "-c", "from kvmctl.cli import main; main()", *arguments]

    def run(
        self, *arguments: str, specs: Mapping[str, str] | None = None, code: int = 0, seconds: int = 120
    ) -> subprocess.CompletedProcess[str]:
        """Run kvmctl inside the sandbox and return what it said; its exit code has to be `code`."""
        files = ["-f", self.write(specs)] if specs is not None else []
        result = self.box.run(self.argv(*arguments, *files), cwd=str(self.folder), timeout=seconds)
        said = f"{' '.join(arguments)} exited with {result.returncode}\n{result.stdout}{result.stderr}"
        assert result.returncode == code, said
        assert "Traceback" not in result.stderr, said
        assert "a mistake in kvmctl" not in result.stderr, said
        return result

    def apply(self, specs: Mapping[str, str], *options: str) -> str:
        """Apply a manifest, check that the plan is empty afterwards, and return what the apply printed."""
        told = self.run("apply", "--yes", *options, specs=specs).stdout
        assert "No changes" in self.run("plan", "--detailed-exitcode", specs=specs).stdout
        return told

    def json(self, *arguments: str, specs: Mapping[str, str] | None = None, code: int = 0) -> Any:
        """Run kvmctl with JSON as output and return the document."""
        return json.loads(self.run(*arguments, "-o", "json", specs=specs, code=code).stdout)


class Web:
    """A web server on loopback whose files, faults and memory a test has in hand.

    `faults` are taken one by one for each request of a path: a number is a status that is answered in place of the
    file, a `cut` ends the connection after so many bytes of the body. `gate` is called with the bytes that were sent of
    a body, before each further piece. With `namespace` it is on the loopback of another network.
    """

    def __init__(self, namespace: Path | None = None) -> None:
        self.files: dict[str, bytes] = {}
        self.etags: dict[str, str] = {}
        self.redirects: dict[str, str] = {}
        self.faults: dict[str, list[int | tuple[str, int]]] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.answered: list[int] = []
        self.sent = 0
        self.gate: Callable[[int], None] = lambda _sent: None
        web = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                with contextlib.suppress(ConnectionError):
                    web.answer(self)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as the library has it
                """Stay silent."""

        with concurrent.futures.ThreadPoolExecutor(1) as elsewhere:
            listener = elsewhere.submit(listening, namespace).result()
        self.server = http.server.ThreadingHTTPServer(listener.getsockname(), Handler, bind_and_activate=False)
        self.server.socket.close()
        self.server.socket = listener
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.thread.start()

    def url(self, path: str) -> str:
        """Return the address of a file."""
        return f"http://127.0.0.1:{self.server.server_address[1]}{path}"

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def requests(self, path: str) -> list[dict[str, str]]:
        """Return the headers, in lower case, of the requests for a path."""
        return [headers for asked, headers in self.asked if asked == path]

    def answer(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        path = "/" + handler.path.removeprefix("http://").partition("/")[2] if "://" in handler.path else handler.path
        headers = {name.lower(): value for name, value in handler.headers.items()}
        self.asked.append((handler.path, headers))
        fault = self.faults[path].pop(0) if self.faults.get(path) else None
        if isinstance(fault, int):
            self._end(handler, fault, {})
        elif path in self.redirects:
            self._end(handler, 302, {"Location": self.redirects[path]})
        elif path not in self.files:
            self._end(handler, 404, {})
        elif headers.get("if-none-match", "?") == self.etags.get(path):
            self._end(handler, 304, {"ETag": self.etags[path]})
        else:
            self._body(handler, path, headers, fault)

    def _end(self, handler: http.server.BaseHTTPRequestHandler, status: int, headers: Mapping[str, str]) -> None:
        self.answered.append(status)
        handler.send_response(status)
        for name, value in {"Content-Length": "0", **headers}.items():
            handler.send_header(name, value)
        handler.end_headers()

    def _body(
        self, handler: http.server.BaseHTTPRequestHandler, path: str, headers: Mapping[str, str],
        fault: tuple[str, int] | None,
    ) -> None:  # fmt: skip
        content, etag = self.files[path], self.etags.get(path, "")
        start, more = 0, {"ETag": etag} if etag else {}
        if "range" in headers and headers.get("if-range", etag) == etag:
            start = int(headers["range"].removeprefix("bytes=").rstrip("-"))
            if start >= len(content):
                self._end(handler, 416, {"Content-Range": f"bytes */{len(content)}"})
                return
            more["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        self._end(
            handler, 206 if "Content-Range" in more else 200, {"Content-Length": str(len(content) - start), **more}
        )
        end = min(len(content), start + fault[1]) if fault else len(content)
        for at in range(start, end, 1 << 16):
            self.gate(at)
            piece = content[at : min(at + (1 << 16), end)]
            handler.wfile.write(piece)
            self.sent += len(piece)
        if fault:
            handler.close_connection = True


def listening(namespace: Path | None) -> socket.socket:
    """Return a socket that listens on a network's loopback; the thread that calls this stays in that network."""
    if namespace is not None:
        with namespace.open("rb") as network:
            if ctypes.CDLL(None, use_errno=True).setns(network.fileno(), CLONE_NEWNET) != 0:
                pytest.skip(f"can't enter the sandbox's network: {os.strerror(ctypes.get_errno())}")
    return socket.create_server(("127.0.0.1", 0))


@pytest.fixture
def web() -> Iterator[Web]:
    """A web server on loopback; what it serves is up to the test."""
    server = Web()
    yield server
    server.close()


@pytest.fixture
def web_inside(shared_sandbox: Sandbox) -> Iterator[Web]:
    """A web server on the loopback of the worker's sandbox."""
    server = Web(Path(f"/proc/{shared_sandbox.pid}/ns/net"))
    yield server
    server.close()


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which downloads are kept during the test."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return tmp_path / "cache" / "kvmctl"


class LiveGuest(Guest):
    """A running machine whose manifest changes bit by bit; `run` is a shell inside it."""

    def __init__(self, conn: Any, kvmctl: Any, spec: dict[str, Any]) -> None:
        super().__init__(conn, "web")
        self.kvmctl, self.spec = kvmctl, spec

    def specs(self, **given: Any) -> dict[str, str]:
        """Return the manifests with other values for some fields of the machine; those stay."""
        self.spec = copy.deepcopy(self.spec) | given
        return {
            "pool/p": f"type: dir, path: {IMAGES}/p",
            "disk/root": "pool: p, format: raw, size: 16MiB",
            "network/lab": "ips: [{address: 192.168.150.1, prefix: 24}], bridge: br-l, active: true",
            "vm/web": json.dumps(self.spec)[1:-1],
        }

    def change(self, *expected: str, **given: Any) -> list[str]:
        """Apply a change that comes to these live actions and leaves nothing pending; return their commands."""
        specs = self.specs(**given)
        plan = self.kvmctl.json("plan", specs=specs)
        assert [(each["operation"], each["disruption"]) for each in plan["actions"]] == [
            (each, "live") for each in expected
        ]
        self.kvmctl.apply(specs)
        assert self.kvmctl.json("plan", specs=specs)["pending"] == []
        return [line for each in plan["actions"] for line in each["equivalent"]]

    def definition(self, *, running: bool = False) -> ET.Element:
        """Return the machine's definition, that of the next start or the one in effect."""
        import libvirt

        flags = 0 if running else libvirt.VIR_DOMAIN_XML_INACTIVE
        return ET.fromstring(self.conn.lookupByName("web").XMLDesc(flags))

    def texts(self, place: str) -> list[str | None]:
        """Return the text at a place of the running definition and of the persistent one."""
        return [self.definition(running=running).findtext(place) for running in (True, False)]

    def qemu(self, command: str) -> str:
        """Return what the machine's QEMU answers on its monitor for people."""
        import libvirt_qemu

        flags = libvirt_qemu.VIR_DOMAIN_QEMU_MONITOR_COMMAND_HMP
        return str(libvirt_qemu.qemuMonitorCommand(self.conn.lookupByName("web"), command, flags))

    def until(self, script: str, wanted: str) -> None:
        """Return once a script in the guest prints what is wanted: hotplug takes the guest a moment."""
        deadline = time.monotonic() + GUEST_SECONDS
        while (told := self.run(script)) != wanted:
            assert time.monotonic() < deadline, f"{script}: {told}, not {wanted}"
            time.sleep(0.2)

    def boot(self) -> str:
        """Return the number that the guest's kernel made up when it started."""
        return self.run("cat /proc/sys/kernel/random/boot_id")


def started_sandbox() -> Sandbox:
    """Return a running sandbox; where none can be had, skip the test, but in CI let it fail."""
    box = Sandbox()
    try:
        box.start()
    except SandboxError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(error))
    return box


@pytest.fixture(scope="session")
def open_session() -> Callable[[str], Any]:
    """A function from a URI to a libvirt connection; libvirt's errors are raised and not printed as well."""
    libvirt = pytest.importorskip("libvirt")
    libvirt.registerErrorHandler(lambda _context, _error: None, None)
    opening: Callable[[str], Any] = libvirt.open
    return opening


@pytest.fixture(scope="session")
def event_loop() -> None:
    """libvirt's event loop, which has to run before a connection is opened that is to hear of events."""
    import libvirt

    libvirt.virEventRegisterDefaultImpl()

    def turn() -> None:
        while True:
            libvirt.virEventRunDefaultImpl()

    threading.Thread(target=turn, daemon=True).start()


@pytest.fixture
def connect(open_session: Callable[[str], Any]) -> Iterator[Callable[[str], Any]]:
    """A function from a URI to a libvirt connection that is closed after the test."""
    with contextlib.ExitStack() as stack:

        def opened(uri: str) -> Any:
            connection = open_session(uri)
            stack.callback(connection.close)
            return connection

        yield opened


@pytest.fixture
def make_sandbox() -> Iterator[Callable[[], Sandbox]]:
    """A function that starts one more sandbox; all are closed after the test."""
    with contextlib.ExitStack() as stack:

        def made() -> Sandbox:
            box = started_sandbox()
            stack.callback(box.close)
            return box

        yield made


@pytest.fixture(scope="session")
def shared_sandbox() -> Iterator[Sandbox]:
    """One sandbox for each worker; ask for `sandbox`, which is the same one emptied."""
    box = started_sandbox()
    yield box
    box.close()


@pytest.fixture(scope="session")
def shared_connection(shared_sandbox: Sandbox, open_session: Callable[[str], Any]) -> Iterator[Any]:
    """One connection for each worker; ask for `conn`, which is the same one to an empty host."""
    connection = open_session(shared_sandbox.uri)
    yield connection
    connection.close()


@pytest.fixture(scope="session")
def empty_sandbox(shared_sandbox: Sandbox, shared_connection: Any) -> Callable[[], None]:
    """A function that removes every object and image from the worker's sandbox."""

    def emptied() -> None:
        empty_host(shared_connection)
        empty_folder(shared_sandbox.outside(IMAGES))

    return emptied


@pytest.fixture
def sandbox(shared_sandbox: Sandbox, empty_sandbox: Callable[[], None]) -> Sandbox:
    """The worker's sandbox, as empty as when it was started."""
    empty_sandbox()
    return shared_sandbox


@pytest.fixture
def conn(sandbox: Sandbox, shared_connection: Any) -> Any:
    """A libvirt connection to the worker's sandbox, which is empty."""
    assert sandbox.pid
    return shared_connection


@pytest.fixture
def fresh_sandbox(make_sandbox: Callable[[], Sandbox]) -> Sandbox:
    """A sandbox of the test's own, for tests that stop its libvirtd or need a second host."""
    return make_sandbox()


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which the sandboxes of this test, and of what it starts, keep their files."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


@pytest.fixture
def kvmctl(sandbox: Sandbox, tmp_path: Path) -> Program:
    """The program, run inside the worker's sandbox, which is empty."""
    return Program(sandbox, tmp_path)


@pytest.fixture
def fresh_kvmctl(fresh_sandbox: Sandbox, tmp_path: Path) -> Program:
    """Return kvmctl on a sandbox of the test's own, whose libvirt it may take down."""
    return Program(fresh_sandbox, tmp_path)


@pytest.fixture(scope="session")
def tiny_guest() -> TinyGuest:
    """The tiny guest's files, built once for this machine; never write to them."""
    return TinyGuest(built(TINY_GUEST_BUILDER, ""))


@pytest.fixture(scope="session")
def full_guest() -> Path:
    """The disk of a small Debian with cloud-init, built once for this machine (90 s); never write to it."""
    return built(FULL_GUEST_BUILDER, "full.qcow2") / "full.qcow2"


def built(builder: Path, target: str) -> Path:
    """Return the folder in which a builder has made its target; where there is no builder, skip the test."""
    if not builder.exists():
        pytest.skip(f"no real guest: {builder} is missing, which builds it")
    cache = Path(os.environ.get("KVMCTL_IMAGE_CACHE") or DEFAULT_IMAGE_CACHE)
    folder = cache / "tests"
    folder.mkdir(parents=True, exist_ok=True)
    # One worker builds while the others wait; a second call finds all up to date.
    command = ["flock", str(folder / "building"), str(builder), "--cache", str(cache), str(folder / target)]
    result = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    assert result.returncode == 0, f"{builder} failed:\n{result.stdout}{result.stderr}"
    return folder


@pytest.fixture(scope="module")
def boot_guest(
    tmp_path_factory: pytest.TempPathFactory, open_session: Callable[[str], Any], tiny_guest: TinyGuest
) -> Iterator[Callable[..., LiveGuest]]:
    """A function from a sandbox to a tiny guest that has booted in it, for tests that share it; fields may be given."""
    with contextlib.ExitStack() as stack:

        def booted(box: Sandbox, **given: Any) -> LiveGuest:
            connection = open_session(box.uri)
            stack.callback(connection.close)
            files = {"kernel": str(tiny_guest.kernel), "initrd": str(tiny_guest.initrd)}
            spec = {
                "type": "qemu",
                "powerState": "Running",
                "shutdown": {"timeout": "1s", "force": True},
                "memory": {"max": "320MiB", "current": "320MiB"},
                "vcpus": {"max": 4, "current": 2},
                "os": {"machine": "q35", "cmdline": "console=ttyS0 quiet", **files},
                "disks": [{"target": "vda", "disk": "root", "bus": "virtio"}],
                "interfaces": [{"name": "lan", "network": "lab", "model": "virtio"}],
                "channels": [{"name": "org.qemu.guest_agent.0"}],
            }
            guest = LiveGuest(connection, Program(box, tmp_path_factory.mktemp("program")), spec | given)
            guest.kvmctl.apply(guest.specs())
            guest.boot()
            return guest

        yield booted


@pytest.fixture
def unbroken() -> Callable[[LiveGuest], contextlib.AbstractContextManager[LiveGuest]]:
    """A context around what is done to a shared guest: it must not start anew, and its manifest returns."""

    @contextlib.contextmanager
    def watched(guest: LiveGuest) -> Iterator[LiveGuest]:
        spec, boot, before = guest.spec, guest.boot(), guest.uptime()
        yield guest
        guest.spec = spec
        assert guest.boot() == boot
        assert guest.uptime() > before

    return watched


@pytest.fixture
def guest_of(conn: Any) -> Callable[[str], Guest]:
    """A function from the name of a running machine to the guest in it."""
    return lambda name: Guest(conn, name)


def empty_host(connection: Any) -> None:
    """Remove every domain, network, pool, secret and network filter of a host that belongs to the tests."""
    import libvirt

    for domain in connection.listAllDomains():
        persistent = domain.isPersistent()  # asked first: a transient domain is gone once it is stopped
        if domain.isActive():
            domain.destroy()
        if persistent:
            domain.undefineFlags(
                libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE
                | libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA
                | libvirt.VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA
                | libvirt.VIR_DOMAIN_UNDEFINE_NVRAM
            )
    for item in (*connection.listAllNetworks(), *connection.listAllStoragePools()):
        persistent = item.isPersistent()
        if item.isActive():
            item.destroy()
        if persistent:
            item.undefine()
    for item in connection.listAllSecrets():
        item.undefine()
    empty_filters(connection)


def empty_filters(connection: Any) -> None:
    """Remove every network filter; one that another refers to can only go after that other one."""
    import libvirt

    left = connection.listAllNWFilters()
    while left:
        for item in left:
            try:
                item.undefine()
            except libvirt.libvirtError as error:
                if error.get_error_code() != libvirt.VIR_ERR_OPERATION_INVALID:
                    raise
        before, left = left, connection.listAllNWFilters()
        assert len(left) < len(before), "network filters refer to each other in a ring"


def empty_folder(folder: Path) -> None:
    """Remove all that is in a folder of the sandbox, reached from outside."""
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
