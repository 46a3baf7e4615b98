"""Who uses what among existing resources: which disks and networks a machine stands on, by libvirt's own XML.

What a running machine was given since it started counts as much as its definition.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, cast

from kvmctl import xmlio
from kvmctl.fields import known
from kvmctl.inventory import Address, Inventory, Resource, references

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from xml.etree.ElementTree import Element

# libvirt looks both up at the start of who names them, so that neither may go before.
_KEPT_FOR_OTHERS = frozenset({"nwfilter", "secret"})
_READ_ONLY = frozenset({"cdrom", "floppy"})


class Disks(NamedTuple):
    """The existing disks: by their paths on the host, and by (pool, name of the volume); their formats."""

    by_path: Mapping[str, Address]
    by_volume: Mapping[tuple[str, str], Address]
    formats: Mapping[Address, str]


class _Use(NamedTuple):
    disk: Address
    writes: bool


def disks_of(inventory: Inventory) -> Disks:
    """Return the existing disks."""
    by_path, by_volume, formats = {}, {}, {}
    for address, resource in inventory.items():
        if address.kind == "disk" and resource.live:
            facts = resource.live.facts
            by_path[facts["path"]] = address
            by_volume[facts["pool"], facts["volume"]] = address
            formats[address] = facts.get("format") or "raw"
    return Disks(by_path, by_volume, formats)


def stands_on(resource: Resource, disks: Disks) -> set[Address]:
    """Return what an existing resource needs: a machine its disks and networks, a disk its pool and backing disk."""
    found = {
        reference.target for reference in references(resource.spec)
        if not reference.loose or reference.target.kind in _KEPT_FOR_OTHERS
    }  # fmt: skip
    if resource.address.kind == "vm":
        found |= {use.disk for use in _uses(resource, disks)} | _networks(resource) | _filters(resource)
    elif resource.address.kind == "disk":
        backing = known(cast("Any", resource.spec).backing)
        below = disks.by_path.get(known(backing.path) or "") if backing else None
        found |= {below} if below else set()
    return found


def own_disks(resource: Resource, disks: Disks) -> list[Address]:
    """Return the managed disks that a machine writes to."""
    return list(dict.fromkeys(use.disk for use in _uses(resource, disks) if use.writes))


def _definitions(resource: Resource) -> list[Element]:
    live = resource.live
    return [xmlio.parse(xml) for xml in (live.xml, live.running_xml) if xml] if live else []


def _uses(resource: Resource, disks: Disks) -> Iterator[_Use]:
    """Yield the disks of a machine's devices, and those below them where libvirt tells the chain."""
    for root in _definitions(resource):
        for device in root.iterfind("devices/disk"):
            is_read_only = device.get("device") in _READ_ONLY or device.find("readonly") is not None
            for source in device.iter("source"):
                address = _disk(source, disks)
                if address is not None:
                    yield _Use(address, writes=not is_read_only and source in list(device))
                yield from _under_overlays(source, resource, disks)


def _under_overlays(source: Element, resource: Resource, disks: Disks) -> Iterator[_Use]:
    """Yield the disks below the overlays that external snapshots put on them: they are the machine's all the same."""
    overlays: Mapping[str, str] = (resource.live.facts.get("overlays") if resource.live else None) or {}
    path = source.get("file") or ""
    while path in overlays:
        path = overlays[path]
        if path in disks.by_path:
            yield _Use(disks.by_path[path], writes=True)


def _disk(source: Element, disks: Disks) -> Address | None:
    path = source.get("file") or source.get("dev")
    if path:
        return disks.by_path.get(path)
    return disks.by_volume.get((source.get("pool", ""), source.get("volume", "")))


def _networks(resource: Resource) -> set[Address]:
    names = {
        source.get("network") for root in _definitions(resource) for source in root.iterfind("devices/interface/source")
    }
    return {Address("network", name) for name in names if name}


def _filters(resource: Resource) -> set[Address]:
    references = [ref for root in _definitions(resource) for ref in root.iterfind("devices/interface/filterref")]
    return {Address("nwfilter", reference.get("filter", "")) for reference in references}
