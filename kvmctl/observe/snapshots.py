"""What is known of machines' snapshots: asked for where a manifest states them, and where they explain a difference.

An external snapshot puts an overlay on an image: the definition then names the overlay, and the image below it must not
be changed any more. A plan that didn't know that would put the machine back onto the image, and lose all since.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from kvmctl.fields import known
from kvmctl.inventory import Address
from kvmctl.models.snapshot import Snapshot
from kvmctl.observe.reading import disk_paths
from kvmctl.xmlio import parse, read, serialize

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from kvmctl.hypervisor import Hypervisor
    from kvmctl.inventory import Inventory, Live, Resource
    from kvmctl.models.disk import Disk
    from kvmctl.models.vm import VirtualMachine

Found = dict[Address, "Resource"]


class Taken(NamedTuple):
    """A snapshot that exists: what it says, its parent's name, what the machine did, its definition at that moment."""

    snapshot: Snapshot
    parent: str
    state: str
    machine: str

    @property
    def name(self) -> str:
        """The snapshot's name."""
        return str(self.snapshot.name)

    def disks(self, place: str) -> Iterator[tuple[str, str]]:
        """Yield (image, overlay or '') of each disk that the snapshot keeps in this way: internal or external."""
        images = disk_paths(parse(self.machine))
        for disk in self.snapshot.disks or ():
            if disk.snapshot == place and disk.target in images:
                yield images[str(disk.target)], str(known(disk.file) or "")


def taken(xml: str) -> Taken:
    """Return the snapshot that libvirt's XML tells."""
    root = parse(xml)
    machine = root.find("inactiveDomain")  # of a running machine: what it was defined as, beside what ran
    machine = root.find("domain") if machine is None else machine
    return Taken(
        read(Snapshot, root),
        root.findtext("parent/name", ""),
        root.findtext("state", ""),
        "<domain/>" if machine is None else serialize(machine),
    )


def snapshots_of(hv: Hypervisor, names: Collection[str] | None) -> dict[str, tuple[Taken, ...]]:
    """Return the snapshots of each machine that has some, parents first; of all machines without `names`."""
    return {name: tuple(taken(entry.xml) for entry in found) for name, found in hv.snapshots(names).items()}


def with_snapshots(hv: Hypervisor, found: Found, wanted: Inventory, *, everything: bool) -> Found:
    """Return the inventory with what is known of snapshots, after as many calls as their manifests make necessary.

    Where no manifest states snapshots, and neither the image of a disk nor its size differs, that is none.
    """
    stated = {_name(each) for address, each in found.items() if address in wanted and _states(wanted[address])}
    moved = {
        _name(each) for address, each in found.items() if address in wanted and _is_elsewhere(address, found, wanted)
    }
    resized = any(_is_resized(each, wanted) for each in found.values())
    if not (stated or moved or resized or everything):
        return found
    names = None if everything or resized else stated | moved
    return added(found, snapshots_of(hv, names), stated, names)


def added(
    found: Found, known_ones: Mapping[str, tuple[Taken, ...]], stated: Collection[str], names: Collection[str] | None
) -> Found:
    """Return the inventory with these snapshots among the facts, and in the specs that state them."""
    for address, resource in found.items():
        name = _name(resource)
        if address.kind == "vm" and (names is None or name in names):
            found[address] = _with_taken(resource, known_ones.get(name, ()), stated=name in stated)
        elif address.kind == "disk":
            found[address] = _with_holders(resource, known_ones)
    return found


def _name(resource: Resource) -> str:
    """Return the name that the host has for a resource."""
    return str(_facts(resource).get("named", resource.address.name))


def _with_taken(resource: Resource, several: tuple[Taken, ...], *, stated: bool) -> Resource:
    overlays = {overlay: image for each in several for image, overlay in each.disks("external")}
    facts = {"snapshots": len(several), "taken": several, "overlays": overlays}
    spec = resource.spec
    if stated:
        spec = replace(cast("VirtualMachine", spec), snapshots=tuple(each.snapshot for each in several))
    return _telling(resource, facts)._replace(spec=spec)


def _with_holders(resource: Resource, known_ones: Mapping[str, tuple[Taken, ...]]) -> Resource:
    """Return the disk with the snapshots that are within its image, and the overlays that stand on it."""
    path = _facts(resource)["path"]
    within = [
        f"vm/{name}@{each.name}"
        for name, several in known_ones.items()
        for each in several
        if any(image == path for image, _ in each.disks("internal"))
    ]
    upon = {
        overlay: f"vm/{name}@{each.name}"
        for name, several in known_ones.items()
        for each in several
        for image, overlay in each.disks("external")
        if image == path
    }
    return _telling(resource, {"snapshots_within": within, "overlays_upon": upon}) if within or upon else resource


def _telling(resource: Resource, facts: Mapping[str, Any]) -> Resource:
    live = cast("Live", resource.live)
    return resource._replace(live=live._replace(facts={**live.facts, **facts}))


def _states(want: Resource) -> bool:
    return want.address.kind == "vm" and known(cast("VirtualMachine", want.spec).snapshots) is not None


def _is_elsewhere(address: Address, found: Found, wanted: Inventory) -> bool:
    """Say whether a machine has another image at a target than its manifest says."""
    if address.kind != "vm":
        return False
    there = _facts(found[address])["disk_paths"]
    meant = _meant(cast("VirtualMachine", wanted[address].spec), found)
    return any(target in there and there[target] != path for target, path in meant)


def _meant(spec: VirtualMachine, found: Found) -> Iterable[tuple[str, str]]:
    """Yield (target, path) of the disks of a manifest whose place is known."""
    for device in known(spec.disks) or ():
        name = known(device.disk)
        disk = found.get(Address("disk", name)) if name else None
        path = known(device.file) or (_facts(disk)["path"] if disk else None)
        if path:
            yield str(device.target), path


def _is_resized(have: Resource, wanted: Inventory) -> bool:
    if have.address.kind != "disk" or have.address not in wanted:
        return False
    size = known(cast("Disk", wanted[have.address].spec).size)
    return size is not None and size != _facts(have)["capacity"]


def _facts(resource: Resource) -> Mapping[str, Any]:
    return cast("Live", resource.live).facts
