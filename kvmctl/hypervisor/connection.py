"""The connection itself: opened, counted, guarded by time limits, closed."""

from __future__ import annotations

import itertools
import queue
import threading
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self, TypeVar

from kvmctl.hypervisor.failures import GONE, explained, hanging, unreachable
from kvmctl.hypervisor.library import libvirt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import TracebackType

R = TypeVar("R")

PATIENCE: Final = 60.0
"""Seconds that a call may take; libvirt itself gives up on a busy domain after 30 (QEMU_JOB_WAIT_TIME)."""
LONG_PATIENCE: Final = 600.0
"""Seconds for calls that start or stop things, or build file systems."""
COPY_PATIENCE: Final = 24 * 3600.0
"""Seconds for calls that copy the contents of disks."""
MANY: Final = 20
"""Questions from which on several threads ask; for fewer, starting them costs more than it brings."""
THREADS: Final = 8


class Job(NamedTuple):
    """One of many questions that are asked side by side: what for, the libvirt function, its arguments."""

    doing: str
    function: Callable[..., Any]
    arguments: tuple[Any, ...] = ()


class Connection:
    """A libvirt connection whose calls are counted, have a time limit, and raise kvmctl's errors."""

    def __init__(self, raw: Any, uri: str, *, readonly: bool, events: bool = False) -> None:
        self.raw = raw
        self.uri = uri
        self.readonly = readonly
        self.events = events
        # libvirt's test driver keeps one definition of a network or pool, and refuses to be asked for the inactive one
        # (libvirt 9.0).
        self.has_one_definition = uri.startswith("test:")
        self.calls = 0
        self._counting = threading.Lock()

    @classmethod
    def open(cls, uri: str | None = None, *, readonly: bool, events: bool = False) -> Self:
        """Return an open connection; `None` is libvirt's own default (LIBVIRT_DEFAULT_URI, then its choice).

        `events` runs libvirt's event loop in a thread, for the calls that wait; without, they ask again and
        again.
        """
        libvirt.registerErrorHandler(_silence, None)
        if events:
            _run_event_loop()
        opening = libvirt.openReadOnly if readonly else libvirt.open
        try:
            raw = _within(PATIENCE, f"connect to {uri or 'libvirt'}", opening, (uri,))
            return cls(raw, uri or raw.getURI(), readonly=readonly, events=events)
        except libvirt.libvirtError as error:
            raise unreachable(error, uri) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; harmless when that has been done, or when the daemon is gone."""
        raw, self.raw = self.raw, None
        if raw is not None:
            try:
                raw.close()
            except libvirt.libvirtError as error:
                raise explained(error, "close the connection") from error

    def _ask(self, doing: str, function: Callable[..., R], *arguments: Any, patience: float = PATIENCE) -> R:
        """Return what one libvirt call returns; all but the many of `ask_all` go through here."""
        with self._counting:
            self.calls += 1
        try:
            return _within(patience, doing, function, arguments)
        except libvirt.libvirtError as error:
            raise explained(error, doing) from error

    def ask_all(self, jobs: Sequence[Job]) -> Iterator[tuple[int, Any]]:
        """Yield (position, answer) of each job, once all are answered.

        Where the jobs are many, threads ask side by side. The answer is None where the object has vanished
        since it was listed. Where no answer comes within the time limit, the error names the first job that
        hasn't got one.
        """
        with self._counting:
            self.calls += len(jobs)
        answers: list[Any] = [_NONE_YET] * len(jobs)
        positions = itertools.count()
        ended: queue.SimpleQueue[None] = queue.SimpleQueue()
        working = THREADS if len(jobs) > MANY else 1
        for number in range(working):
            arguments = (jobs, positions, answers, ended)
            threading.Thread(target=_answer, args=arguments, name=f"ask-{number}", daemon=True).start()
        # Woken for each answer, this thread would fight the others for the GIL: it waits for their end.
        while working:
            missing = answers.count(_NONE_YET)
            try:
                ended.get(timeout=PATIENCE)
                working -= 1
            except queue.Empty as error:
                if answers.count(_NONE_YET) == missing:
                    raise hanging(jobs[answers.index(_NONE_YET)].doing, PATIENCE) from error
        for position, answer in enumerate(answers):
            if isinstance(answer, Exception):
                _judge(answer, jobs[position])
            yield position, None if isinstance(answer, Exception) else answer


_NONE_YET: Final = object()


def _answer(jobs: Sequence[Job], positions: Iterator[int], answers: list[Any], ended: queue.SimpleQueue[None]) -> None:
    """Ask until all are asked; `next` on a count is one step under the GIL, so that none is asked twice."""
    total = len(jobs)
    while (position := next(positions)) < total:
        _doing, function, arguments = jobs[position]
        try:
            answers[position] = function(*arguments)
        except Exception as error:  # noqa: BLE001 - it is judged where it is waited for
            answers[position] = error
    ended.put(None)


def _judge(error: Exception, job: Job) -> None:
    """Raise the error, unless it says that the object is gone."""
    if not isinstance(error, libvirt.libvirtError):
        raise error
    if error.get_error_code() not in GONE:
        raise explained(error, job.doing) from error


def _within(seconds: float, doing: str, function: Callable[..., R], arguments: tuple[Any, ...]) -> R:
    """Return what the function returns or raises; a hanging one is left behind in its thread.

    libvirt calls can't be cancelled: under TCG, QEMU may hang and block a call for minutes (QEMU 7.2). The
    thread also keeps Ctrl-C working while libvirt is silent.
    """
    outcome: queue.SimpleQueue[tuple[bool, Any]] = queue.SimpleQueue()

    def work() -> None:
        try:
            outcome.put((True, function(*arguments)))
        except Exception as error:  # noqa: BLE001 - it is raised again where it is waited for
            outcome.put((False, error))

    threading.Thread(target=work, name=doing, daemon=True).start()
    try:
        succeeded, value = outcome.get(timeout=seconds)
    except queue.Empty as error:
        raise hanging(doing, seconds) from error
    if not succeeded:
        raise value
    result: R = value
    return result


def _silence(_context: Any, _error: Any) -> None:
    """Keep libvirt from printing its errors; they are raised as exceptions anyway."""


_LOOP: Final[list[threading.Thread]] = []


def _run_event_loop() -> None:
    """Start libvirt's event loop once for the process; it has to be there before a connection is opened."""
    if _LOOP:
        return
    libvirt.virEventRegisterDefaultImpl()

    def turn() -> None:
        while True:
            libvirt.virEventRunDefaultImpl()

    _LOOP.append(threading.Thread(target=turn, name="libvirt-events", daemon=True))
    _LOOP[0].start()
