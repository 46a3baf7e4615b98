"""One object's XML made into a resource: its spec with the state that libvirt keeps elsewhere, and facts to show."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from kvmctl.fields import changed, known, make
from kvmctl.inventory import Address, Live, Resource
from kvmctl.models.disk import Backing, Disk
from kvmctl.models.network import Network
from kvmctl.models.nwfilter import NetworkFilter
from kvmctl.models.pool import StoragePool
from kvmctl.models.secret import Secret
from kvmctl.models.vm import VirtualMachine
from kvmctl.observe.volumes import as_meant
from kvmctl.ownership import split
from kvmctl.xmlio import parse, parse_excerpt, read, says

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from xml.etree.ElementTree import Element

    from kvmctl.fields import Model
    from kvmctl.hypervisor import DomainEntry, NetworkEntry, NwFilterEntry, PoolEntry, SecretEntry, VolumeEntry


class _Told(NamedTuple):
    """What a definition tells: the spec, and facts."""

    spec: Model
    facts: Mapping[str, Any]


def resource(address: Address, entry: Any, xml: str, mask: Any, running_xml: str) -> Resource:
    """Return the resource of a listed object; `running_xml` is the definition in effect, '' where there is none.

    With a `mask` only its fields are read. kvmctl's mark is none of the definition's.
    """
    xml, mark = split(xml)
    running_xml, _ = split(running_xml)
    spec, told = _TOLD[address.kind](xml, entry, mask)
    facts = {**told, **_LISTED[address.kind](entry)}
    if address.kind == "pool" and running_xml:
        facts |= _room(running_xml)
    if address.kind == "vm" and entry.name != address.name:
        facts["named"] = entry.name  # the manifest has another name for it
    active, persistent = getattr(entry, "active", True), getattr(entry, "persistent", True)
    return Resource(address, spec, live=Live(xml, running_xml, active, persistent, facts, mark))


def _machine(xml: str, entry: DomainEntry, mask: VirtualMachine | None) -> _Told:
    power = "Paused" if entry.paused else "Running" if entry.active else "Off"
    state = {"power_state": power, "autostart": entry.autostart}
    root = parse(xml) if mask is None else parse_excerpt(xml, VirtualMachine, mask, "devices/disk")
    is_as_wanted = mask is not None and says(root, mask, **state)
    spec = cast("VirtualMachine", mask) if is_as_wanted else read(VirtualMachine, root, mask, **state)
    return _Told(spec, {"disk_paths": disk_paths(root)})


def disk_paths(root: Element) -> dict[str, str]:
    """Return the path on the host of each disk of a machine by its target, for those that have one."""
    paths = {}
    devices = root.find("devices")
    for disk in () if devices is None else devices.findall("disk"):
        source, target = disk.find("source"), disk.find("target")
        path = None if source is None else source.get("file") or source.get("dev")
        if path and target is not None:
            paths[target.get("dev", "")] = path
    return paths


def _network(xml: str, entry: NetworkEntry, mask: Network | None) -> _Told:
    spec = read(Network, parse(xml), mask, active=entry.active, autostart=entry.autostart)
    return _Told(spec, {})


def _pool(xml: str, entry: PoolEntry, mask: StoragePool | None) -> _Told:
    spec = read(StoragePool, parse(xml), mask, active=entry.active, autostart=entry.autostart)
    return _Told(spec, {})


def _room(running_xml: str) -> dict[str, int]:
    """Return the room of a running pool, in bytes."""
    root = parse(running_xml)
    return {name: int(root.findtext(name) or 0) for name in ("capacity", "allocation", "available")}


_WHOLE_BACKING: Final = make(Backing, {"path": None, "format": None})


def _disk(xml: str, entry: VolumeEntry, mask: Disk | None) -> _Told:
    root = parse(xml)
    if mask is not None and known(cast("Any", mask.backing)):
        mask = replace(mask, backing=_WHOLE_BACKING)  # the name of a Disk there stands for path and format
    spec = as_meant(read(Disk, root, mask, pool=entry.pool), mask)
    backing: Any = spec.backing
    if known(backing) and known(backing.path) is None:
        spec = replace(spec, backing=None)
    facts = {
        "path": root.findtext("target/path") or entry.key,
        "type": root.get("type", "file"),
        "format": _type_of(root.find("target/format")),
        "capacity": int(root.findtext("capacity") or 0),
        "allocation": int(root.findtext("allocation") or 0),
        "backing": root.findtext("backingStore/path") or "",
        "backing_format": _type_of(root.find("backingStore/format")),
        "compat": root.findtext("target/compat") or "0.10",
    }
    if mask is None and _is_allocated(facts):
        spec = changed(spec, allocation="full")
    return _Told(spec, facts)


def _is_allocated(facts: Mapping[str, Any]) -> bool:
    """Say whether a raw file has all its room; a device always has."""
    is_file = facts["type"] == "file" and facts["format"] == "raw"
    return bool(is_file and facts["allocation"] >= facts["capacity"] > 0)


def _secret(xml: str, _entry: SecretEntry, mask: Secret | None) -> _Told:
    return _Told(read(Secret, parse(xml), mask), {})


def _nwfilter(xml: str, _entry: NwFilterEntry, mask: NetworkFilter | None) -> _Told:
    return _Told(read(NetworkFilter, parse(xml), mask), {})


def _type_of(element: Element | None) -> str:
    return "" if element is None else element.get("type", "")


_TOLD: Final[Mapping[str, Callable[[str, Any, Any], _Told]]] = {
    "vm": _machine,
    "network": _network,
    "pool": _pool,
    "disk": _disk,
    "secret": _secret,
    "nwfilter": _nwfilter,
}
_LISTED: Final[Mapping[str, Callable[[Any], dict[str, Any]]]] = {
    "vm": lambda entry: {"uuid": entry.uuid, "managed_save": entry.managed_save},
    "network": lambda entry: {"uuid": entry.uuid},
    "pool": lambda entry: {"uuid": entry.uuid},
    "disk": lambda entry: {"pool": entry.pool, "volume": entry.name},
    "secret": lambda entry: {"uuid": entry.uuid},
    "nwfilter": lambda entry: {"uuid": entry.uuid, "built_in": entry.built_in},
}
