"""What is known of disks only when several objects are looked at together: names of backing files, and users."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from kvmctl.fields import known
from kvmctl.observe.reading import disk_paths
from kvmctl.record import RECORDED, key
from kvmctl.xmlio import parse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kvmctl.hypervisor import Hypervisor
    from kvmctl.inventory import Address, Inventory, Live, Resource
    from kvmctl.models.disk import Disk
    from kvmctl.record import Record


def with_backing_names(found: dict[Address, Resource]) -> dict[Address, Resource]:
    """Return the inventory with the name of the Disk behind each backing file, where it is among those seen."""
    disks = {address: resource for address, resource in found.items() if address.kind == "disk"}
    names = {_facts(resource)["path"]: address.name for address, resource in disks.items()}
    for address, resource in disks.items():
        spec = cast("Disk", resource.spec)
        name = names.get(_facts(resource)["backing"])
        backing: Any = spec.backing
        if name is not None and known(backing):
            backing = replace(backing, disk=name)
            found[address] = resource._replace(spec=replace(spec, backing=backing))
    return found


def with_users(hv: Hypervisor, found: dict[Address, Resource], wanted: Inventory) -> dict[Address, Resource]:
    """Return the inventory with `used_by` ({machine: target}) on each disk that needs another size.

    A disk that a running machine uses has to be resized through that machine. All running machines are asked, since
    others than the wanted ones may use it, and none where no size differs.
    """
    resized: dict[str, Address] = {}
    for address, resource in found.items():
        if address.kind == "disk" and address in wanted and _differs(resource, wanted[address]):
            facts = _facts(resource)
            resized |= {facts["path"]: address, f"{facts['pool']}/{facts['volume']}": address}
    if not resized:
        return found
    users: dict[Address, dict[str, str]] = {address: {} for address in resized.values()}
    for name, paths in _paths_in_use(hv).items():
        for target, path in paths.items():
            if path in resized:
                users[resized[path]][name] = target
    for address, used_by in users.items():
        live = cast("Live", found[address].live)
        facts = {**live.facts, "used_by": used_by}
        found[address] = found[address]._replace(live=live._replace(facts=facts))
    return found


def _paths_in_use(hv: Hypervisor) -> dict[str, dict[str, str]]:
    """Return the paths of the disks of each running machine by their targets, POOL/VOLUME where it says no path."""
    active = [entry for entry in hv.domains() if entry.active]
    jobs = [hv.domain_xml_job(entry, running=True) for entry in active]
    answers = {active[position].name: _paths(xml) for position, xml in hv.ask_all(jobs) if xml}
    return {name: answers[name] for name in sorted(answers) if answers[name]}


def _paths(xml: str) -> dict[str, str]:
    root = parse(xml)
    volumes = {}
    for disk in root.iterfind("devices/disk[@type='volume']"):
        source, target = disk.find("source"), disk.find("target")
        if source is not None and target is not None:
            volumes[target.get("dev", "")] = f"{source.get('pool')}/{source.get('volume')}"
    return disk_paths(root) | volumes


def with_sources(found: dict[Address, Resource], known_of: Record) -> dict[Address, Resource]:
    """Return the inventory with `source` on each disk that the record tells of: what it was filled with."""
    for address, resource in found.items():
        source = (
            known_of.disks.get(f"{_facts(resource)['pool']}/{_facts(resource)['volume']}")
            if address.kind == "disk"
            else None
        )
        if source:
            live = cast("Live", resource.live)
            found[address] = resource._replace(live=live._replace(facts={**live.facts, "source": source}))
    return found


def with_marks(found: dict[Address, Resource], known_of: Record) -> dict[Address, Resource]:
    """Return the inventory with the marks of what has no metadata: those that the record has of the very object."""
    for address, resource in found.items():
        entry = known_of.marks.get(key(address, _facts(resource))) if address.kind in RECORDED else None
        if entry and entry.uuid == (_facts(resource).get("uuid") or ""):
            found[address] = resource._replace(live=cast("Live", resource.live)._replace(mark=entry.mark))
    return found


def _differs(have: Resource, want: Resource) -> bool:
    size = known(cast("Disk", want.spec).size)
    return size is not None and size != _facts(have)["capacity"]


def _facts(resource: Resource) -> Mapping[str, Any]:
    return resource.live.facts if resource.live else {}
