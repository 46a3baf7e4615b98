"""Rules that look at several resources at once."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from kvmctl.fields import known
from kvmctl.inventory import Address, Inventory, Resource, references
from kvmctl.ownership import PROTECT
from kvmctl.rules.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvmctl.models.disk import Disk
    from kvmctl.models.network import Network

_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_./-]*[A-Za-z0-9])?")
_LABEL_VALUE = re.compile(r"[A-Za-z0-9_.-]*")


class Shared(NamedTuple):
    """A finding and the resource that it is about."""

    resource: Resource
    finding: Finding


def cycles(inventory: Inventory) -> Iterator[Shared]:
    """Refuse disks made of themselves; each ring is reported once, where its first name stands."""
    for address, resource in inventory.items():
        if address.kind != "disk":
            continue
        trail = [address]
        while (below := _below(inventory, trail[-1])) is not None and below[1] not in trail:
            trail.append(below[1])
        if below is not None and below[1] == address == min(trail):
            ring = " → ".join(each.name for each in (*trail, address))
            finding = Finding(
                ("spec", _below_field(resource), "disk"), f"the disk is made of itself: {ring}", "break the ring"
            )
            yield Shared(resource, finding)


def rings(inventory: Inventory) -> Iterator[Shared]:
    """Refuse network filters that refer to themselves; each ring is reported where its first name stands."""
    for address, resource in inventory.items():
        if address.kind == "nwfilter":
            ring = _ring(inventory, (address,))
            if ring and address == min(ring):
                names = " → ".join(each.name for each in (*ring, address))
                finding = Finding(("spec", "rules"), f"the filter refers to itself: {names}", "break the ring")
                yield Shared(resource, finding)


def _ring(inventory: Inventory, trail: tuple[Address, ...]) -> tuple[Address, ...]:
    """Return a way along references that leads back to where the trail starts; () where there is none."""
    resource = inventory.get(trail[-1])
    for reference in references(resource.spec) if resource else ():
        if reference.target == trail[0]:
            return trail
        found = () if reference.target in trail else _ring(inventory, (*trail, reference.target))
        if found:
            return found
    return ()


def _below(inventory: Inventory, address: Address) -> tuple[str, Address] | None:
    """Return (field, address) of the Disk that a Disk is made of."""
    resource = inventory.get(address)
    if resource is None:
        return None
    for field in ("source", "backing"):
        held = known(getattr(cast("Disk", resource.spec), field))
        name = known(held.disk) if held is not None else None
        if name is not None:
            return field, Address("disk", name)
    return None


def _below_field(resource: Resource) -> str:
    found = _below({resource.address: resource}, resource.address)
    return found[0] if found else "source"


def identities(inventory: Inventory) -> Iterator[Shared]:
    """Refuse a UUID that another resource of the kind has."""
    first: dict[tuple[str, Any], Address] = {}
    for address, resource in inventory.items():
        uuid = known(getattr(resource.spec, "uuid", None))
        if uuid is None:
            continue
        owner = first.setdefault((address.kind, uuid), address)
        if owner != address:
            finding = Finding(
                ("spec", "uuid"), f"{uuid} is the UUID of {owner} already", "leave uuid out; libvirt makes one"
            )
            yield Shared(resource, finding)


def bridges(inventory: Inventory) -> Iterator[Shared]:
    """Refuse two networks that make the same bridge; several may be on one that the host has."""
    first: dict[str, Address] = {}
    for address, resource in inventory.items():
        if address.kind != "network":
            continue
        spec = cast("Network", resource.spec)
        bridge, forward = known(spec.bridge), known(spec.forward)
        name = known(bridge.name) if bridge else None
        if name is None or (forward and forward.mode == "bridge"):
            continue
        owner = first.setdefault(name, address)
        if owner != address:
            finding = Finding(
                ("spec", "bridge"),
                f"{name} is the bridge of {owner} already",
                "write another name, or leave bridge out",
            )
            yield Shared(resource, finding)


def labels(inventory: Inventory) -> Iterator[Shared]:
    """Refuse labels that --selector couldn't name."""
    for resource in inventory.values():
        for name, value in resource.labels.items():
            where = ("metadata", "labels", name)
            if not _LABEL.fullmatch(name):
                hint = "write letters, digits, - _ . and / only, starting and ending with a letter or digit"
                yield Shared(resource, Finding(where, f'"{name}" can\'t be the name of a label', hint))
            if not _LABEL_VALUE.fullmatch(value):
                hint = "write letters, digits, - _ and . only; free text goes to annotations"
                yield Shared(resource, Finding(where, f'"{value}" can\'t be the value of a label', hint))


def protection(inventory: Inventory) -> Iterator[Shared]:
    """Refuse what looks like protection and is none."""
    for resource in inventory.values():
        value = resource.annotations.get(PROTECT)
        if value not in (None, "true", "false"):
            where = ("metadata", "annotations", PROTECT)
            message = f'"{value}" is no answer to whether the object may be removed'
            yield Shared(resource, Finding(where, message, 'write "true" to protect it, or "false"'))


RULES = (cycles, rings, identities, bridges, labels, protection)
