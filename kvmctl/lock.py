"""The lock on a host: one apply at a time, whoever runs it and wherever; kept in libvirt itself (see `hypervisor.own`).

A holder says who it is and renews its lock while it lives. The lock of one that was killed is stale: at once on the
machine that it ran on, because its process is gone, and elsewhere when its time is over.
"""

from __future__ import annotations

import getpass
import json
import os
import threading
import time
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path
from socket import gethostname
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

from kvmctl.errors import HypervisorError

if TYPE_CHECKING:
    from types import TracebackType

    from kvmctl.hypervisor import Hypervisor, Kept

VERSION: Final = 1
TIME_TO_LIVE: Final = 300.0
"""Seconds that a lock holds for those who can't look at its holder's process."""
RENEWALS: Final = 5
"""How often a lock is renewed in its time to live, so that one that fails doesn't lose it."""
_ATTEMPTS: Final = 5  # others may take and release it between the steps of one
_LOOK_SECONDS: Final = 1.0  # how often who waits looks whether the holder lives: its end is no event of libvirt's
_ENDED: Final = ("Z", "X")  # the states of a process that has ended and was not waited for (proc(5))


class Holder(NamedTuple):
    """Who has a lock, and since when; times are seconds since 1970, `began` the kernel's ticks since its start.

    `machine` names the boot of a machine and the PID namespace: a process number means something there alone.
    """

    who: str
    doing: str
    machine: str
    pid: int
    began: int
    since: float
    until: float

    @classmethod
    def here(cls, doing: str, time_to_live: float) -> Self:
        """Return this process as a holder from now on."""
        now = time.time()
        user = os.environ.get("SUDO_USER") or _user()
        pid = os.getpid()
        return cls(f"{user}@{gethostname()}", doing, _machine(), pid, _begin_of(pid), now, now + time_to_live)

    def __str__(self) -> str:
        since = datetime.fromtimestamp(self.since, UTC).isoformat(" ", "seconds").removesuffix("+00:00")
        return f"{self.who} ({self.doing}, process {self.pid}), since {since} UTC"

    @property
    def is_gone(self) -> bool:
        """Whether the holder has ended, or its time is over where nobody here can see that."""
        if self.machine and self.machine == _machine():
            return not _runs(self.pid, self.began)
        return time.time() > self.until


def parse(text: str) -> Holder | None:
    """Return the holder that a lock names; None where another version of kvmctl wrote what this one can't read."""
    try:
        data: dict[str, Any] = json.loads(text)
        if data.pop("version") != VERSION:
            return None
        who, doing, machine = (str(data[name]) for name in ("who", "doing", "machine"))
        pid, began = (int(data[name]) for name in ("pid", "began"))
        return Holder(who, doing, machine, pid, began, float(data["since"]), float(data["until"]))
    except (ValueError, TypeError, LookupError, AttributeError):
        return None


def serialize(holder: Holder) -> str:
    """Return the text of a lock."""
    return json.dumps({"version": VERSION, **holder._asdict()}, sort_keys=True, separators=(",", ":"))


def told(kept: Kept) -> str:
    """Return who has a lock, in words."""
    return str(parse(kept.text) or "somebody whose version of kvmctl this one doesn't know")


