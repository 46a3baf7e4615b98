"""Derived values: the path and format of each Disk that a manifest names, and the references that lead nowhere."""

from __future__ import annotations

import dataclasses
import posixpath
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from kvmctl.fields import changed, is_set, known
from kvmctl.inventory import Address, Inventory, Resource, meant, must_exist, references
from kvmctl.manifest import problem_at

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from kvmctl.errors import Problem
    from kvmctl.models.disk import Disk
    from kvmctl.models.disk_device import DiskDevice
    from kvmctl.models.pool import StoragePool
    from kvmctl.models.storage_source import StorageSource
    from kvmctl.models.vm import VirtualMachine

OVERLAY_FORMAT = "qcow2"
"""The format in which libvirt makes the overlay of an external snapshot, unless it is told otherwise (libvirt 9.0)."""
_DEVICES = frozenset({"logical", "disk", "scsi", "iscsi", "mpath", "zfs"})


class Place(NamedTuple):
    """Where a Disk's content is: `attribute` is the field of a device that names it (file or block)."""

    attribute: str
    path: str
    format: str


def resolve(want: Inventory, have: Inventory) -> tuple[dict[Address, Resource], list[Problem]]:
    """Return the wanted resources with derived values, and a Problem for each reference that leads nowhere."""
    problems = [problem for resource in want.values() for problem in _dangling(resource, want, have)]
    if problems:
        return dict(want), problems
    resolved = {}
    for address, resource in want.items():
        spec: Any = resource.spec
        if address.kind == "vm":
            if any(_names_a_disk(device) for device in spec.disks or ()):
                spec = _with_disks(spec, want, have, _held(have.get(address)))
            spec = _with_overlays(spec, have.get(address))
        elif address.kind == "disk" and known(spec.backing) and known(spec.backing.disk):
            spec = _with_backing(spec, want, have)
        resolved[address] = resource if spec is resource.spec else resource._replace(spec=spec)
    return resolved, []


def _dangling(resource: Resource, want: Inventory, have: Inventory) -> Iterable[Problem]:
    for reference in references(resource.spec):
        target = meant(reference.target, want, have)
        if target in want or target in have or not must_exist(resource, reference):
            continue
        message = f"{resource.address} needs {target}, which is neither in the manifests nor on the host"
        yield problem_at(resource, reference.path, message, f"add a manifest for {target}, or correct the name")


def asks_for_a_type(have: Resource | None, want: Resource) -> bool:
    """Say whether the host has to offer a domain type: for a new machine, or one that is to change its type."""
    if want.address.kind != "vm":
        return False
    wanted = known(cast("VirtualMachine", want.spec).type)
    return have is None or (wanted is not None and wanted != cast("VirtualMachine", have.spec).type)


def disk_place(name: str, want: Inventory, have: Inventory) -> Place:
    """Return where a Disk is, or will be: libvirt's own path where it exists, else the pool's folder and its name."""
    address = Address("disk", name)
    existing, wanted = have.get(address), want.get(address)
    spec = cast("Disk", wanted.spec) if wanted else None
    image_format = known(spec.format) if spec else None
    if existing is not None and existing.live is not None:
        # What isn't wanted of the disk was not read into its spec, and its pool need not have been looked at.
        facts = existing.live.facts
        attribute = "block" if facts["type"] == "block" else "file"
        return Place(attribute, facts["path"], image_format or facts["format"] or "raw")
    return volume_place(cast("str", cast("Disk", spec).pool), name, want, have)._replace(format=image_format or "raw")


def volume_place(pool: str, name: str, want: Inventory, have: Inventory) -> Place:
    """Return where a raw volume of a pool will be: in the pool's folder, under its name."""
    found = _pool(pool, want, have)
    return Place("block" if found.type in _DEVICES else "file", posixpath.join(_folder(found), name), "raw")


def _pool(name: str, want: Inventory, have: Inventory) -> StoragePool:
    address = Address("pool", name)
    wanted = cast("StoragePool | None", want[address].spec if address in want else None)
    existing = cast("StoragePool | None", have[address].spec if address in have else None)
    if wanted is None:
        return cast("StoragePool", existing)
    if existing is not None and known(wanted.path) is None:
        return dataclasses.replace(wanted, path=known(existing.path))
    return wanted


def _folder(pool: StoragePool) -> str:
    if known(pool.path):
        return str(pool.path)
    source = known(pool.source)
    group = known(source.name) if source else None
    return f"/dev/{group}" if pool.type == "logical" and group else "/dev"


def _held(existing: Resource | None) -> dict[object, StorageSource | None]:
    """Return what the disks of an existing machine hold, by their targets."""
    devices = known(cast("VirtualMachine", existing.spec).disks) if existing else None
    return {device.target: known(device.source) for device in devices or ()}


def _names_a_disk(device: DiskDevice) -> bool:
    source = known(device.source)
    return known(device.disk) is not None or (source is not None and known(source.volume) is not None)


def _with_format(device: DiskDevice, want: Inventory, have: Inventory, held: StorageSource | None) -> DiskDevice:
    """Return a device that names a Disk by pool and volume with that one's format, where the device is new.

    libvirt 9.0 takes a volume for raw where a device doesn't say its format, whatever the pool knows of it. A device
    that exists stays as it is: what the manifest doesn't state isn't managed.
    """
    source = known(device.source)
    if is_set(device.format) or source is None or known(source.volume) is None:
        return device
    address = Address("disk", cast("str", source.volume))
    disk = want.get(address) or have.get(address)
    is_old = held is not None and (held.pool, held.volume) == (source.pool, source.volume)
    if is_old or disk is None or cast("Disk", disk.spec).pool != source.pool:
        return device
    return changed(device, format=disk_place(address.name, want, have).format)


def _with_disks(
    spec: VirtualMachine, want: Inventory, have: Inventory, held: Mapping[object, StorageSource | None]
) -> VirtualMachine:
    devices = []
    for device in spec.disks or ():
        if known(device.disk) is None:
            devices.append(_with_format(device, want, have, held.get(device.target)))
            continue
        place = disk_place(cast("str", device.disk), want, have)
        derived: dict[str, Any] = {place.attribute: place.path}
        if not is_set(device.format):
            derived["format"] = place.format
        devices.append(changed(device, **derived))
    return changed(spec, disks=tuple(devices))


def _with_overlays(spec: VirtualMachine, have: Resource | None) -> VirtualMachine:
    """Return the machine with the overlay in effect at each target whose image an external snapshot put it on.

    The image is what the manifest means, and the overlay is how libvirt goes on writing to it.
    """
    facts = have.live.facts if have and have.live else {}
    overlays: dict[str, str] = facts.get("overlays") or {}
    if not overlays:
        return spec
    devices = []
    for device in known(spec.disks) or ():
        path, top = known(device.file), facts["disk_paths"].get(str(device.target))
        if path and top != path and path in _below(top, overlays):
            devices.append(changed(device, file=top, format=OVERLAY_FORMAT))
        else:
            devices.append(device)
    return changed(spec, disks=tuple(devices)) if devices else spec


def _below(path: str | None, overlays: dict[str, str]) -> Iterable[str]:
    """Yield the images below an overlay, the nearest first."""
    while path in overlays:
        path = overlays[path]
        yield path


def _with_backing(spec: Disk, want: Inventory, have: Inventory) -> Disk:
    backing = cast("Any", spec.backing)
    place = disk_place(backing.disk, want, have)
    return dataclasses.replace(spec, backing=dataclasses.replace(backing, path=place.path, format=place.format))
