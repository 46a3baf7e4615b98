"""Seeds: made whole or not at all, put into the definition, and removed once no definition names them."""

from __future__ import annotations

import secrets
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from kvmctl import cloudinit, seeding, xmlio
from kvmctl.apply.filling import PART_PREFIX
from kvmctl.credentials import fetched

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kvmctl.actions import Action
    from kvmctl.apply.context import Context
    from kvmctl.seeding import Seed


def make(action: Action, context: Context) -> None:
    """Make the seeds of a machine that aren't there yet."""
    for seed in action.details.get("seeds", ()):
        if not seed.is_there:
            with context.lane(seed.pool):
                _make(cloudinit.contents(context.want(action), seed, fetched), seed, context)


def _make(data: bytes, seed: Seed, context: Context) -> None:
    """Send the bytes as a volume of another name, and let libvirt copy it to the final one: half a seed has no name."""
    hypervisor = context.hypervisor
    hypervisor.refresh_pool(seed.pool)
    part = f"{PART_PREFIX}{secrets.token_hex(8)}.part"
    hypervisor.create_volume(seed.pool, _volume(part, len(data)))
    try:
        with tempfile.TemporaryDirectory(prefix="kvmctl-") as folder:
            file = Path(folder) / "seed"
            file.write_bytes(data)
            hypervisor.upload_volume(seed.pool, part, file)
        if any(each.name == seed.name for each in hypervisor.volumes(seed.pool)):
            hypervisor.delete_volume(seed.pool, seed.name)  # a half, or one with other secrets
        hypervisor.create_volume_from(seed.pool, _volume(seed.name, len(data)), seed.pool, part)
    finally:
        hypervisor.delete_volume(seed.pool, part)


def _volume(name: str, size: int) -> str:
    root = xmlio.parse("<volume><name/><capacity unit='bytes'/><target><format type='raw'/></target></volume>")
    for tag, text in (("name", name), ("capacity", str(size))):
        element = root.find(tag)
        if element is not None:
            element.text = text
    # Whoever may read the file reads what the guest is told; libvirt gives it to the guest's user while one runs.
    mode = xmlio.parse("<permissions><mode>0600</mode></permissions>")
    target = root.find("target")
    if target is not None:
        target.append(mode)
    return xmlio.serialize(root)


def clean(machine: str, pools: Iterable[str], used: Iterable[str], context: Context) -> None:
    """Remove the seeds of a machine in some pools that none of the paths in use names."""
    for pool in dict.fromkeys(pools):
        with context.lane(pool):
            context.hypervisor.refresh_pool(pool)
            names = [each.name for each in context.hypervisor.volumes(pool)]
            for name in seeding.stale(names, machine, used):
                context.hypervisor.delete_volume(pool, name)


def tidy(action: Action, context: Context) -> None:
    """Remove the seeds that a machine had before it was started on its new definition."""
    used = used_by(action, context)
    clean(action.address.name, pools_of(used, context), used, context)


def pools_of(paths: Iterable[str], context: Context) -> list[str]:
    """Return the pools that hold the seeds at some paths, as far as they are active."""
    found = [context.hypervisor.volume_at(path) for path in paths]
    return [entry.pool for entry in found if entry is not None]


def used_by(action: Action, context: Context) -> list[str]:
    """Return the paths of the seeds that the definitions of a machine name now."""
    hypervisor, name = context.hypervisor, action.address.name
    definitions = [hypervisor.domain_xml(name, running=running) for running in (False, True)]
    return [path for xml in definitions for path in seeding.seed_paths(xml, name).values()]