class Lock:
    """The lock, as one process takes it; a context manager that releases it.

    `stop` is raised when somebody has taken it away. Where the driver knows no secrets, there is nothing to take.
    """

    def __init__(
        self, hypervisor: Hypervisor, doing: str, stop: threading.Event, time_to_live: float = TIME_TO_LIVE
    ) -> None:
        self.is_lost = False
        self.stale: list[Kept] = []
        """The locks of others that were taken away, because their holders are gone."""
        self._stop = stop
        self._hypervisor = hypervisor
        self._doing = doing
        self._time_to_live = time_to_live
        self._uuid = ""
        self._news = threading.Event()
        self._hearing = ExitStack()
        self._is_released = False
        self._renewing: threading.Thread | None = None

    def __enter__(self) -> Self:
        # Once, for waiting and for keeping: libvirt takes one registration for all secrets.
        self._hearing.enter_context(self._hypervisor.hearing_of_secrets(self._news))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
        with suppress(HypervisorError):
            self._hearing.close()

    def take(self) -> Kept | None:
        """Take the lock, also from a holder that is gone; return it as it is where another has it."""
        for attempt in range(1, _ATTEMPTS + 1):
            refused = self._define()
            if refused is None:
                return None
            kept = self._hypervisor.read_lock()
            if kept is None and attempt == _ATTEMPTS:
                raise refused
            if kept is not None and not is_stale(kept):
                return kept
            if kept is not None and self._hypervisor.remove_lock(kept.uuid):
                self.stale.append(kept)
        return kept

    def _define(self) -> HypervisorError | None:
        """Try to take the lock; return what libvirt says where somebody has it."""
        from kvmctl.hypervisor import Code

        holder = Holder.here(self._doing, self._time_to_live)
        try:
            self._uuid = self._hypervisor.define_lock(serialize(holder))
        except HypervisorError as error:
            if error.code == Code.NO_SUPPORT:
                return None
            if error.code == Code.INTERNAL_ERROR:
                return error
            raise
        self._renewing = threading.Thread(target=self._watch, args=(holder,), name="lock", daemon=True)
        self._renewing.start()
        return None

    def wait(self, seconds: float) -> Kept | None:
        """Take the lock once it is free; return it as it is where another has it even after that many seconds."""
        deadline = time.monotonic() + seconds
        while (kept := self.take()) is not None and (left := deadline - time.monotonic()) > 0:
            self._news.wait(min(left, _LOOK_SECONDS))
            self._news.clear()
        return kept

    def release(self) -> None:
        """Release the lock; harmless where it isn't held, or not any more.

        One that a broken connection leaves behind is stale once this process has ended.
        """
        if self._renewing is not None:
            self._is_released = True
            self._news.set()
            self._renewing.join()  # a renewal under way would define it again
            self._renewing = None
            with suppress(HypervisorError):
                self._hypervisor.remove_lock(self._uuid)

    def _watch(self, holder: Holder) -> None:
        """Renew the lock until it is released or lost, which libvirt's events tell at once.

        A host that doesn't answer is asked again later.
        """
        due = time.monotonic() + self._pause
        while True:
            self._news.wait(max(0.0, due - time.monotonic()))
            self._news.clear()
            if self._is_released:
                return
            is_due = time.monotonic() >= due
            due = time.monotonic() + self._pause if is_due else due
            if not (self._renew(holder) if is_due else self._is_there()):
                self.is_lost = True
                self._stop.set()
                return

    @property
    def _pause(self) -> float:
        return self._time_to_live / RENEWALS

    def _renew(self, holder: Holder) -> bool:
        """Renew the lock; say whether it is held still, as far as the host tells."""
        from kvmctl.hypervisor import Code

        try:
            renewed = holder._replace(until=time.time() + self._time_to_live)
            return self._hypervisor.redefine_lock(self._uuid, serialize(renewed))
        except HypervisorError as error:
            return error.code != Code.INTERNAL_ERROR  # which says that another has it since

    def _is_there(self) -> bool:
        try:
            kept = self._hypervisor.read_lock()
        except HypervisorError:
            return True
        return kept is not None and kept.uuid == self._uuid


def is_stale(kept: Kept) -> bool:
    """Return whether the holder of a lock is gone; one that can't be read may be there."""
    holder = parse(kept.text)
    return holder is not None and holder.is_gone


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def _machine() -> str:
    """Return the name of this boot and PID namespace, '' where the system doesn't tell (it isn't Linux)."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def _runs(pid: int, began: int) -> bool:
    """Say whether the process that began then is still there; one that may not be looked at is taken to be."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return _begin_of(pid) in (0, began)


def _begin_of(pid: int) -> int:
    """Return when a process began, -1 when it has ended, 0 where the system doesn't tell."""
    try:
        said = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return 0
    state, *fields = said.rpartition(")")[2].split()  # the name before it may hold anything
    return -1 if state in _ENDED else int(fields[18])
