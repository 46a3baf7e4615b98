"""Limits, shares and pins of a running guest: the parameters of libvirt's calls, from the rows that the calls are of.

Where a call replaces more than it is given, it gets the values that nobody changes along.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from kvmctl.actions import Operation
from kvmctl.fields import Model, known, rows, trail_of
from kvmctl.live import LiveCall
from kvmctl.models.vm import VirtualMachine
from kvmctl.plan import equivalent as virsh
from kvmctl.plan.guest import Call

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvmctl.diff import Change
    from kvmctl.fields import Row
    from kvmctl.models.resources import BlkioDevice
    from kvmctl.plan.guest import Group, Guest

Parameters = dict[str, Any]

UNLIMITED: Final = 9007199254740991
"""What libvirt takes for no limit of memory, in KiB (VIR_DOMAIN_MEMORY_PARAM_UNLIMITED)."""


def schedule(guest: Guest, group: Group) -> Call:
    """Return the call that sets shares, periods and quotas of CPU time."""
    wanted = {_parameter(change.row): _at(guest.spec, change) for change in group.changes}
    words = " ".join(f"{name}={value}" for name, value in wanted.items())
    command = virsh.domain(guest.want, "schedinfo", f"{group.flags} {words}")
    return _tune(LiveCall.SCHEDULER, command, wanted, _former(guest, group))


def limit_memory(guest: Guest, group: Group) -> Call:
    """Return the call that limits the emulator's memory; what is taken away becomes no limit."""
    wanted = {_parameter(change.row): _kib(_at(guest.spec, change)) for change in group.changes}
    former = {_parameter(change.row): _kib(_at(guest.running, change)) for change in group.changes}
    words = " ".join(f"{_option(name)} {-1 if size == UNLIMITED else size}" for name, size in wanted.items())
    command = virsh.domain(guest.want, "memtune", f"{words} {group.flags}")
    return _tune(LiveCall.MEMORY_LIMITS, command, wanted, former)


def _kib(size: int | None) -> int:
    return UNLIMITED if size is None else size // 1024


def share_blocks(guest: Guest, group: Group) -> Call:
    """Return the call that sets the weight among the host's block devices, and the limits on single ones."""
    wanted = _block_shares(guest.spec, group)
    words = " ".join(f"{_plural(_option(name))} {value}" for name, value in wanted.items())
    command = virsh.domain(guest.want, "blkiotune", f"{words} {group.flags}")
    return _tune(LiveCall.BLOCK_SHARES, command, wanted, _block_shares(guest.running, group))


def _block_shares(machine: VirtualMachine, group: Group) -> Parameters:
    """Return the values that a machine has for the changed ones; a limit that it doesn't have is 0."""
    found: Parameters = {}
    tune = machine.blkiotune
    if any(change.field == ("blkiotune", "weight") for change in group.changes) and tune and known(tune.weight):
        found["weight"] = tune.weight
    items: dict[str, BlkioDevice] = {str(each.path): each for each in known(tune.devices) or ()} if tune else {}
    for path, name, row in _block_limits(group):
        value = known(getattr(items.get(path), row.name, None)) or 0
        found[name] = ",".join(filter(None, (found.get(name), f"{path},{value}")))
    return found


def _block_limits(group: Group) -> Iterator[tuple[str, str, Row]]:
    """Yield (path of the block device, parameter, row) of each limit that changes."""
    for change in group.changes:
        if change.field[1] != "devices":
            continue
        for row in rows(trail_of(VirtualMachine, ("blkiotune", "devices"))[-1].model or Model).values():
            of_item = change.is_item and row.yaml in (change.before or change.after)
            if row.parameter and (of_item or row is change.row):
                yield change.item, row.parameter, row


def choose_nodes(guest: Guest, group: Group) -> Call:
    """Return the call that moves the memory to other NUMA nodes of the host."""
    wanted = {_parameter(change.row): _at(guest.spec, change) for change in group.changes}
    command = virsh.domain(guest.want, "numatune", f"--nodeset {group.first.after} {group.flags}")
    return _tune(LiveCall.NODES, command, wanted, _former(guest, group))


def throttle(guest: Guest, group: Group) -> Call:
    """Return the call that limits a disk's I/O; a limit that is taken away becomes 0, which is none."""
    wish, target = guest.wish(group.first), group.first.item
    running, persistent = (_throttles(wish, guest.item(group.first, persistent=each)) for each in (False, True))
    words = " ".join(f"{_option(name)} {virsh.quote(str(value))}" for name, value in running.items())
    command = virsh.domain(guest.want, "blkdeviotune", f"{virsh.quote(target)} {words} {group.flags}")
    former = _throttles(guest.item(group.first), wish)
    return _tune(LiveCall.IOTUNE, command, running, former, device=target, definition=persistent)


def _throttles(wish: Model | None, disk: Model | None) -> Parameters:
    """Return the limits of a disk, the wanted ones over those that it has; those that end are 0."""
    group = trail_of(VirtualMachine, ("disks", "iotune"))[-1]
    wanted, existing = (getattr(each, group.name, None) for each in (wish, disk))
    found: Parameters = {}
    for row in rows(group.model or Model).values():
        value = _merged(wanted, existing, row)
        if value or _merged(existing, None, row):
            found[row.place] = value or 0
    return found


