"""What exists, as tables and as documents."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, cast

from kvmctl.codec import format_size
from kvmctl.document import encode
from kvmctl.fields import known
from kvmctl.inventory import Live, Resource
from kvmctl.models import BY_SHORT
from kvmctl.render.line import Line, Span, line

if TYPE_CHECKING:
    from kvmctl.change import Change

Column = tuple[str, Callable[[Resource], str]]
_STYLES: Final = {"Running": "green", "active": "green", "Paused": "yellow", "Off": "dim", "inactive": "dim"}


def is_on(resource: Resource) -> bool:
    """Say whether a resource is listed without --all: what runs or is active, or can't be on or off.

    Not so the network filters that every libvirt has.
    """
    live = cast("Live", resource.live)
    if resource.address.kind == "nwfilter":
        return not live.facts["built_in"]
    return resource.address.kind in ("disk", "secret") or live.active


def tables(
    resources: Iterable[Resource], kinds: Sequence[str], manifests: Mapping[str, str], *, wide: bool
) -> Iterator[Line]:
    """Yield a table for each kind that has something to list."""
    listed = list(resources)
    shown = False
    for kind in kinds:
        rows = [resource for resource in listed if resource.address.kind == kind]
        if not rows:
            continue
        if shown:
            yield line()
        shown = True
        columns = [
            *_COLUMNS[kind],
            *((*_WIDE[kind], ("MANAGED BY", _managed_by)) if wide else ()),
            ("MANIFEST", lambda resource: manifests.get(str(resource.address), "-")),
        ]
        yield from _table(columns, rows)
    if not shown:
        yield line("Nothing to list; --all lists what is off too.")


def _table(columns: Sequence[Column], rows: Sequence[Resource]) -> Iterator[Line]:
    cells = [[read(resource) for _, read in columns] for resource in rows]
    widths = [max(len(name), *(len(row[at]) for row in cells)) for at, (name, _) in enumerate(columns)]
    yield line(*(Span(f"{name:<{width}}   ", "bold") for (name, _), width in zip(columns, widths, strict=True)))
    for row in cells:
        yield line(
            *(Span(f"{cell:<{width}}   ", _STYLES.get(cell, "")) for cell, width in zip(row, widths, strict=True))
        )


def _spec(resource: Resource) -> Any:
    return resource.spec


def _yes(value: object) -> str:
    return "yes" if known(value) else "no"


def _size(value: object) -> str:
    return format_size(cast("int", known(value))) if known(value) is not None else "-"


def _text(value: object) -> str:
    return str(known(value)) if known(value) is not None else "-"


def _inside(group: object, name: str) -> str:
    return _text(getattr(known(group), name, None))


def _several(values: Iterable[object]) -> str:
    return ",".join(str(value) for value in values) or "-"


def _forward(network: Resource) -> str:
    forward = known(_spec(network).forward)
    return str(forward.mode) if forward is not None else "isolated"


def _facts(resource: Resource) -> Mapping[str, Any]:
    return cast("Live", resource.live).facts


def _name(resource: Resource) -> str:
    return resource.address.name


def _managed_by(resource: Resource) -> str:
    """Return the project that made or adopted an object, and the manifest that it did from."""
    mark = cast("Live", resource.live).mark
    return f"{mark.project}: {mark.manifest}" if mark else "-"


def _active(resource: Resource) -> str:
    return "active" if cast("Live", resource.live).active else "inactive"


def _waits(resource: Resource) -> tuple[Change, ...]:
    from kvmctl.plan.waiting import waits

    return waits(resource)


def _pending(resource: Resource) -> str:
    return ", ".join(change.text.removeprefix("spec.") for change in _waits(resource)) or "-"


_COLUMNS: Final[dict[str, Sequence[Column]]] = {
    "vm": (
        ("VM", _name),
        ("STATE", lambda it: _text(_spec(it).power_state)),
        ("AUTOSTART", lambda it: _yes(_spec(it).autostart)),
        ("VCPUS", lambda it: _text(_spec(it).vcpus.current)),
        ("MEMORY", lambda it: _size(_spec(it).memory.current)),
        ("PENDING", _pending),
    ),
    "network": (
        ("NETWORK", _name),
        ("STATE", _active),
        ("AUTOSTART", lambda it: _yes(_spec(it).autostart)),
        ("FORWARD", _forward),
        ("BRIDGE", lambda it: _inside(_spec(it).bridge, "name")),
    ),
    "pool": (
        ("POOL", _name),
        ("STATE", _active),
        ("AUTOSTART", lambda it: _yes(_spec(it).autostart)),
        ("TYPE", lambda it: _text(_spec(it).type)),
        ("PATH", lambda it: _text(_spec(it).path)),
    ),
    "disk": (
        ("DISK", _name),
        ("POOL", lambda it: _text(_spec(it).pool)),
        ("FORMAT", lambda it: _text(_spec(it).format)),
        ("VIRTUAL SIZE", lambda it: _size(_spec(it).size)),
        ("ALLOCATED", lambda it: _size(_facts(it).get("allocation"))),
    ),
    "nwfilter": (
        ("FILTER", _name),
        ("CHAIN", lambda it: _text(_spec(it).chain)),
        ("RULES", lambda it: str(len(known(_spec(it).rules) or ()))),
        ("BUILT IN", lambda it: _yes(_facts(it).get("built_in"))),
    ),
    "secret": (
        ("SECRET", _name),
        ("USAGE", lambda it: _inside(_spec(it).usage, "type")),
        ("PRIVATE", lambda it: _yes(_spec(it).private)),
        ("EPHEMERAL", lambda it: _yes(_spec(it).ephemeral)),
        ("UUID", lambda it: _text(_spec(it).uuid)),
    ),
}
_WIDE: Final[dict[str, Sequence[Column]]] = {
    "vm": (
        ("TYPE", lambda it: _text(_spec(it).type)),
        ("MACHINE", lambda it: _text(_spec(it).os.machine)),
        ("UUID", lambda it: _text(_spec(it).uuid)),
        ("DISKS", lambda it: _several(disk.target for disk in known(_spec(it).disks) or ())),
        (
            "NETWORKS",
            lambda it: _several(
                known(nic.network) or known(nic.bridge) or nic.type for nic in known(_spec(it).interfaces) or ()
            ),
        ),
        ("ADDRESSES", lambda it: _several(_facts(it).get("addresses") or ())),
        ("SNAPSHOTS", lambda it: str(_facts(it).get("snapshots", "-"))),
    ),
    "network": (
        ("ADDRESSES", lambda it: _several(f"{ip.address}/{_text(ip.prefix)}" for ip in known(_spec(it).ips) or ())),
        ("UUID", lambda it: _text(_spec(it).uuid)),
    ),
    "pool": (("UUID", lambda it: _text(_spec(it).uuid)),),
    "disk": (
        ("PATH", lambda it: str(_facts(it).get("path", "-"))),
        ("BACKING", lambda it: _inside(_spec(it).backing, "path")),
    ),
    "nwfilter": (("UUID", lambda it: _text(_spec(it).uuid)),),
    "secret": (("DESCRIPTION", lambda it: _text(_spec(it).description)),),
}


def document(resources: Iterable[Resource], manifests: Mapping[str, str], output: str) -> str:
    """Return the resources as JSON or YAML documents; `status` beside `spec` holds what a manifest can't say."""
    items = [_document(resource, manifests) for resource in resources]
    if output == "json":
        return json.dumps({"items": items}, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    from kvmctl.manifest.writing import dump

    return dump(items)


def _document(resource: Resource, manifests: Mapping[str, str]) -> dict[str, Any]:
    live = cast("Live", resource.live)
    status: dict[str, Any] = {
        "active": live.active,
        "persistent": live.persistent,
        "manifest": manifests.get(str(resource.address)),
        "pending": [
            {"path": change.text, "running": change.before, "defined": change.after} for change in _waits(resource)
        ]
        or None,
    }
    status |= {name: fact for name, fact in live.facts.items() if isinstance(fact, str | int)}
    if live.facts.get("addresses"):
        status["addresses"] = list(live.facts["addresses"])
    status["managedBy"] = live.mark._replace(baseline="").attributes() if live.mark else None
    return {
        "apiVersion": "kvmctl/v1",
        "kind": BY_SHORT[resource.address.kind].name,
        "metadata": {"name": resource.address.name},
        "spec": _stated(encode(resource.spec)),
        "status": {name: fact for name, fact in status.items() if fact is not None},
    }


def _stated(value: Any) -> Any:
    """Return a document without nulls and empty parts."""
    if isinstance(value, dict):
        cleaned = {name: _stated(each) for name, each in value.items()}
        return {name: each for name, each in cleaned.items() if each is not None and each not in ({}, [])}
    return [_stated(each) for each in value] if isinstance(value, list) else value
