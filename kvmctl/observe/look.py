"""The look itself: which objects are asked for, and all of them asked side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, cast

from kvmctl import record
from kvmctl.inventory import Address, references
from kvmctl.moving import UNFINISHED
from kvmctl.observe.disks import with_backing_names, with_marks, with_sources, with_users
from kvmctl.observe.guests import with_cut_off, with_guests
from kvmctl.observe.moves import with_surroundings
from kvmctl.observe.reading import resource
from kvmctl.observe.renamed import new_names
from kvmctl.observe.secrets import named, otherwise_named
from kvmctl.observe.seen import HostFacts, Observation
from kvmctl.observe.snapshots import with_snapshots
from kvmctl.record import RECORDED
from kvmctl.resolve import asks_for_a_type

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from kvmctl.hypervisor import Hypervisor, Job, PoolEntry, VolumeEntry
    from kvmctl.inventory import Inventory, Resource


class _Seen(NamedTuple):
    """An object to read: its listing, the question for its XML, and that for the XML in effect, where there is one."""

    address: Address
    entry: Any
    question: Job
    running: Job | None = None


def observe(
    hv: Hypervisor, wanted: Inventory | None = None, *, everything: bool = False, capabilities: bool = False
) -> Observation:
    """Return what exists at the wanted addresses and at those that they refer to, or with `everything` all there is.

    Of a wanted resource only the fields that its spec states are read, and the others are UNSET; what is merely
    referred to is read whole. Each object costs one call, a running machine or network a second one for the definition
    in effect, a network that running machines are on one for its ports, and everything else a number of calls that
    doesn't grow with the number of objects, but for snapshots, which are asked for where a manifest states them or they
    may explain a difference. The host's
    `capabilities` are asked for too where a wanted machine doesn't exist yet. A read-only connection is enough; raises
    HypervisorError.
    """
    return _Look(hv, wanted or {}, everything=everything).observation(capabilities=capabilities)


class _Look:
    """One look at a host."""

    def __init__(self, hv: Hypervisor, wanted: Inventory, *, everything: bool) -> None:
        self.hv = hv
        self.wanted = wanted
        self.everything = everything
        self.masks = {} if everything else _masks(wanted)
        self.kinds = {address.kind for address in self.masks}
        self.volumes: dict[str, dict[str, VolumeEntry]] = {}
        self.new_names: dict[str, Address] = {}

    def observation(self, *, capabilities: bool) -> Observation:
        """Return all that was asked for."""
        pools = self.hv.pools() if self._asked("pool") or self._asked("disk") else []
        seen = [
            *self._secrets(),
            *self._nwfilters(),
            *self._pools(pools),
            *self._networks(),
            *self._disks(pools),
            *self._machines(),
        ]
        found = with_users(self.hv, with_backing_names(dict(sorted(self._read(seen)))), self.wanted)
        found = self._with_record(found)
        found = with_snapshots(self.hv, found, self.wanted, everything=self.everything)
        found = with_guests(self.hv, with_cut_off(self.hv, found, self.wanted), self.wanted)
        found, elsewhere = with_surroundings(self.hv, found, self.wanted, self.volumes)
        ask = capabilities or any(asks_for_a_type(found.get(address), self.wanted[address]) for address in self.wanted)
        return Observation(found, self._hidden(pools), _host(self.hv, ask=ask), elsewhere)

    def _with_record(self, found: dict[Address, Resource]) -> dict[Address, Resource]:
        """Return the inventory with what the host's record tells, read once where it may tell something."""
        if not any(address.kind in RECORDED and (self.everything or address in self.wanted) for address in found):
            return found
        known_of = record.parse(self.hv.read_record())
        return with_marks(with_sources(found, known_of), known_of)

    def _asked(self, kind: str) -> bool:
        return self.everything or kind in self.kinds

    def _is_asked(self, address: Address) -> bool:
        return self.everything or address in self.masks

    def _secrets(self) -> Iterator[_Seen]:
        """Yield the secrets asked for; one that others name by its UUID too is seen at that address too."""
        entries = self.hv.secrets() if self._asked("secret") else []
        found = dict(named(entries, self.masks))
        also = {} if self.everything else dict(otherwise_named(entries))
        for address, entry in {**also, **found}.items():
            if self._is_asked(address):
                yield self._seen(address, entry, self.hv.secret_xml_job(entry))

    def _nwfilters(self) -> Iterator[_Seen]:
        for entry in self.hv.nwfilters() if self._asked("nwfilter") else ():
            address = Address("nwfilter", entry.name)
            if self._is_asked(address):
                yield self._seen(address, entry, self.hv.nwfilter_xml_job(entry))

    def _machines(self) -> Iterator[_Seen]:
        entries = self.hv.domains() if self._asked("vm") else ()
        self.new_names = new_names(self.wanted, entries)
        for entry in entries:
            address = self.new_names.get(entry.name) or Address("vm", entry.name)
            if self._is_asked(address):
                running = self.hv.domain_xml_job(entry, running=True) if entry.active else None
                yield self._seen(address, entry, self.hv.domain_xml_job(entry), running)

    def _networks(self) -> Iterator[_Seen]:
        for entry in self.hv.networks() if self._asked("network") else ():
            address = Address("network", entry.name)
            if self._is_asked(address):
                running = self.hv.network_xml_job(entry, running=True) if entry.active else None
                yield self._seen(address, entry, self.hv.network_xml_job(entry), running)

    def _pools(self, pools: Iterable[PoolEntry]) -> Iterator[_Seen]:
        for entry in pools:
            address = Address("pool", entry.name)
            if self._is_asked(address):
                # Only its running XML says how much room a pool has, which is shown and never compared.
                show = entry.active and self.everything
                running = self.hv.pool_xml_job(entry, running=True) if show else None
                yield self._seen(address, entry, self.hv.pool_xml_job(entry), running)

    def _disks(self, pools: Iterable[PoolEntry]) -> Iterator[_Seen]:
        """Yield the volumes asked for: a wanted one of its own pool, one referred to of the first that has it."""
        places = self._places()
        asked = {pool for pool, _ in places}
        taken: set[Address] = set()
        for pool in pools:
            if pool.active and (self.everything or None in asked or pool.name in asked):
                entries = _whole(self.hv.volumes(pool))
                self.volumes[pool.name] = {entry.name: entry for entry in entries}
                for entry in entries:
                    address = self._disk_address(entry, places, taken)
                    if address is not None:
                        taken.add(address)
                        yield self._seen(address, entry, self.hv.volume_xml_job(entry))

    def _places(self) -> dict[tuple[str | None, str], Address]:
        """Return the addresses of the disks asked for by pool (None: whichever) and name."""
        disks = {address: mask for address, mask in self.masks.items() if address.kind == "disk"}
        return {(mask.pool if mask else None, address.name): address for address, mask in disks.items()}

    def _disk_address(
        self, entry: VolumeEntry, places: Mapping[tuple[str | None, str], Address], taken: set[Address]
    ) -> Address | None:
        """Return the address of a volume, or None where it isn't asked for."""
        if self.everything:
            plain = Address("disk", entry.name)
            return plain if plain not in taken else Address("disk", f"{entry.pool}/{entry.name}")
        referred = places.get((None, entry.name))
        return places.get((entry.pool, entry.name)) or (referred if referred not in taken else None)

    def _hidden(self, pools: Iterable[PoolEntry]) -> frozenset[Address]:
        stopped = {pool.name for pool in pools if not pool.active}
        return frozenset(address for (pool, _), address in self._places().items() if pool in stopped)

    def _seen(self, address: Address, entry: Any, question: Job, running: Job | None = None) -> _Seen:
        return _Seen(address, entry, question, running)

    def _read(self, seen: list[_Seen]) -> Iterator[tuple[Address, Resource]]:
        """Yield the resources, each once all is answered that it needs; those that have vanished are left out."""
        running = [at for at, item in enumerate(seen) if item.running]
        jobs = [*(item.question for item in seen), *(seen[at].running for at in running)]
        answers: dict[int, Any] = {}
        effect = dict(zip(running, range(len(seen), len(jobs)), strict=True))
        whose = {position: at for at, position in effect.items()}
        for position, answer in self.hv.ask_all(cast("Any", jobs)):
            answers[position] = answer
            at = whose.get(position, position)
            if at not in answers or effect.get(at, at) not in answers:
                continue
            item, xml = seen[at], answers.pop(at)
            running_xml = answers.pop(effect[at]) if at in effect else None
            if xml is not None:
                mask = self.masks.get(item.address)
                yield item.address, resource(item.address, item.entry, xml, mask, running_xml or "")


def _whole(entries: list[VolumeEntry]) -> list[VolumeEntry]:
    """Return the volumes without those that libvirt had not finished when something ended that, and their marks."""
    marks = {entry.name for entry in entries if entry.name.endswith(UNFINISHED)}
    if not marks:
        return entries
    return [entry for entry in entries if entry.name not in marks and entry.name + UNFINISHED not in marks]


def _masks(wanted: Inventory) -> dict[Address, Any]:
    """Return what to read of each address: a wanted spec's fields; None, all of it, for what is referred to."""
    masks: dict[Address, Any] = {address: resource.spec for address, resource in wanted.items()}
    for each in wanted.values():
        for reference in references(each.spec):
            masks.setdefault(reference.target, None)
    return masks


def _host(hv: Hypervisor, *, ask: bool) -> HostFacts:
    versions = (hv.uri, hv.libvirt_version(), hv.hypervisor_version())
    if not ask:
        return HostFacts(*versions)
    offered = hv.capabilities()
    return HostFacts(*versions, offered.arch, offered.types)
