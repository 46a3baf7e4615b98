"""The closed list of what kvmctl can do to a host; data only, each with what it disturbs."""

from __future__ import annotations

from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kvmctl.diff import Change
    from kvmctl.inventory import Address


class Disruption(IntEnum):
    """What an action disturbs, mildest first; `word` is the name on the command line and in JSON."""

    NONE = 0
    LIVE = 1
    NEXT_BOOT = 2
    INTERRUPT = 3
    RESTART = 4
    DESTROY = 5
    DATA_LOSS = 6

    @property
    def word(self) -> str:
        """The name of the class: `next-boot`."""
        return self.name.lower().replace("_", "-")

    @classmethod
    def parse(cls, word: str) -> Disruption:
        """Return the class of a name; KeyError for others."""
        return {each.word: each for each in cls}[word]


class Allowed(NamedTuple):
    """How far a plan may go.

    Without `data_loss` snapshots that a manifest doesn't list are kept; with it, the images that disks leave behind are
    deleted at the end. With `restart` machines with changes that wait for a start are restarted.
    """

    data_loss: bool = False
    restart: bool = False


MILD: Final = Allowed()
"""What a plan may do that nobody was asked for."""


class Operation(StrEnum):
    """Everything that an apply can do."""

    CREATE = "create"
    REDEFINE = "redefine"
    SEED = "seed"
    SET_MEMORY = "set-memory"
    SET_VCPUS = "set-vcpus"
    SET_TEXT = "set-text"
    SET_VALUE = "set-value"
    ATTACH = "attach-device"
    DETACH = "detach-device"
    UPDATE_DEVICE = "update-device"
    TUNE = "tune"
    PIN = "pin"
    SET_IOTHREADS = "set-iothreads"
    UPDATE_NETWORK = "net-update"
    RESTART_NETWORK = "net-restart"
    REPLUG = "plug-in-again"
    RESIZE = "resize"
    CONVERT = "convert"
    MOVE = "move"
    FLATTEN = "flatten"
    REBASE = "rebase"
    DISCARD = "discard"
    START = "start"
    WAIT = "wait"
    STOP = "stop"
    RESTART = "restart"
    RENAME = "rename"
    SUSPEND = "suspend"
    RESUME = "resume"
    AUTOSTART = "set-autostart"
    SNAPSHOT = "snapshot"
    UNSNAPSHOT = "delete-snapshot"
    REVERT = "revert"
    MARK = "mark"
    DELETE = "delete"

    @property
    def verb(self) -> str:
        """The word of the JSON contract: create, update or delete."""
        return self.value if self in (Operation.CREATE, Operation.DELETE) else "update"


class Action(NamedTuple):
    """One thing that will be done to one resource.

    `because` are the differences that it removes; `equivalent` the same thing as an administrator's commands; `note`
    what else the user should know. `details` steers the executor: which of the running and the persistent definition
    it concerns (`live`, `config`), the device (`field`, `item`), the wanted value.
    """

    address: Address
    operation: Operation
    disruption: Disruption
    because: tuple[Change, ...] = ()
    equivalent: tuple[str, ...] = ()
    note: str = ""
    details: Mapping[str, Any] = MappingProxyType({})


class Refusal(NamedTuple):
    """A difference that won't be acted on, with the reason and what to do instead."""

    address: Address
    because: tuple[Change, ...]
    disruption: Disruption
    reason: str
    hint: str = ""


class Pending(NamedTuple):
    """Differences between the running and the persistent definition, which the next start removes.

    `note` says why they wait on where the user allowed a restart.
    """

    address: Address
    because: tuple[Change, ...]
    note: str = ""
