"""What virNetworkUpdate can do to a running network: which lists differ, and the calls that make them equal.

Measured on libvirt 9.0: only hosts of DHCP and groups of ports can be modified, all else has to be deleted and added. A
host is found by its MAC address or its name, whichever comes first in the list, and then overwritten: one whose name or
MAC address changes is deleted and added too. A DNS host is found by its address or any of its names: it is deleted by
its address alone. An SRV record is found by what the call states of domain, service, protocol and target, and the call
fails where several are. Interfaces go only while no guest is on them, and come at either end of the list.
"""

from __future__ import annotations

import copy
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from kvmctl import xmlio
from kvmctl.fields import Shape, rows
from kvmctl.models.network import Network
from kvmctl.pairing import pair

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from kvmctl.diff import Change
    from kvmctl.fields import Model, Row

_INTERFACES: Final = "forward-interface"
_IDENTITY: Final = ("mac", "id", "name")
_FINDS: Final = ("domain", "service", "protocol", "target")
_ORDER: Final = ("delete", "modify", "add-first", "add-last")
_USERS: Final = "connections"
"""The attribute of a running network that counts the guests."""


class NetworkUpdate(NamedTuple):
    """One call of virNetworkUpdate in virsh's words; `parent` is the position of the address that the item is below."""

    command: str
    section: str
    parent: int
    xml: str


def is_in_a_list(change: Change) -> bool:
    """Say whether a difference is in one of the lists, or takes away a group that holds nothing else."""
    model: Any = Network
    row = rows(model)[change.field[0]]
    for name in change.field:
        row = rows(model)[name]
        if row.section:
            return True
        model = row.model
    goes = row.shape is Shape.MODEL and change.after is None and isinstance(change.before, dict)
    return goes and all(rows(model)[name].section for name in change.before)


def are_in_lists(changes: Iterable[Change]) -> bool:
    """Say whether all differences are; which interface is `dev` follows from the list of them."""
    found = list(changes)
    follows = ("forward", "dev") if any(change.field == ("forward", "interfaces") for change in found) else ()
    return all(change.field == follows or is_in_a_list(change) for change in found)


def updates(network: ET.Element, want: Model) -> tuple[NetworkUpdate, ...] | None:
    """Return the calls that make the lists of a network as wanted; None where no calls can."""
    target = copy.deepcopy(network)
    xmlio.write(target, want)
    return between(network, target)


def between(have: ET.Element, target: ET.Element) -> tuple[NetworkUpdate, ...] | None:
    """Return the calls that make the lists of one network those of another: what goes first, then what changes."""
    before = {(row.section, parent): each for row, parent, each in _lists(Network, have)}
    found: list[NetworkUpdate] = []
    for row, parent, wanted in _lists(Network, target):
        calls = _of_list(row, parent, before.pop((row.section, parent), []), wanted)
        if calls is None:
            return None
        found += calls
    for (section, parent), left in before.items():
        found += [_call("delete", section, parent, each) for each in left]
    return tuple(sorted(found, key=lambda update: _ORDER.index(update.command)))


def _lists(model: type[Any], element: ET.Element, parent: int = -1) -> Iterator[tuple[Row, int, list[ET.Element]]]:
    """Yield each list that can be updated with the position of the address that it is below, and its elements."""
    for row in rows(model).values():
        if row.section:
            yield row, parent, element.findall(row.place.partition("/")[0])
        elif row.shape is Shape.MODEL and (group := element.find(row.place)) is not None:
            yield from _lists(cast("Any", row.model), group, parent)
        elif row.shape is Shape.MODELS:
            for at, item in enumerate(xmlio.elements(element, row)):
                yield from _lists(cast("Any", row.model), item, at)


def _of_list(row: Row, parent: int, have: list[ET.Element], want: list[ET.Element]) -> list[NetworkUpdate] | None:
    if row.section == _INTERFACES:
        return _of_interfaces(have, want)
    model = cast("type[Model]", row.model)
    pairs = pair([xmlio.read(model, each) for each in want], [xmlio.read(model, each) for each in have])
    goes, comes = [have[at] for at in pairs.extra], [want[at] for at in pairs.missing]
    becomes = []
    for wanted, at in pairs.matched:
        if _said(have[at]) == _said(want[wanted]):
            continue
        if _can_become(row.section, have[at], want[wanted]):
            becomes.append(want[wanted])
        else:
            goes.append(have[at])
            comes.append(want[wanted])
    if row.section == "dns-srv" and not _are_found(have, goes, comes):
        return None
    # Of two groups that hand over being the default, the one that was has to go first.
    becomes.sort(key=lambda each: each.get("default") == "yes")
    return [
        *(_call("delete", row.section, parent, each) for each in goes),
        *(_call("modify", row.section, parent, each) for each in becomes),
        *(_call("add-last", row.section, parent, each) for each in comes),
    ]


def _can_become(section: str, have: ET.Element, want: ET.Element) -> bool:
    if section != "ip-dhcp-host":
        return section == "portgroup"
    is_named = want.get("mac") is not None or want.get("name") is not None
    return is_named and all(have.get(name) == want.get(name) for name in _IDENTITY)


def _are_found(have: list[ET.Element], goes: list[ET.Element], comes: list[ET.Element]) -> bool:
    """Say whether the call to delete an SRV record means that one alone, and whether none is in a new one's way."""
    left = list(have)
    for each in goes:
        if sum(_finds(each, other) for other in left) > 1:
            return False
        left.remove(each)
    for each in comes:
        if any(_finds(each, other) for other in left):
            return False
        left.append(each)
    return True


def _finds(record: ET.Element, other: ET.Element) -> bool:
    return all(record.get(name) in (None, other.get(name)) for name in _FINDS)


def _of_interfaces(have: list[ET.Element], want: list[ET.Element]) -> list[NetworkUpdate] | None:
    old, new = ([each.get("dev", "") for each in side] for side in (have, want))
    kept = [name for name in old if name in new]
    goes = [each for each in have if each.get("dev", "") not in kept]
    first = new.index(kept[0]) if kept else 0
    after = first + len(kept)
    if new[first:after] != kept or any(each.get(_USERS, "0") != "0" for each in goes):
        return None
    return [
        *(_call("delete", _INTERFACES, -1, each) for each in goes),
        *(_call("add-first", _INTERFACES, -1, each) for each in reversed(want[:first])),
        *(_call("add-last", _INTERFACES, -1, each) for each in want[after:]),
    ]


def _call(command: str, section: str, parent: int, element: ET.Element) -> NetworkUpdate:
    told = copy.deepcopy(element)
    told.attrib.pop(_USERS, None)
    if command == "delete" and section == "dns-host":
        told[:] = []
    for each in told.iter():
        each.tail, each.text = None, (each.text or "").strip() or None
    return NetworkUpdate(command, section, parent, ET.tostring(told, encoding="unicode"))


def _said(element: ET.Element) -> tuple[str, dict[str, str], str, Sequence[Any]]:
    """Return what an element says, without what only a running network does."""
    attributes = {name: value for name, value in element.attrib.items() if name != _USERS}
    return element.tag, attributes, (element.text or "").strip(), [_said(each) for each in element]
