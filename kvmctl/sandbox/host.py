"""One sandbox: started, reached from outside and inside, and removed."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

from kvmctl.sandbox import capabilities, layout
from kvmctl.sandbox.answer import answers
from kvmctl.sandbox.errors import SandboxError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

_PROGRAMS = {
    "unshare": "util-linux",
    "nsenter": "util-linux",
    "mount": "mount",
    "ip": "iproute2",
    "libvirtd": "libvirt-daemon-system",
}
_SYSTEM_FOLDERS = ("/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/local/bin", "/usr/bin", "/bin")
_INSIDE_URI = "qemu:///system"
_END_TIMEOUT = 10.0  # seconds until what doesn't go by itself is killed


class Sandbox:
    """A private libvirtd with QEMU; a context manager that starts it on entry and removes all of it on exit.

    `kvm` leaves /dev/kvm usable inside; without it guests need `type: qemu`. `qemu_conf` are more lines of libvirt's
    qemu.conf. With `cgroups` libvirt puts guests into control groups of the sandbox's own, without which it can't limit
    them; that takes a machine with the first version of cgroups. `timeout` is how many seconds libvirtd may take until
    it answers. Raises SandboxError where the machine or the user's rights don't allow a sandbox.
    """

    def __init__(self, *, kvm: bool = False, qemu_conf: str = "", cgroups: bool = False, timeout: float = 30.0) -> None:
        self.kvm = kvm
        self.qemu_conf = qemu_conf
        self.cgroups = cgroups
        self.timeout = timeout
        self.hostname = f"kvmctl-{secrets.token_hex(4)}.sandbox"
        self._root: Path | None = None
        self._pid = 0
        self._keeper: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """The machine's number of the sandbox's first process, whose namespaces are the sandbox's."""
        if not self._pid:
            raise SandboxError("this sandbox isn't running", "start it first, and use it before it is closed")
        return self._pid

    @property
    def root(self) -> Path:
        """The temporary folder, as the machine sees it, of the sandbox's configuration, logs and images."""
        if self._root is None:
            raise SandboxError("this sandbox isn't running", "start it first, and use it before it is closed")
        return self._root

    @property
    def uri(self) -> str:
        """The libvirt URI by which processes outside reach this sandbox; they need to be root."""
        return f"{_INSIDE_URI}?socket={self.outside(layout.SOCKET)}"

    def outside(self, path: str) -> Path:
        """Return the path by which processes outside reach the absolute `path` of the sandbox."""
        return Path(f"/proc/{self.pid}/root{path}")

    def inside_argv(self, argv: Sequence[str], *, cwd: str | None = None) -> list[str]:
        """Return the command line that runs `argv` inside, in the folder `cwd` (default: the current one)."""
        enter = ["nsenter", f"--target={self.pid}", "--mount", "--net", "--uts", "--ipc", "--pid", "--"]
        # The folder is entered inside: one entered before would be the machine's, even below a path that is
        # private.
        return [
            *enter,
            "sh",
            "-c",
            'cd -- "$1" && shift && exec "$@"',
            "sandbox",
            cwd or str(Path.cwd()),
            *argv,
        ]

    def inside_env(self, env: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return the environment of a command inside: this process's, the libvirt URI, and `env` on top."""
        return {**os.environ, "LIBVIRT_DEFAULT_URI": _INSIDE_URI, **(env or {})}

    def run(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        input: str | None = None,  # noqa: A002 - subprocess.run's own name for it
        cwd: str | None = None,
        timeout: float | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Return the result of `argv` run inside, with what it wrote as text; its exit code isn't judged.

        `env` is added to the environment, `input` becomes the standard input (empty without), `timeout` is in
        seconds and raises subprocess.TimeoutExpired.
        """
        return subprocess.run(  # noqa: S603 - to run what the caller says is the purpose
            self.inside_argv(argv, cwd=cwd),
            env=self.inside_env(env),
            input=input or "",
            timeout=timeout,
            capture_output=True,
            text=True,
            check=False,
        )

    def start(self) -> None:
        """Start the sandbox and return when its libvirtd answers; on any failure nothing is left behind."""
        if self._root is not None:
            raise SandboxError("this sandbox is running already", "make another Sandbox for another host")
        _require_machine(kvm=self.kvm)
        _require_controllers(self._controllers)
        self._root = Path(tempfile.mkdtemp(prefix="kvmctl-sandbox-"))
        try:
            layout.furnish(self._root, self.qemu_conf, self._controllers)
            capabilities.recall(self._root, kvm=self.kvm)
            self._keeper = self._keep()
            self._await_libvirtd(self._keeper)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End every process of the sandbox and remove its files; harmless when that has been done."""
        if self._root is None:
            return
        capabilities.remember(self._root, kvm=self.kvm)
        if self._keeper is not None:
            _end(self._keeper, self._pid)
        shutil.rmtree(self._root, ignore_errors=True)
        self._root, self._keeper, self._pid = None, None, 0

    @property
    def _controllers(self) -> tuple[str, ...]:
        return layout.CONTROLLERS if self.cgroups else ()

    def _keep(self) -> subprocess.Popen[bytes]:
        """Start the process that holds the sandbox; closing its standard input ends it.

        It gets a session of its own, so that Ctrl-C on the terminal reaches the command inside and not the
        sandbox.
        """
        keep_kvm = "yes" if self.kvm else "no"
        arguments = [str(self.root), self.hostname, keep_kvm, *layout.PRIVATE_FOLDERS]
        with (self.root / layout.START_LOG).open("ab") as log:
            return subprocess.Popen(  # noqa: S603 - a constant script; the arguments are our own
                ["/bin/sh", "-c", layout.KEEPER_SCRIPT, str(self.root), *arguments],
                env={
                    "PATH": _search_path(),
                    "HOME": "/root",
                    "LANG": "C.UTF-8",
                    "CONTROLLERS": " ".join(self._controllers),
                },
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                bufsize=0,  # nothing may wait in a buffer that select() does not see
                start_new_session=True,
                cwd="/",
            )

    def _await_libvirtd(self, keeper: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + self.timeout
        news = keeper.stdout
        if news is None:
            raise SandboxError("the sandbox has no output to read its process number from")
        word, _, number = news.readline().decode().partition(" ")
        if word != "started":
            raise self._failure("no namespaces could be made", "a container must be a privileged one")
        self._pid = int(number)
        if not answers(str(self.outside(layout.SOCKET)), news, deadline):
            ended = time.monotonic() < deadline
            late = f"libvirtd did not answer within {self.timeout:g} s"
            why = "libvirtd ended while it started" if ended else late
            raise self._failure(why, "`kvmctl doctor` says what this machine lacks")

    def _failure(self, why: str, hint: str) -> SandboxError:
        said = layout.last_words(self.root)
        tail = f"; its log ends with\n{said}\n" if said else ""
        return SandboxError(f"the sandbox did not start: {why}{tail}", hint)


def _require_machine(*, kvm: bool) -> None:
    """Raise SandboxError where this machine or the user's rights don't allow a sandbox."""
    if os.geteuid() != 0:
        raise SandboxError(
            f"a sandbox makes namespaces and mounts, which needs root; this is user {os.geteuid()}",
            "run it as `sudo kvmctl sandbox -- COMMAND`",
        )
    path = _search_path()
    missing = {name: package for name, package in _PROGRAMS.items() if not shutil.which(name, path=path)}
    if missing:
        packages = " ".join(sorted(set(missing.values())))
        raise SandboxError(f"a sandbox needs {', '.join(missing)}, not found here", f"install {packages}")
    if kvm and not Path("/dev/kvm").exists():
        raise SandboxError("this machine has no /dev/kvm", "leave out --kvm; guests then need `type: qemu`")


def _require_controllers(controllers: Sequence[str]) -> None:
    """Raise SandboxError where the machine lacks a controller of the first version of cgroups."""
    missing = [each for each in controllers if not (layout.CGROUPS / each / "cgroup.procs").exists()]
    if missing:
        raise SandboxError(
            f"control groups need {', '.join(missing)} below {layout.CGROUPS}",
            "start the machine's kernel with systemd.unified_cgroup_hierarchy=0, or leave out cgroups",
        )


def _search_path() -> str:
    """Return PATH with the folders of system programs at its end, which a user's PATH may lack."""
    given = os.environ.get("PATH", "").split(os.pathsep)
    return os.pathsep.join([*given, *(folder for folder in _SYSTEM_FOLDERS if folder not in given)])


def _end(keeper: subprocess.Popen[bytes], pid: int) -> None:
    """End the sandbox of `keeper` and wait until it is gone, its first process `pid` by force if need be."""
    for stream in (keeper.stdin, keeper.stdout):
        if stream is not None:
            stream.close()
    try:
        keeper.wait(_END_TIMEOUT)
    except subprocess.TimeoutExpired:
        if pid:
            os.kill(pid, signal.SIGKILL)
        keeper.kill()
        keeper.wait()
