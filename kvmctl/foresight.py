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
_NAME: Final = re.compile(r"^metadata:\s*\{?\s*name:\s*[\"']?([^\s\"',}]+)", re.MULTILINE)
_KINDS: Final = ("domain", "network")


class _Told(NamedTuple):
    """A question that was answered beforehand."""

    answer: str


class Foresight:
    """A host seen read-only: like a Hypervisor, which it opens for what it can't tell by itself.

    The machines and networks that the manifests name are read by a forked process. A name that it guessed wrong costs a
    question; whatever goes wrong with the process, everything is asked anew.
    """

    def __init__(self, uri: str | None, names: frozenset[str]) -> None:
        self._uri = uri
        self._real: Hypervisor | None = None
        self._seen: dict[str, Any] | None = None
        self._pipe, to_parent = os.pipe()
        self._child = os.fork()
        if not self._child:
            _be_the_child(to_parent, uri, names)
        os.close(to_parent)

    @classmethod
    def of(cls, uri: str | None, texts: Iterable[str]) -> Self | None:
        """Return a foresight of what manifests will need; None where they are few, or there is one processor."""
        held = list(texts)
        if sum(map(len, held)) < WORTHWHILE or (os.cpu_count() or 1) < 2:  # noqa: PLR2004 - two processes
            return None
        return cls(uri, frozenset(name for text in held for name in _NAME.findall(text)))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        if self._seen is None:
            os.kill(self._child, signal.SIGKILL)
            self._receive()
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
        """Return the question for a domain's definition, answered where it was foreseen."""
        told = None if secure else self._text("domain", domain, running=running)
        return told or self._opened().domain_xml_job(_asked_by(domain), running=running, secure=secure)

    def network_xml_job(self, network: Any, *, running: bool = False) -> Any:
        """Return the question for a network's definition, answered where it was foreseen."""
        told = self._text("network", network, running=running)
        return told or self._opened().network_xml_job(_asked_by(network), running=running)

    def ask_all(self, jobs: Sequence[Any]) -> Iterator[tuple[int, Any]]:
        """Yield (position, answer) of each job; only those that were not foreseen are asked."""
        left = []
        for position, job in enumerate(jobs):
            if isinstance(job, _Told):
                yield position, job.answer
            else:
                left.append(position)
        if left:
            for at, answer in self._opened().ask_all([jobs[position] for position in left]):
                yield left[at], answer

    def _opened(self) -> Hypervisor:
        if self._real is None:
            from kvmctl.hypervisor import Hypervisor

            self._real = Hypervisor.open(self._uri, readonly=True)
        return self._real

    def _listed(self, kind: str) -> list[Any]:
        return [SimpleNamespace(handle=None, **entry) for entry in self._told(kind) or ()]

    def _text(self, kind: str, entry: Any, *, running: bool) -> _Told | None:
        texts = self._told("texts") or {}
        answer = texts.get((kind, entry if isinstance(entry, str) else entry.name, running))
        return None if answer is None else _Told(answer)

    def _told(self, what: str) -> Any:
        if self._seen is None:
            self._seen = self._receive()
            if "error" in self._seen:
                raise HypervisorError(*self._seen["error"])
        return self._seen.get(what)

    def _receive(self) -> dict[str, Any]:
        """Return what the child saw; empty where it died, or says nothing for too long."""
        pieces = []
        while select.select([self._pipe], [], [], _PATIENCE)[0] and (piece := os.read(self._pipe, _PIECE)):
            pieces.append(piece)
        os.close(self._pipe)
        os.kill(self._child, signal.SIGKILL)  # it has said all, or never will
        os.waitpid(self._child, 0)
        data = b"".join(pieces)
        length, rest = data[:8], data[8:]
        is_whole = rest and int.from_bytes(length, "big") == len(rest)
        return dict(marshal.loads(rest)) if is_whole else {}  # noqa: S302 - from this very program


def _asked_by(entry: Any) -> Any:
    """Return by what the connection is asked about an object: its name, where it was listed by the child."""
    return entry if isinstance(entry, str) or entry.handle is not None else entry.name


def _be_the_child(pipe: int, uri: str | None, names: frozenset[str]) -> NoReturn:
    """Look at the host, tell it through the pipe, and end without anything that the parent would do at its end.

    Whatever goes wrong ends the process: it must never go on as a second kvmctl.
    """
    try:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        data = marshal.dumps(_look(uri, names))
        left = memoryview(len(data).to_bytes(8, "big") + data)
        while left:
            left = left[os.write(pipe, left) :]
    finally:
        os._exit(0)


def _look(uri: str | None, names: frozenset[str]) -> dict[str, Any]:
    """Return what is asked of any host, and the definitions of the machines and networks with these names."""
    from kvmctl.hypervisor import Hypervisor

    try:
        with Hypervisor.open(uri, readonly=True) as hypervisor:
            entries: dict[str, list[Any]] = {"domain": [*hypervisor.domains()], "network": [*hypervisor.networks()]}
            ask: dict[str, Any] = {"domain": hypervisor.domain_xml_job, "network": hypervisor.network_xml_job}
            wanted = [
                (kind, entry, running)
                for kind in _KINDS
                for entry in entries[kind]
                if entry.name in names
                for running in ((False, True) if entry.active else (False,))
            ]
            jobs = [ask[kind](entry, running=running) for kind, entry, running in wanted]
            keys = [(kind, entry.name, running) for kind, entry, running in wanted]
            texts = {keys[position]: xml for position, xml in hypervisor.ask_all(jobs) if xml is not None}
            listed = {kind: [_plain(entry) for entry in entries[kind]] for kind in _KINDS}
            return {
                "uri": hypervisor.uri,
                "libvirt": hypervisor.libvirt_version(),
                "hypervisor": hypervisor.hypervisor_version(),
                "texts": texts,
                **listed,
            }
    except HypervisorError as error:
        return {"error": (error.message, error.hint, int(error.code))}


def _plain(entry: Any) -> dict[str, Any]:
    return {name: value for name, value in entry._asdict().items() if name != "handle"}
