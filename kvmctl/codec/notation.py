"""What a codec is."""

from __future__ import annotations

import dataclasses
import operator
from typing import TYPE_CHECKING, Any, Generic, NoReturn, TypeVar, cast, dataclass_transform

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

C = TypeVar("C")


class Codec(Generic[T]):
    """One notation: `parse`/`dump` for YAML, `read`/`write` for the text in libvirt's XML.

    `parse` raises ValueError for anything but a well-formed value; `expects` then says what to write. `parse` and
    `schema` are each notation's own. They are not abstract methods: isinstance, asked of every value that is read from
    XML, takes three times as long for classes of abc.
    """

    name = "value"
    expects = "a value"

    # What @dataclass would compile for each notation, written once: compiling it took a tenth of the time to start.
    def __init__(self, *values: Any, **given: Any) -> None:
        self.__dict__.update(zip(cast("Any", self).__dataclass_fields__, values, strict=False), **given)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise dataclasses.FrozenInstanceError(f"{type(self).__name__}.{name} can't be set")

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and dataclasses.astuple(cast("Any", self)) == dataclasses.astuple(
            cast("Any", other)
        )

    def __hash__(self) -> int:
        return hash((type(self), dataclasses.astuple(cast("Any", self))))

    def parse(self, value: object) -> T:
        """Return the value that a YAML scalar stands for."""
        raise NotImplementedError

    def dump(self, value: T) -> object:
        """Return the YAML scalar that a person would have written."""
        return value

    def read(self, text: str) -> T:
        """Return the value that libvirt's text stands for."""
        return self.parse(text)

    def write(self, value: T) -> str:
        """Return libvirt's text for the value."""
        return str(value)

    def same(self, have: T, want: T) -> bool:
        """Say whether two values mean the same, though they are written differently."""
        return have == want

    @property
    def comparison(self) -> Callable[[Any, Any], bool]:
        """Return what compares two values: equality itself, which is quicker, where the notation has no say in it."""
        return operator.eq if type(self).same is Codec.same else self.same

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the YAML scalar."""
        raise NotImplementedError


@dataclass_transform(frozen_default=True)
def notation(cls: type[C]) -> type[C]:
    """Return the class as a frozen dataclass."""
    return dataclasses.dataclass(init=False, repr=False, eq=False)(cls)
