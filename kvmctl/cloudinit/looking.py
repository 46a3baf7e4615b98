"""The seeds that machines are to have, beside those that they have; and the bytes of one."""

from __future__ import annotations

import json
import os
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from kvmctl.cloudinit.parts import parts_of, references, texts
from kvmctl.errors import KvmctlError, ManifestError, Problem
from kvmctl.fields import known
from kvmctl.inventory import Address
from kvmctl.manifest import problem_at
from kvmctl.resolve import Place, volume_place
from kvmctl.seeding import CLOUD_INIT, IGNITION, Seed, named, seed_paths

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kvmctl.hypervisor import Hypervisor
    from kvmctl.inventory import Inventory, Resource
    from kvmctl.models.secret import SecretValue
    from kvmctl.models.vm import VirtualMachine

    Fetched = Callable[[Resource, SecretValue, tuple[str | int, ...]], bytes]

SHOWN: Final = "kvmctl.json"
"""The file of a seed with secrets that holds its texts with references in their place, for the next plan to compare."""
_MOST: Final = 16 * 2**20
"""The size of the largest seed that is read: a larger file of such a name is none."""


def prepare(
    want: Mapping[Address, Resource], have: Inventory, hypervisor: Hypervisor, fetched: Fetched
) -> dict[Address, tuple[Seed, ...]]:
    """Return the seeds of each wanted machine that has some; ManifestError names all that can't be made.

    `fetched` gets secrets; they are asked for only where the connection may read what libvirt has, to compare.
    """
    host, found, problems = _Host(hypervisor), dict[Address, tuple[Seed, ...]](), list[Problem]()
    for address, resource in want.items():
        fields = [field for field in (CLOUD_INIT, IGNITION) if known(getattr(resource.spec, field, None)) is not None]
        seeds = []
        for field in fields:
            made = _seed(resource, field, want, have)
            if isinstance(made, Problem):
                problems.append(made)
            else:
                seeds.append(_beside(made, resource, have.get(address), host, fetched))
        if seeds:
            found[address] = tuple(seeds)
    if problems:
        raise ManifestError(tuple(problems))
    return found


def _seed(resource: Resource, field: str, want: Inventory, have: Inventory) -> Seed | Problem:
    yaml = {CLOUD_INIT: "cloudInit", IGNITION: IGNITION}[field]
    pool, sibling = _pool(resource, field, want, have)
    if not pool:
        message = f"{resource.address} has no Disk whose pool could hold what its guest is told at first"
        return problem_at(resource, ("spec", yaml), message, f"write {yaml}: {{pool: NAME}}")
    parts = parts_of(resource, field)
    told, name = texts(parts), resource.address.name
    volume = named(name, field, told)
    place = sibling(volume) if sibling else volume_place(pool, volume, want, have)
    secrets = any(True for _ in references(parts))
    return Seed(field, name, pool, volume, place.attribute, place.path, told, has_secrets=secrets)


def _pool(
    resource: Resource, field: str, want: Inventory, have: Inventory
) -> tuple[str, Callable[[str], Place] | None]:
    """Return the pool that is named for a seed, or that of the machine's first Disk; '' where there is none.

    A pool that wasn't looked at, because only the host has the Disk, has its volumes where that one is.
    """
    spec = cast("VirtualMachine", resource.spec)
    stated = known(getattr(spec, field).pool)
    if stated is not None:
        return str(stated), None
    for device in known(spec.disks) or ():
        source = known(device.source)
        disk = Address("disk", known(device.disk) or (known(source.volume) if source else None) or "")
        live = have[disk].live if disk in have else None
        if disk in want:
            return str(cast("Any", want[disk].spec).pool), None
        if live is not None:
            return live.facts["pool"], partial(_beside_disk, live.facts)
    return "", None


def _beside_disk(facts: Mapping[str, Any], name: str) -> Place:
    folder = facts["path"].rpartition("/")[0]
    return Place("block" if facts["type"] == "block" else "file", f"{folder}/{name}", "raw")


