"""What the planner of a running machine looks at: its two definitions, what is wanted of it, its room for devices."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from kvmctl import xmlio
from kvmctl.actions import Disruption, Operation
from kvmctl.fields import deciding, key_of, known, rows, trail_of
from kvmctl.models.vm import VirtualMachine
from kvmctl.names import GUEST_AGENT
from kvmctl.pairing import pair
from kvmctl.plan.ports import Ports

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvmctl.diff import Change
    from kvmctl.fields import Model
    from kvmctl.inventory import Resource


@dataclass(frozen=True)
class Guest:
    """A running machine: its definition in effect, the persistent one, and what is wanted of it."""

    running: VirtualMachine
    persistent: VirtualMachine
    want: Resource
    running_xml: str = field(repr=False)
    changes: Sequence[Change] = ()

    @property
    def spec(self) -> VirtualMachine:
        """The wanted machine."""
        return cast("VirtualMachine", self.want.spec)

    @cached_property
    def ports(self) -> Ports:
        """The ports that are free for more devices."""
        return Ports(self.running_xml)

    @cached_property
    def shifted(self) -> frozenset[str]:
        """The lists whose items are matched by their place and change within, as if others had come before them."""
        return frozenset(
            change.path[0]
            for change in self.changes
            if change.item and not change.is_item and deciding(trail_of(VirtualMachine, change.field)).live is None
        )

    @property
    def has_agent(self) -> bool:
        """Whether libvirt is connected to an agent in the guest."""
        targets = xmlio.parse(self.running_xml).iterfind("devices/channel/target")
        return any(each.get("name") == GUEST_AGENT and each.get("state") == "connected" for each in targets)

    def wish(self, change: Change) -> Model:
        """Return the wanted list item that a change is in."""
        items = self._items(self.spec, change.path[0])
        return next(item for at, item in enumerate(items) if (key_of(item)[1] or str(at)) == change.item)

    def item(self, change: Change, *, persistent: bool = False) -> Model | None:
        """Return the item of the running or the persistent definition that is matched with the wanted one, if any."""
        items = self._items(self.persistent if persistent else self.running, change.path[0])
        wishes = self._items(self.spec, change.path[0])
        wanted = self.wish(change)
        return next((items[at] for wish, at in pair(wishes, items).matched if wishes[wish] is wanted), None)

    def _items(self, machine: VirtualMachine, name: str) -> Sequence[Model]:
        found: Sequence[Model] | None = known(getattr(machine, rows(type(machine))[name].name))
        return found or ()


class Group(NamedTuple):
    """Changes that one call makes: of the same device, where it is about one; `config` says of which definitions."""

    changes: list[Change]
    config: bool

    @property
    def flags(self) -> str:
        """The words by which virsh is told what to change."""
        return "--live --config" if self.config else "--live"

    @property
    def first(self) -> Change:
        """The first of the changes, for calls that make one."""
        return self.changes[0]


class Call(NamedTuple):
    """An action on a running guest, as far as it isn't the same for all of them."""

    operation: Operation
    command: tuple[str, ...]
    details: dict[str, Any]
    disruption: Disruption = Disruption.LIVE
    note: str = ""
