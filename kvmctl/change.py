"""What differs: one place of a resource, with both values, the field that it is in, and who gives the wanted one."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from kvmctl.fields import Row


class Given(NamedTuple):
    """The profile that gives a wanted value, and where it stands there; `partly` when it gives some of a group only."""

    profile: str
    file: str
    line: int
    partly: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """One difference: `path` in YAML names with list items by key, and the two values as a document holds them.

    A missing value is None: of an added item before, of a removed one after. `row` is the field that decides what
    the change disturbs. `item` is the key of the list item when a whole item comes or goes. `given` is there when a
    profile gives the wanted value.
    """

    path: tuple[str, ...]
    before: Any
    after: Any
    row: Row
    given: Given | None = dataclasses.field(default=None, compare=False)

    @property
    def text(self) -> str:
        """The path as people read it: `spec.disks[vda].cache`."""
        root = () if self.path[0] == "metadata" else ("spec",)
        return ".".join((*root, *self.path)).replace(".[", "[")

    @property
    def field(self) -> tuple[str, ...]:
        """The path without the keys of list items: (`disks`, `cache`)."""
        return tuple(part for part in self.path if not part.startswith("["))

    @property
    def item(self) -> str:
        """The key of the list item that the change is in, or ''."""
        return next((part[1:-1] for part in self.path if part.startswith("[")), "")

    @property
    def is_item(self) -> bool:
        """Whether a whole list item comes or goes."""
        return self.path[-1].startswith("[")