def _beside(seed: Seed, resource: Resource, existing: Resource | None, host: _Host, fetched: Fetched) -> Seed:
    """Return the seed with what the machine has instead, and whether it is there already."""
    live = existing.live if existing else None
    former = seed_paths(live.xml, seed.machine).get(seed.field, "") if live else ""
    is_other = former not in ("", seed.path)
    if is_other and known(getattr(resource.spec, seed.field).on_change) == "ignore":
        return seed._replace(former_path=former, stays=True, is_there=True)
    is_there = seed.name in host.names(seed.pool)
    if is_there and seed.has_secrets and not host.readonly:
        is_there = host.content(seed.pool, seed.path) == contents(resource, seed, fetched)
    return seed._replace(former_path=former, is_there=is_there, former=host.former(seed, former) if is_other else None)


def contents(resource: Resource, seed: Seed, fetched: Fetched) -> bytes:
    """Return the bytes of a seed: an ISO image for cloud-init, a text for Ignition; KvmctlError without its secrets."""
    told = texts(parts_of(resource, seed.field), partial(_secret, resource, fetched))
    if seed.field == IGNITION:
        return told["config"].encode()
    from kvmctl.cloudinit import iso

    files = {name: text.encode() for name, text in told.items()}
    if seed.has_secrets:
        files[SHOWN] = json.dumps(dict(seed.texts), sort_keys=True).encode()
    return iso.image(files)


def _secret(resource: Resource, fetched: Fetched, source: SecretValue, path: tuple[str | int, ...]) -> str:
    try:
        return fetched(resource, source, path).decode()
    except UnicodeDecodeError:
        hint = "what goes into first-boot data has to be text; encode it there"
        raise KvmctlError(f"{resource.address}: the secret for {path[-1]} is not UTF-8", hint) from None


class _Host:
    """What the host has of seeds, each pool listed once."""

    def __init__(self, hypervisor: Hypervisor) -> None:
        self._hypervisor = hypervisor
        self._names: dict[str, frozenset[str]] = {}
        self.readonly = hypervisor.readonly

    def names(self, pool: str) -> frozenset[str]:
        """Return the names of a pool's volumes; none where it isn't active."""
        if pool not in self._names:
            entries = [each for each in self._hypervisor.pools() if each.name == pool and each.active]
            self._names[pool] = frozenset(each.name for entry in entries for each in self._hypervisor.volumes(entry))
        return self._names[pool]

    def content(self, pool: str, path: str) -> bytes:
        """Return the bytes of the volume at a path, which no read-only connection is given."""
        with tempfile.TemporaryDirectory(prefix="kvmctl-") as folder:
            file = Path(folder) / "seed"
            self._hypervisor.download_volume(pool, path.rpartition("/")[2], file)
            return file.read_bytes()

    def former(self, seed: Seed, path: str) -> Mapping[str, str] | None:
        """Return the texts of the seed at a path; None where they can't be read, or aren't those that its name tells.

        A file of that path on this machine will do, wherever libvirt is: the name proves the content.
        """
        name = path.rpartition("/")[2]
        found = _local(Path(path))
        if found is None and not self.readonly and name in self.names(seed.pool):
            found = self.content(seed.pool, path)
        told = _texts(seed.field, found) if found is not None else None
        return told if told is not None and named(seed.machine, seed.field, told) == name else None


def _local(path: Path) -> bytes | None:
    """Return what a file of this machine holds; None where it has none of that path that may be read."""
    try:
        with path.open("rb") as file:
            return file.read(_MOST) if os.fstat(file.fileno()).st_size < _MOST else None
    except OSError:
        return None


def _texts(field: str, data: bytes) -> Mapping[str, str] | None:
    """Return the texts of a seed's bytes, with references in the place of secrets; None where it isn't one."""
    try:
        if field == IGNITION:
            return {"config": data.decode()}
        from kvmctl.cloudinit import iso

        files = iso.files(data)
        if SHOWN in files:
            return dict(json.loads(files[SHOWN]))
        return {name: text.decode() for name, text in files.items()}
    except (KvmctlError, ValueError):
        return None
