"""What a plan will ask of libvirt, asked by a second process while this one still reads the manifests.

Reading a thousand machines takes libvirt as long as reading their manifests takes kvmctl. One interpreter can't do both
at once: its threads would wait for each other at every answer.
"""

from __future__ import annotations

import marshal
import os
import re
import select
import signal
from collections import deque
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final, NamedTuple, NoReturn, Self

from kvmctl.errors import HypervisorError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from kvmctl.hypervisor import Hypervisor

WORTHWHILE: Final = 64 * 1024
"""Characters of manifests, about a hundred machines, from which a second process gains more than it costs."""
_PATIENCE: Final = 600.0  # seconds without an answer; the child's own calls have shorter limits
_PIECE: Final = 2**20
_HEAD: Final = 8  # bytes that tell how long what follows is
_SOME: Final = 100  # answers that are told at once, so that they are read while more are asked for
# Without a MULTILINE ^, which looks at each line, the search for the literal takes a tenth of the time.
_NAME: Final = re.compile(r"\nmetadata:\s*\{?\s*name:\s*[\"']?([^\s\"',}]+)")
_KINDS: Final = ("domain", "network")


class _Foreseen(NamedTuple):
    """A question that the child has answered, or will."""

    kind: str
    name: str
    running: bool


class Foresight:
    """A host seen read-only: like a Hypervisor, which it opens for what it can't tell by itself.

    The machines and networks that the manifests name are read by a forked process. A name that it guessed wrong costs a
    question; whatever goes wrong with the process, everything is asked anew.
    """

    def __init__(self, uri: str | None, names: frozenset[str]) -> None:
        self._uri = uri
        self._real: Hypervisor | None = None
        self._facts: dict[str, Any] | None = None
        self._coming: frozenset[_Foreseen] = frozenset()
        self._answers: dict[_Foreseen, str | None] = {}
        pipe, to_parent = os.pipe()
        self._child = os.fork()
        if not self._child:
            _be_the_child(to_parent, uri, names)
        os.close(to_parent)
        self._pieces = _received(pipe, self._child)

    @classmethod
    def of(cls, uri: str | None, texts: Iterable[str]) -> Self | None:
        """Return a foresight of what manifests will need; None where they are few, or there is one processor."""
        held = list(texts)
        if sum(map(len, held)) < WORTHWHILE or (os.cpu_count() or 1) < 2:  # noqa: PLR2004 - two processes
            return None
        return cls(uri, frozenset(name for text in held for name in _NAME.findall(f"\n{text}")))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        os.kill(self._child, signal.SIGKILL)
        deque(self._pieces, maxlen=0)
        os.waitpid(self._child, 0)
        if self._real is not None:
            self._real.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._opened(), name)

    @property
    def uri(self) -> str:
        """The connection's URI, as libvirt tells it."""
        return str(self._told("uri") or self._opened().uri)

    def libvirt_version(self) -> str:
        """Return the version of the host's libvirt, such as 9.0.0."""
        return str(self._told("libvirt") or self._opened().libvirt_version())

    def hypervisor_version(self) -> str:
        """Return the version of the host's hypervisor (QEMU), such as 7.2.19."""
        return str(self._told("hypervisor") or self._opened().hypervisor_version())

    def domains(self) -> Sequence[Any]:
        """Return all domains, by name."""
        return self._listed("domain") or self._opened().domains()

    def networks(self) -> Sequence[Any]:
        """Return all networks, by name."""
        return self._listed("network") or self._opened().networks()

    def domain_xml_job(self, domain: Any, *, running: bool = False, secure: bool = False) -> Any:
        """Return the question for a domain's definition, which the child answers where it was foreseen."""
        told = None if secure else self._foreseen("domain", domain, running=running)
        return told or self._opened().domain_xml_job(_asked_by(domain), running=running, secure=secure)

    def network_xml_job(self, network: Any, *, running: bool = False) -> Any:
        """Return the question for a network's definition, which the child answers where it was foreseen."""
        told = self._foreseen("network", network, running=running)
        return told or self._opened().network_xml_job(_asked_by(network), running=running)

    def ask_all(self, jobs: Sequence[Any]) -> Iterator[tuple[int, Any]]:
        """Yield (position, answer) of each job, as the child answers; what it doesn't answer is asked for."""
        waiting: dict[_Foreseen, int] = {job: at for at, job in enumerate(jobs) if isinstance(job, _Foreseen)}
        left = [at for at, job in enumerate(jobs) if not isinstance(job, _Foreseen)]
        while waiting:
            for job in waiting.keys() & self._answers.keys():
                yield waiting.pop(job), self._answers[job]
            if waiting and not self._receive():
                break
        left += waiting.values()
        if left:
            for at, answer in self._opened().ask_all([self._real_job(jobs[at]) for at in left]):
                yield left[at], answer

    def _real_job(self, job: Any) -> Any:
        """Return the question for the connection that the child has left open."""
        if not isinstance(job, _Foreseen):
            return job
        real = self._opened()
        ask: Any = {"domain": real.domain_xml_job, "network": real.network_xml_job}[job.kind]
        return ask(job.name, running=job.running)

    def _opened(self) -> Hypervisor:
        if self._real is None:
            from kvmctl.hypervisor import Hypervisor

            self._real = Hypervisor.open(self._uri, readonly=True)
        return self._real

    def _listed(self, kind: str) -> list[Any]:
        return [SimpleNamespace(handle=None, **entry) for entry in self._told(kind) or ()]

    def _foreseen(self, kind: str, entry: Any, *, running: bool) -> _Foreseen | None:
        self._told("coming")
        asked = _Foreseen(kind, entry if isinstance(entry, str) else entry.name, running)
        return asked if asked in self._coming else None

    def _told(self, what: str) -> Any:
        if self._facts is None:
            facts: dict[str, Any] = next(self._pieces, {})
            if "error" in facts:
                raise HypervisorError(*facts["error"])
            self._facts = facts
            self._coming = frozenset(_Foreseen(*each) for each in facts.get("coming", ()))
        return self._facts.get(what)

    def _receive(self) -> bool:
        """Take the next answers of the child; False where there are no more."""
        piece = next(self._pieces, None)
        if piece is not None:
            self._answers.update((_Foreseen(*asked), answer) for asked, answer in piece)
        return piece is not None


