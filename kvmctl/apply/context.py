"""What the executors share: the plan, the connection, who hears of progress, and one lane for each pool."""

from __future__ import annotations

import threading
from collections import defaultdict
from typing import TYPE_CHECKING, Any, cast

from kvmctl import record

if TYPE_CHECKING:
    from collections.abc import Callable

    from kvmctl.actions import Action
    from kvmctl.apply.run import Progress
    from kvmctl.hypervisor import Hypervisor
    from kvmctl.inventory import Address, Resource
    from kvmctl.models.vm import VirtualMachine
    from kvmctl.ownership import Mark
    from kvmctl.plan import Plan
    from kvmctl.record import Record


class Context:
    """The surroundings of one apply.

    `marks` gathers what the record is to say of whom objects are; one write at the end tells it all.
    """

    def __init__(self, plan: Plan, hypervisor: Hypervisor, progress: Progress, interrupted: threading.Event) -> None:
        self.plan = plan
        self.hypervisor = hypervisor
        self.progress = progress
        self.interrupted = interrupted
        # What machines were defined as before this apply, to be put back; with passwords, so never told to anybody.
        self.former: dict[Address, str] = {}
        self._lanes: defaultdict[str, threading.RLock] = defaultdict(threading.RLock)
        self._lanes_lock = threading.Lock()
        self._record_lock = threading.Lock()
        # Of two networks defined side by side that name no bridge, libvirt 9.0 now and then gives both the same one.
        self.bridges = threading.Lock()
        self.marks: dict[Address, Mark | None] = {}

    def lane(self, pool: str) -> threading.RLock:
        """Return the pool's lock: libvirt refuses to refresh a pool in which a volume is being built."""
        with self._lanes_lock:
            return self._lanes[pool]

    def remember(self, disk: str, source: dict[str, Any] | None) -> None:
        """Record on the host what a disk (`POOL/NAME`) was filled with, or with None that it is gone."""

        def change(known: Record) -> None:
            known.disks.pop(disk, None)
            if source is not None:
                known.disks[disk] = source

        self.record(change)

    def record(self, change: Callable[[Record], None]) -> None:
        """Let a function change the host's record; it is written only where that made a difference."""
        with self._record_lock:
            before = self.hypervisor.read_record()
            known = record.parse(before)
            change(known)
            after = record.serialize(known)
            if after != before:
                self.hypervisor.write_record(after)

    def want(self, action: Action) -> Resource:
        """Return the wanted resource of the action."""
        return self.plan.want[action.address]

    def machine(self, action: Action) -> VirtualMachine:
        """Return the wanted machine of the action."""
        return cast("VirtualMachine", self.want(action).spec)