def _merged(wanted: Any, existing: Any, row: Row) -> Any:
    """Return what a group wants of a field, or has where it isn't said; None takes the group away."""
    if not isinstance(wanted, Model):
        return None
    if row.name in wanted.__dict__:
        return known(getattr(wanted, row.name))
    return known(getattr(existing, row.name, None))


def limit_traffic(guest: Guest, group: Group) -> Call:
    """Return the call that limits an interface's traffic; an average of 0 is no limit."""
    wish, nic = guest.wish(group.first), guest.item(group.first)
    running, persistent = (_rates(wish, guest.item(group.first, persistent=each)) for each in (False, True))
    mac = str(getattr(nic, "mac", ""))
    words = " ".join(f"--{way} {_rate_words(way, running)}" for way in ("inbound", "outbound"))
    command = virsh.domain(guest.want, "domiftune", f"{mac} {words} {group.flags}")
    return _tune(LiveCall.BANDWIDTH, command, running, _rates(nic, wish), device=mac, definition=persistent)


def _rates(wish: Model | None, nic: Model | None) -> Parameters:
    """Return the limits in both directions, the wanted ones over those that there are."""
    group = trail_of(VirtualMachine, ("interfaces", "bandwidth"))[-1]
    wanted, existing = (getattr(each, group.name, None) for each in (wish, nic))
    found: Parameters = {}
    for way in rows(group.model or Model).values():
        rates, old = _merged(wanted, existing, way), getattr(existing, way.name, None)
        for row in rows(way.model or Model).values():
            value = _merged(rates, old, row)
            if value or row.yaml == "average":
                found[f"{way.place}.{row.yaml}"] = value or 0
    return found


def _rate_words(way: str, rates: Parameters) -> str:
    words = [str(rates.get(f"{way}.{name}") or "") for name in ("average", "peak", "burst", "floor")]
    return ",".join(words).rstrip(",") or "0"


def pin_vcpu(guest: Guest, group: Group) -> Call:
    """Return the call that pins a virtual CPU."""
    return _pin(guest, group, LiveCall.PIN_VCPU)


def pin_iothread(guest: Guest, group: Group) -> Call:
    """Return the call that pins an I/O thread."""
    return _pin(guest, group, LiveCall.PIN_IOTHREAD)


def pin_emulator(guest: Guest, group: Group) -> Call:
    """Return the call that pins the emulator's own threads."""
    return _pin(guest, group, LiveCall.PIN_EMULATOR)


def _pin(guest: Guest, group: Group, call: LiveCall) -> Call:
    change = group.first
    cpuset = change.after["cpuset"] if change.is_item else change.after
    command = virsh.domain(guest.want, call.value, " ".join(filter(None, (change.item, str(cpuset), group.flags))))
    return Call(Operation.PIN, command, {"call": call.value, "number": change.item, "cpuset": str(cpuset)})


def set_iothreads(guest: Guest, group: Group) -> Call:
    """Return the calls that add and delete I/O threads, in the guest and in its definition."""
    wanted = _wanted_threads(guest)
    ways = {"--live": guest.running} | ({"--config": guest.persistent} if group.config else {})
    steps = [(flag, verb, number) for flag, machine in ways.items() for verb, number in _to_do(wanted, machine)]
    command = tuple(line for flag, verb, number in steps for line in virsh.domain(guest.want, verb, f"{number} {flag}"))
    return Call(Operation.SET_IOTHREADS, command, {"steps": [list(step) for step in steps]})


def _to_do(wanted: set[int], machine: VirtualMachine) -> Iterator[tuple[str, int]]:
    have = set(_threads(machine))
    yield from (("iothreadadd", number) for number in sorted(wanted - have))
    yield from (("iothreaddel", number) for number in sorted(have - wanted))


def _wanted_threads(guest: Guest) -> set[int]:
    """Return the numbers of the wanted threads: stated, or the first ones that make up the stated count."""
    stated = known(guest.spec.iothreadids)
    if stated is not None:
        return {cast("int", thread.id) for thread in stated}
    have, count = _threads(guest.running), known(guest.spec.iothreads) or 0
    free = (number for number in range(1, count + len(have) + 1) if number not in have)
    return set(have[:count]) | {next(free) for _ in range(count - len(have))}


def _threads(machine: VirtualMachine) -> list[int]:
    ids = sorted(cast("int", thread.id) for thread in machine.iothreadids or ())
    return ids or list(range(1, (machine.iothreads or 0) + 1))


def _tune(  # noqa: PLR0913 - what the call is told, and what would undo it
    call: LiveCall, command: tuple[str, ...], wanted: Parameters, former: Parameters, *, device: str = "",
    definition: Parameters | None = None,
) -> Call:  # fmt: skip
    details = {
        "call": call.value, "device": device, "parameters": wanted, "former": former,
        "definition": wanted if definition is None else definition,
    }  # fmt: skip
    return Call(Operation.TUNE, command, details)


def _parameter(row: Row) -> str:
    return row.parameter or row.place


def _former(guest: Guest, group: Group) -> Parameters:
    """Return the values that the guest has now, as far as it has any."""
    values = {_parameter(change.row): _at(guest.running, change) for change in group.changes}
    return {name: value for name, value in values.items() if value is not None}


def _at(machine: VirtualMachine, change: Change) -> Any:
    """Return a machine's value of a field that is in no list; None where it has none."""
    value: Any = machine
    for row in trail_of(VirtualMachine, change.field):
        value = known(getattr(value, row.name, None))
    return value


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _plural(option: str) -> str:
    return "--device-weights" if option == "--device-weight" else option
