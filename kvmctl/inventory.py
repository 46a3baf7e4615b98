"""Resources by address, wanted or existing alike, and the references between them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from kvmctl.fields import UNSET, Model, Row, Shape, known, row_of, rows
from kvmctl.models.metadata import Metadata

if TYPE_CHECKING:
    from kvmctl.models.secret import Secret
    from kvmctl.ownership import Mark

_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


class Address(NamedTuple):
    """The name of a resource among all kinds, such as vm/web1; sorts by kind and name."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"


class Origin(NamedTuple):
    """Where a wanted resource was written: a file, the line (from 1) at which its document's `text` starts."""

    file: str
    line: int = 1
    text: str = ""


class Layer(NamedTuple):
    """One of the parts that a spec was merged of: where it stands, and under which path of that document.

    `profile` is the name of the Profile that it is from, '' for the resource's own spec.
    """

    profile: str
    origin: Origin
    path: tuple[str, ...]
    spec: Model


class Live(NamedTuple):
    """What libvirt said of an existing resource.

    `xml` is the definition that counts at the next start; `running_xml` the one in effect, '' while inactive.
    `persistent` is false for what vanishes when it stops. `facts` holds what is shown but never compared
    (allocation in bytes, paths, the pool of a volume). `mark` says whose it is, None where it is nobody's.
    """

    xml: str = ""
    running_xml: str = ""
    active: bool = False
    persistent: bool = True
    facts: Mapping[str, Any] = _NOTHING
    mark: Mark | None = None


class Resource(NamedTuple):
    """One resource: wanted (with `origin`) or existing (with `live`).

    `layers` are the parts that its spec was merged of, its own first; none where it has no profiles.
    """

    address: Address
    spec: Model
    labels: Mapping[str, str] = _NOTHING
    annotations: Mapping[str, str] = _NOTHING
    origin: Origin | None = None
    live: Live | None = None
    layers: tuple[Layer, ...] = ()


Inventory = Mapping[Address, Resource]
"""Resources by address. What is wanted and what exists have the same type."""


class Reference(NamedTuple):
    """That a field names another resource; `path` leads to the field, positions and YAML names mixed.

    A `loose` one may lead nowhere: libvirt looks for the target when the machine starts.
    """

    path: tuple[str | int, ...]
    target: Address
    loose: bool = False


def references(spec: Model, path: tuple[str | int, ...] = ("spec",)) -> Iterator[Reference]:
    """Yield every reference that a spec makes to other resources, in the order of the fields."""
    stated = spec.__dict__
    for row in _leading(cast("Any", type(spec)), tuple(stated)):
        value = stated[row.name]
        if value is UNSET or value is None:
            continue
        if row.refers:
            yield Reference((*path, row.yaml), Address(row.refers, value), row.loose)
        elif row.shape is Shape.MODEL:
            yield from references(value, (*path, row.yaml))
        else:
            for index, item in enumerate(value):
                yield from references(item, (*path, row.yaml, index))


@cache
def _leading(model: type[Any], names: tuple[str, ...]) -> tuple[Row, ...]:
    """Return those of the named fields that lead to resources; specs that state the same share one answer."""
    return tuple(row for row in rows(model).values() if row.name in names and _leads(row))


def _leads(row: Row) -> bool:
    return bool(row.refers) or (row.model is not None and _refers(cast("Any", row.model)))


@cache
def _refers(model: type[Any]) -> bool:
    """Say whether a model refers to resources, itself or in what it holds."""
    return any(map(_leads, rows(model).values()))


def meant(target: Address, *inventories: Inventory) -> Address:
    """Return the address of what a reference names: that itself, or the secret of that UUID or usage."""
    if target.kind != "secret" or any(target in each for each in inventories):
        return target
    for inventory in inventories:
        for address, resource in inventory.items():
            if address.kind == "secret" and target.name in _other_names(cast("Secret", resource.spec)):
                return address
    return target


def _other_names(secret: Secret) -> tuple[str | None, ...]:
    """Return what others may name a secret by, other than its address: its UUID, and a path for which it is."""
    usage = known(secret.usage)
    return (known(secret.uuid), known(usage.volume) if usage else None)


def must_exist(resource: Resource, reference: Reference) -> bool:
    """Say whether what a reference names has to be there: a loose one only for what is to run."""
    spec: Any = resource.spec
    runs = getattr(spec, "power_state", None) in ("Running", "Paused") or getattr(spec, "active", None) is True
    return runs or not reference.loose


def secret_name(usage_id: str, uuid: str) -> str:
    """Return the name in the address of a secret, which has none in libvirt.

    It is the id of its usage, which no other secret of the type has; its UUID where there is no usage, or where the id
    (a path) can't be a name.
    """
    try:
        return str(row_of(Metadata, "name").codec.parse(usage_id)) if usage_id else uuid
    except ValueError:
        return uuid


def path_text(path: tuple[str | int, ...]) -> str:
    """Return a path as people read it: `spec.disks[0].cache`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text
