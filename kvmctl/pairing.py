"""Which item of one list is which of another: by key, never by count; by order only where libvirt numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kvmctl.fields import UNSET, Model, Row, known

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Pairs(NamedTuple):
    """`matched` holds (position in wanted, position in existing); `missing` and `extra` the positions left over."""

    matched: tuple[tuple[int, int], ...]
    missing: tuple[int, ...]
    extra: tuple[int, ...]


def pair(wanted: Sequence[Model], existing: Sequence[Model]) -> Pairs:
    """Return how the items belong together.

    The model's key alternatives are tried in order; an alternative matches where the wanted item states it and as many
    items that are still free have the same value as are wanted: one, or several that are alike, in their order. Models
    without keys match by position, as libvirt numbers them.
    """
    found: dict[int, int] = {}
    free = dict(enumerate(existing))
    keys = type(wanted[0]).keys if wanted else ()
    for names in keys:
        for index, item in enumerate(wanted):
            value = _values(item, names)
            if index in found or value is None:
                continue
            hits = [at for at, other in free.items() if _values(other, names) == value and _may_mean(item, other)]
            if hits and (names == keys[0] or len(hits) == _alike(wanted, found, names, value)):
                found[index] = hits[0]
                del free[hits[0]]
    if wanted and not keys:
        for index, item in enumerate(wanted):
            at = next((at for at, other in free.items() if _may_mean(item, other)), None)
            if at is not None:
                found[index] = at
                del free[at]
    missing = tuple(index for index in range(len(wanted)) if index not in found)
    return Pairs(tuple(sorted(found.items())), missing, tuple(free))


def _alike(wanted: Sequence[Model], found: Mapping[int, int], names: tuple[str, ...], value: tuple[object, ...]) -> int:
    """Return how many wanted items that have no partner yet say the value."""
    return sum(index not in found and _values(item, names) == value for index, item in enumerate(wanted))


def is_implicit(item: Model) -> bool:
    """Say whether libvirt adds the item by itself, so that its being there is nobody's doing.

    It gives what it adds no address and no name: a console with an address mirrors a PCI serial port and was asked for.
    """
    is_added = any(getattr(item, name) == value for name, value in type(item).implicit)
    return is_added and not any(known(getattr(item, name, None)) for name in ("address", "alias"))


def is_filled_in(instance: Model, row: Row) -> bool:
    """Say whether libvirt gives a field of a new object its default, because a whole model doesn't state it."""
    return type(instance).whole and row.default is not UNSET and instance.__dict__.get(row.name) is None


def may_stay(item: Model) -> bool:
    """Say whether an item is no difference where a manifest doesn't list it."""
    return type(item).open_list or is_implicit(item)


def _may_mean(wish: Model, item: Model) -> bool:
    """Say whether a wish may mean an item: what libvirt adds by itself can't be made into something else."""
    told = [(known(getattr(wish, name)), value) for name, value in type(item).implicit]
    return not is_implicit(item) or all(wished in (None, value) for wished, value in told)


def _values(item: Model, names: tuple[str, ...]) -> tuple[object, ...] | None:
    values = tuple(getattr(item, name) for name in names)
    return None if any(value is UNSET or value is None for value in values) else values
