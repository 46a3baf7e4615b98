"""What a rule reports, and how rules look at fields."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from kvmctl.fields import UNSET, Model

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

Path = tuple[str | int, ...]
R = TypeVar("R", bound=Callable[[Any], Iterator["Finding"]])

ABOUT: Final[dict[Callable[[Any], Iterator[Finding]], frozenset[str]]] = {}
"""The fields of a spec, of which one has to be stated for a rule to say anything; other rules look at all."""


def about(*fields: str) -> Callable[[R], R]:
    """Return a decorator of a rule that says nothing where none of the fields is stated: most machines state few."""

    def note(rule: R) -> R:
        ABOUT[rule] = frozenset(fields)
        return rule

    return note


class Finding(NamedTuple):
    """One thing that a rule refuses: the path to the field in the document, what is wrong, and what to write."""

    path: Path
    message: str
    hint: str


def stated(model: Model, *names: str) -> list[str]:
    """Return those of the attributes that the manifest gives a value."""
    values = model.__dict__
    return [name for name in names if values.get(name, UNSET) is not UNSET and values[name] is not None]


def items(value: Any) -> tuple[Any, ...]:
    """Return the items of a list field; none where the manifest is silent or says null."""
    return value or ()


def repeated(values: Iterable[tuple[int, Hashable]]) -> Iterator[tuple[int, int, Any]]:
    """Yield (position, position of the first, value) of each value that was there before; not of UNSET and None."""
    first: dict[Hashable, int] = {}
    for index, value in values:
        if value is UNSET or value is None:
            continue
        if value in first:
            yield index, first[value], value
        else:
            first[value] = index
