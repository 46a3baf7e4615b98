"""Hosts on file: all that a plan asks of a libvirt, written down, and read back as if that libvirt answered.

A plan for a change from a fork is made where nobody lets it near the host, and where no libvirt is installed.
"""

from __future__ import annotations

import json
import re
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final, NoReturn, Self
from xml.etree.ElementTree import ParseError

from kvmctl.errors import HypervisorError, KvmctlError
from kvmctl.fields import camel
from kvmctl.xmlio import parse

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    from kvmctl.hypervisor import Hypervisor

FORMAT_VERSION: Final = "1.0"
_MAJOR: Final = "1"
_LISTED: Final = {
    "domains": ("name", "uuid", "active", "paused", "autostart", "persistent", "managed_save"),
    "networks": ("name", "uuid", "active", "autostart", "persistent"),
    "pools": ("name", "uuid", "active", "autostart", "persistent"),
    "volumes": ("pool", "name", "key"),
    "secrets": ("uuid", "usage", "usage_id"),
    "nwfilters": ("name", "uuid", "built_in"),
}
"""What the listings say of each object, as `hypervisor.entries` has it."""
_MORE: Final = {"domains": ("momentsKept", "snapshots"), "networks": ("ports",)}
"""What else is asked of some."""
_HOST: Final = ("uri", "libvirt", "hypervisor", "arch", "types")
_TIMES: Final = re.compile(r"\s*<timestamps>.*?</timestamps>", re.DOTALL)
_AGAIN: Final = "make it anew with kvmctl observe"

Entries = list[dict[str, Any]]


def observed(hypervisor: Hypervisor) -> dict[str, Any]:
    """Return a host as plain data; a read-only connection is enough, and over one no password is told."""
    offered = hypervisor.capabilities()
    pools = hypervisor.pools()
    volumes = [volume for pool in pools if pool.active for volume in hypervisor.volumes(pool)]
    snapshots = hypervisor.snapshots()
    read = _Reading(hypervisor)
    document: dict[str, Any] = {
        "formatVersion": FORMAT_VERSION,
        "host": {
            "uri": hypervisor.uri, "libvirt": hypervisor.libvirt_version(),
            "hypervisor": hypervisor.hypervisor_version(), "arch": offered.arch,
            "types": {arch: [*types] for arch, types in offered.types.items()},
        },
        "domains": read.objects("domains", hypervisor.domains(), hypervisor.domain_xml_job),
        "networks": read.objects("networks", hypervisor.networks(), hypervisor.network_xml_job),
        "pools": read.objects("pools", pools, hypervisor.pool_xml_job),
        "volumes": read.objects("volumes", volumes, hypervisor.volume_xml_job),
        "secrets": read.objects("secrets", hypervisor.secrets(), hypervisor.secret_xml_job),
        "nwfilters": read.objects("nwfilters", hypervisor.nwfilters(), hypervisor.nwfilter_xml_job),
        "record": hypervisor.read_record(),
    }  # fmt: skip
    for network in document["networks"]:
        ports = hypervisor.network_ports(network["name"])
        network["ports"] = None if ports is None else sorted(ports)
    for domain in document["domains"]:
        domain["momentsKept"] = _moments_kept(hypervisor, domain["name"])
        domain["snapshots"] = [{"name": each.name, "xml": each.xml} for each in snapshots.get(domain["name"], ())]
    return document