def _received(pipe: int, child: int) -> Iterator[Any]:
    """Yield what the child says, until it has said all, has died, or says nothing for too long."""
    held = b""
    try:
        while True:
            while len(held) < _HEAD or len(held) < _HEAD + int.from_bytes(held[:_HEAD], "big"):
                data = os.read(pipe, _PIECE) if select.select([pipe], [], [], _PATIENCE)[0] else b""
                if not data:
                    return
                held += data
            end = _HEAD + int.from_bytes(held[:_HEAD], "big")
            yield marshal.loads(held[_HEAD:end])  # noqa: S302 - from this very program
            held = held[end:]
    finally:
        os.close(pipe)
        os.kill(child, signal.SIGKILL)  # it has said all, or never will; it is waited for at the end


def _asked_by(entry: Any) -> Any:
    """Return by what the connection is asked about an object: its name, where it was listed by the child."""
    return entry if isinstance(entry, str) or entry.handle is not None else entry.name


def _be_the_child(pipe: int, uri: str | None, names: frozenset[str]) -> NoReturn:
    """Look at the host, tell it through the pipe, and end without anything that the parent would do at its end.

    Whatever goes wrong ends the process: it must never go on as a second kvmctl.
    """
    try:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        for said in _look(uri, names):
            data = marshal.dumps(said)
            left = memoryview(len(data).to_bytes(_HEAD, "big") + data)
            while left:
                left = left[os.write(pipe, left) :]
    finally:
        os._exit(0)


def _look(uri: str | None, names: frozenset[str]) -> Iterator[Any]:
    """Yield what is asked of any host, then the definitions of the machines and networks with these names."""
    from kvmctl.hypervisor import Hypervisor

    is_begun = False
    try:
        with Hypervisor.open(uri, readonly=True) as hypervisor:
            entries: dict[str, list[Any]] = {"domain": [*hypervisor.domains()], "network": [*hypervisor.networks()]}
            wanted = [
                (kind, entry, running)
                for kind in _KINDS
                for entry in entries[kind]
                if entry.name in names
                for running in ((False, True) if entry.active else (False,))
            ]
            yield {
                "uri": hypervisor.uri,
                "libvirt": hypervisor.libvirt_version(),
                "hypervisor": hypervisor.hypervisor_version(),
                "coming": [(kind, entry.name, running) for kind, entry, running in wanted],
                **{kind: [_plain(entry) for entry in entries[kind]] for kind in _KINDS},
            }
            is_begun = True
            for start in range(0, len(wanted), _SOME):
                yield [*_answers(hypervisor, wanted[start : start + _SOME])]
    except HypervisorError as error:
        if not is_begun:  # else what is missing is asked for anew, and fails there if it has to
            yield {"error": (error.message, error.hint, int(error.code))}


def _answers(hypervisor: Hypervisor, wanted: Sequence[tuple[str, Any, bool]]) -> Iterator[Any]:
    """Yield each question with its answer, None where the object has vanished."""
    ask: dict[str, Any] = {"domain": hypervisor.domain_xml_job, "network": hypervisor.network_xml_job}
    jobs = [ask[kind](entry, running=running) for kind, entry, running in wanted]
    for position, xml in hypervisor.ask_all(jobs):
        kind, entry, running = wanted[position]
        yield (kind, entry.name, running), xml


def _plain(entry: Any) -> dict[str, Any]:
    return {name: value for name, value in entry._asdict().items() if name != "handle"}
