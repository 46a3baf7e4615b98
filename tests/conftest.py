"""Fixtures: sandboxes of real libvirt and QEMU, connections to them, and the tiny guest."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from kvmctl.models import BY_SHORT
from kvmctl.sandbox import Sandbox, SandboxError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

REPOSITORY = Path(__file__).resolve().parent.parent
TINY_GUEST_BUILDER = REPOSITORY.parent / "shared" / "images" / "build-tiny-guest"
DEFAULT_IMAGE_CACHE = "/var/cache/kvmctl-guest-images"
IMAGES = "/var/lib/libvirt/images"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer to write the goldens of tests/cases anew; review them as a diff."""
    parser.addoption("--regenerate", action="store_true", help="write what the story cases give as their goldens")


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
        self, *arguments: str, specs: Mapping[str, str] | None = None, code: int = 0
    ) -> subprocess.CompletedProcess[str]:
        """Run kvmctl inside the sandbox and return what it said; its exit code has to be `code`."""
        files = ["-f", self.write(specs)] if specs is not None else []
        result = self.box.run(self.argv(*arguments, *files), cwd=str(self.folder), timeout=120)
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
    if not TINY_GUEST_BUILDER.exists():
        pytest.skip(f"no real guest: {TINY_GUEST_BUILDER} is missing, which builds it")
    cache = Path(os.environ.get("KVMCTL_IMAGE_CACHE") or DEFAULT_IMAGE_CACHE)
    folder = cache / "tests"
    folder.mkdir(parents=True, exist_ok=True)
    # One worker builds while the others wait; a second call finds all up to date.
    command = ["flock", str(folder / "building"), str(TINY_GUEST_BUILDER), "--cache", str(cache), str(folder)]
    result = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    assert result.returncode == 0, f"{TINY_GUEST_BUILDER} failed:\n{result.stdout}{result.stderr}"
    return TinyGuest(folder)


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