class _Reading:
    """Reads the definitions of listed objects, those of a kind side by side."""

    def __init__(self, hypervisor: Hypervisor) -> None:
        self._hypervisor = hypervisor

    def objects(self, kind: str, entries: Sequence[Any], question: Callable[..., Any]) -> Entries:
        """Return what is listed of each object, and its definitions; without those that have vanished."""
        texts = self._texts({at: question(entry) for at, entry in enumerate(entries)})
        running = [at for at in texts if kind in ("domains", "networks") and entries[at].active]
        in_effect = self._texts({at: question(entries[at], running=True) for at in running})
        return [
            {camel(name): getattr(entries[at], name) for name in _LISTED[kind]}
            | {"xml": texts[at]}
            | ({"runningXml": in_effect[at]} if at in in_effect else {})
            for at in sorted(texts)
        ]

    def _texts(self, questions: Mapping[int, Any]) -> dict[int, str]:
        """Return the answers; when a volume was last read is no part of a host's state."""
        places = [*questions]
        answers = self._hypervisor.ask_all([*questions.values()])
        return {places[at]: _TIMES.sub("", xml) for at, xml in answers if xml is not None}


def _moments_kept(hypervisor: Hypervisor, name: str) -> int:
    """Return the number of a domain's snapshots and checkpoints; 0 where the driver knows none."""
    from kvmctl.hypervisor import Code

    try:
        return hypervisor.moments_kept(name)
    except HypervisorError as error:
        if error.code == Code.NO_SUPPORT:
            return 0
        raise


def text(document: Mapping[str, Any]) -> str:
    """Return a host's data as JSON, the same for the same host."""
    return json.dumps(document, sort_keys=True, indent=2, ensure_ascii=False) + "\n"


