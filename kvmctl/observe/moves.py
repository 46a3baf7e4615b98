"""What lies around a disk that is to get another image, looked at only where a manifest asks for one."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from kvmctl import moving
from kvmctl.fields import known
from kvmctl.moving import Surroundings, User
from kvmctl.observe.reading import resource
from kvmctl.xmlio import parse

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from xml.etree.ElementTree import Element

    from kvmctl.hypervisor import DomainEntry, Hypervisor, VolumeEntry
    from kvmctl.inventory import Address, Inventory, Live, Resource
    from kvmctl.models.disk import Disk

Volumes = dict[str, dict[str, "VolumeEntry"]]
"""The volumes of the pools that were looked into, by pool and name."""


def with_surroundings(
    hv: Hypervisor, found: dict[Address, Resource], wanted: Inventory, volumes: Volumes
) -> tuple[dict[Address, Resource], dict[Address, Resource]]:
    """Return the inventory with `around` on each disk that is to get another image, and the disks found elsewhere.

    Where no manifest asks for another image and no killed apply left one, nothing more is asked.
    """
    elsewhere: dict[Address, Resource] = {}
    for address, wish in wanted.items():
        pool = str(cast("Disk", wish.spec).pool) if address.kind == "disk" else ""
        if pool not in volumes:
            continue
        staged = volumes[pool].get(moving.staged_name(address.name))
        have = found.get(address)
        there = _elsewhere(hv, wish, found, staged, is_missing=have is None)
        if there is not None:
            # A copy of this name in the wanted pool, beside a mark, is the half of an interrupted move.
            found.pop(address, None)
            elsewhere[address] = _surrounded(hv, there, volumes[pool], staged)
        elif have is not None and (staged is not None or _other_image(have, wish)):
            found[address] = _surrounded(hv, have, volumes[pool], staged)
    return found, elsewhere


def _other_image(have: Resource, want: Resource) -> bool:
    """Say whether the manifest wants another format or another image below; a name there isn't resolved yet."""
    wish, facts = cast("Disk", want.spec), cast("Live", have.live).facts
    image_format, below = known(wish.format), cast("Any", wish.backing)
    if image_format is not None and image_format != facts["format"]:
        return True
    if below is None or not known(below):
        return below is None and bool(facts["backing"])
    there = known(cast("Any", cast("Disk", have.spec).backing))
    name, path = known(below.disk), known(below.path)
    return not there or (known(there.disk) != name if name else bool(path) and path != facts["backing"])


def _elsewhere(
    hv: Hypervisor, want: Resource, found: Mapping[Address, Resource], staged: VolumeEntry | None, *, is_missing: bool
) -> Resource | None:
    """Return the disk that isn't whole in its pool: in another one where a machine uses it, or the staged image."""
    if not is_missing and staged is None:
        return None
    wanted = str(cast("Disk", want.spec).pool)
    paths = [path for each in found.values() for path in (_facts(each).get("disk_paths") or {}).values()]
    named = [path for path in paths if posixpath.basename(path) == want.address.name]
    entries = [entry for path in dict.fromkeys(named) if (entry := hv.volume_at(path)) and entry.pool != wanted]
    entry = entries[0] if entries else staged if is_missing else None
    if entry is None:
        return None
    return resource(want.address, entry, hv.volume_xml(entry.pool, entry.name), want.spec, "")


def _surrounded(
    hv: Hypervisor, have: Resource, volumes: Mapping[str, VolumeEntry], staged: VolumeEntry | None
) -> Resource:
    staged_path = hv.volume_info(staged.pool, staged.name).path if staged else ""
    facts = _facts(have)
    paths = {facts["path"], staged_path} - {""}
    users = users_of(hv, {*paths, f"{facts['pool']}/{facts['volume']}"})
    around = Surroundings(users, frozenset(volumes), _overlays(hv, paths), staged_path)
    used_by = {user.machine: user.target for user in users if user.running and user.path == facts["path"]}
    live = cast("Live", have.live)
    return have._replace(live=live._replace(facts={**facts, "around": around, "used_by": used_by}))


def users_of(hv: Hypervisor, paths: Collection[str]) -> tuple[User, ...]:
    """Return the devices of all machines that hold one of the images, in their running or persistent definitions.

    An image is named by its path, and as `POOL/VOLUME` where a definition may name it so.
    """
    entries = hv.domains()
    jobs = [hv.domain_xml_job(entry, running=running) for entry in entries for running in (True, False)]
    answers = {position: parse(xml) for position, xml in hv.ask_all(jobs) if xml}
    users = []
    for number, entry in enumerate(entries):
        now, later = _held(answers.get(2 * number)), _held(answers.get(2 * number + 1))
        now = now if entry.active else {}
        later = later if entry.persistent else {}
        for device in sorted({*now, *later}):
            target, path = device
            if path in paths:
                held = now.get(device) or later[device]
                obstacle = held.obstacle or _obstacle(hv, entry)
                users.append(User(entry.name, target, path, device in now, device in later, held.format, obstacle))
    return tuple(users)


class _Held(NamedTuple):
    """How a device holds an image: as which format, and what stands in the way of another one."""

    format: str
    obstacle: str


def _held(root: Element | None) -> dict[tuple[str, str], _Held]:
    """Return how a machine's devices hold their images, by target and image."""
    held: dict[tuple[str, str], _Held] = {}
    for device in () if root is None else root.iterfind("devices/disk"):
        holder, source, driver = device.find("target"), device.find("source"), device.find("driver")
        target = "" if holder is None else holder.get("dev", "")
        if source is not None:
            held[target, _image(source)] = _Held("" if driver is None else driver.get("type", ""), _way(device, source))
        for below in device.iterfind(".//backingStore/source"):
            held.setdefault((target, _image(below)), _Held("", "has it below another image"))
    return held


def _image(source: Element) -> str:
    return source.get("file") or source.get("dev") or f"{source.get('pool')}/{source.get('volume')}"


def _way(device: Element, source: Element) -> str:
    if source.get("volume"):
        return "names it by its pool and volume, which kvmctl does not rewrite"
    if device.find("readonly") is not None or device.find("shareable") is not None:
        return "has it read-only or shared, which rules out a copy while it is used"
    return ""


def _obstacle(hv: Hypervisor, entry: DomainEntry) -> str:
    if entry.managed_save:
        return "has its memory saved (managed save), which names this image"
    if hv.moments_kept(entry.name):
        return "has snapshots or checkpoints, which lie in this image or name it"
    return ""


def _overlays(hv: Hypervisor, paths: Collection[str]) -> tuple[str, ...]:
    """Return the paths of the images in all active pools that stand on one of the images."""
    entries = [entry for pool in hv.pools() if pool.active for entry in hv.volumes(pool)]
    answers = hv.ask_all([hv.volume_xml_job(entry) for entry in entries])
    roots = [parse(xml) for _, xml in answers if xml]
    return tuple(sorted(_paths_on(roots, paths)))


def _paths_on(roots: list[Element], paths: Collection[str]) -> Iterator[str]:
    for root in roots:
        if root.findtext("backingStore/path") in paths and not root.findtext("name", "").endswith(moving.HIDDEN):
            yield root.findtext("target/path", "")


def _facts(resource: Resource) -> Mapping[str, Any]:
    return resource.live.facts if resource.live else {}