class HostFile:
    """A host read from a file: like a Hypervisor that is read-only, for what a plan asks, and for nothing else.

    A question for a definition is its answer already.
    """

    readonly: Final = True

    def __init__(self, document: Mapping[str, Any], file: str) -> None:
        self._file = file
        self._host = {name: document["host"][name] for name in _HOST}
        self.uri = str(self._host["uri"])
        self._record = str(document["record"])
        self._entries = {kind: [_entry(each, kind) for each in document[kind]] for kind in _LISTED}

    @classmethod
    def read(cls, path: Path) -> Self:
        """Return the host in a file; KvmctlError where it isn't one that this version understands."""
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise KvmctlError(f"--against {path}: {error.strerror}", _AGAIN) from error
        except (ValueError, RecursionError) as error:
            raise KvmctlError(f"--against {path} is not a host's snapshot: {error}", _AGAIN) from error
        version = document.get("formatVersion") if isinstance(document, dict) else None
        if str(version).partition(".")[0] != _MAJOR:
            told = f"--against {path} is not a host's snapshot of formatVersion {_MAJOR}.x: it says {version!r}"
            raise KvmctlError(told, _AGAIN)
        try:
            return cls(document, str(path))
        except (LookupError, TypeError, ParseError) as error:
            told = f"--against {path} is not a host's snapshot: what is in it is not what one holds ({error})"
            raise KvmctlError(told, _AGAIN) from error

    def __getattr__(self, name: str) -> NoReturn:
        raise HypervisorError(
            f"{self._file} can't answer what a live host could ({name.replace('_', ' ')})",
            "a snapshot of a host is for kvmctl plan and kvmctl drift; connect to the host with -c for the rest",
        )

    def libvirt_version(self) -> str:
        """Return the version of the host's libvirt."""
        return str(self._host["libvirt"])

    def hypervisor_version(self) -> str:
        """Return the version of the host's hypervisor (QEMU)."""
        return str(self._host["hypervisor"])

    def capabilities(self) -> Any:
        """Return the architecture of the host's CPU, and the domain types offered for each."""
        types = {arch: tuple(each) for arch, each in self._host["types"].items()}
        return SimpleNamespace(arch=self._host["arch"], types=types)

    def domains(self) -> Sequence[Any]:
        """Return all domains, by name."""
        return self._entries["domains"]

    def networks(self) -> Sequence[Any]:
        """Return all networks, by name."""
        return self._entries["networks"]

    def pools(self) -> Sequence[Any]:
        """Return all pools, by name."""
        return self._entries["pools"]

    def volumes(self, pool: Any) -> Sequence[Any]:
        """Return the volumes of an active pool, by name."""
        return [each for each in self._entries["volumes"] if each.pool == pool.name]

    def secrets(self) -> Sequence[Any]:
        """Return all secrets but kvmctl's own, by UUID."""
        return self._entries["secrets"]

    def nwfilters(self) -> Sequence[Any]:
        """Return all network filters, by name."""
        return self._entries["nwfilters"]

    def domain_xml_job(self, domain: Any, *, running: bool = False) -> str:
        """Return a domain's definition at the next start, or with `running` the one in effect."""
        return _definition(domain, running=running)

    def network_xml_job(self, network: Any, *, running: bool = False) -> str:
        """Return a network's definition at the next start, or with `running` the one in effect."""
        return _definition(network, running=running)

    def pool_xml_job(self, pool: Any, *, running: bool = False) -> str:
        """Return a pool's definition, without the room that a running one tells."""
        return _definition(pool, running=running)

    def volume_xml_job(self, volume: Any) -> str:
        """Return a volume's definition."""
        return str(volume.handle["xml"])

    def secret_xml_job(self, secret: Any) -> str:
        """Return a secret's definition, which doesn't hold its value."""
        return str(secret.handle["xml"])

    def nwfilter_xml_job(self, nwfilter: Any) -> str:
        """Return a network filter's definition."""
        return str(nwfilter.handle["xml"])

    def ask_all(self, jobs: Sequence[str]) -> Iterator[tuple[int, str]]:
        """Yield (position, answer) of each question."""
        yield from enumerate(jobs)

    def read_record(self) -> str:
        """Return the text of the host's record, '' where it has none."""
        return self._record

    def snapshots(self, names: Collection[str] | None = None) -> dict[str, list[Any]]:
        """Return the snapshots of each domain that has any, oldest first; `names` are the domains to look at."""
        return {
            domain.name: [SimpleNamespace(**each) for each in domain.handle["snapshots"]]
            for domain in self.domains()
            if domain.handle["snapshots"] and (names is None or domain.name in names)
        }

    def moments_kept(self, name: str) -> int:
        """Return how many snapshots and checkpoints a domain has."""
        return next(int(each.handle["momentsKept"]) for each in self.domains() if each.name == name)

    def network_ports(self, name: str) -> frozenset[str] | None:
        """Return the UUIDs of the ports that interfaces have on a running network; None where there are no such."""
        ports = next(each.handle["ports"] for each in self.networks() if each.name == name)
        return None if ports is None else frozenset(ports)

    def volume_xml(self, pool: str, name: str) -> str:
        """Return a volume's definition, by its pool and name."""
        return next(
            self.volume_xml_job(each) for each in self._entries["volumes"] if (each.pool, each.name) == (pool, name)
        )

    def volume_info(self, pool: str, name: str) -> Any:
        """Return a volume's path, capacity and allocation (bytes)."""
        root = parse(self.volume_xml(pool, name))
        sizes = {each: int(root.findtext(each) or 0) for each in ("capacity", "allocation")}
        return SimpleNamespace(path=root.findtext("target/path", ""), **sizes)

    def volume_at(self, path: str) -> Any:
        """Return the volume of an active pool that lies at a path; None where no pool has one there."""
        found = (each for each in self._entries["volumes"] if parse(each.handle["xml"]).findtext("target/path") == path)
        return next(found, None)


def _entry(listed: Mapping[str, Any], kind: str) -> Any:
    """Return an object as the listings have it, with all that the file says of it as its handle."""
    handle = {name: listed[name] for name in ("xml", *_MORE.get(kind, ()))}
    handle["runningXml"] = listed.get("runningXml", listed["xml"])
    for each in ("xml", "runningXml"):
        parse(handle[each])
    return SimpleNamespace(handle=handle, **{name: listed[camel(name)] for name in _LISTED[kind]})


def _definition(entry: Any, *, running: bool) -> str:
    return str(entry.handle["runningXml" if running else "xml"])
