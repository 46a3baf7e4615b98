"""The disk of a running guest copied to another image, checked, and switched to it: the guest never stops."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from kvmctl import images, xmlio
from kvmctl.codec import format_size
from kvmctl.errors import HypervisorError
from kvmctl.moving import HIDDEN

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from kvmctl.actions import Action
    from kvmctl.apply.context import Context
    from kvmctl.apply.store import Store
    from kvmctl.hypervisor import Written
    from kvmctl.moving import Move

PAUSE_SECONDS: Final = 0.2
MOST_DIFFERENCES: Final = 100
"""Differences after which counting ends: a guest that writes that fast can't be followed."""
_DONE: Final = 100.0


class Seat(NamedTuple):
    """The device of a running machine whose disk is copied, and the image that it has now, with its format."""

    machine: str
    target: str
    path: str
    format: str


class LiveCopy:
    """One copy of a running guest's disk to the image of a name in the pool."""

    def __init__(self, action: Action, context: Context, store: Store, seat: Seat, name: str) -> None:
        self.action = action
        self.context = context
        self.store = store
        self.seat = seat
        self.name = name
        self.hypervisor = context.hypervisor
        self.move: Move = action.details["move"]
        self.path = self.move.path.removesuffix(self.move.name) + name
        # QEMU keeps the file open that it was given, whatever it is called meanwhile: only whole does it get its name.
        self.hidden = self.move.name + HIDDEN if store.folder is not None and name == self.move.name else ""

    def run(self, part: tuple[float, float]) -> None:
        """Copy, check, switch; on failure the guest keeps its image. `part` is the span of percentages to tell."""
        if self.hypervisor.block_mirror(self.seat.machine, self.seat.target) is None:
            self._begin()
        try:
            self._hide()
            before = self._wait(part)
            self._check(before)
            if self.hidden:
                self.store.also_call(self.hidden, self.name, self.move.format)
            self.hypervisor.block_pivot(self.seat.machine, self.seat.target)
            self._must_be_switched()
        except (HypervisorError, images.ImageError):
            self._give_up()
            raise
        self.store.remove(self.move.name + HIDDEN)

    def _begin(self) -> None:
        self.store.remove(self.name, self.move.name + HIDDEN)
        self.store.make(self.name, self.move.format, self.move.size, self.move.backing)
        xml = _destination(self.path, self.move.format, is_file=not self.move.is_device)
        self.hypervisor.block_copy(self.seat.machine, self.seat.target, xml, only_top=self.move.backing is not None)

    def _hide(self) -> None:
        if self.hidden and self.name in self.store.names():
            self.store.rename(self.name, self.hidden)

    def _wait(self, part: tuple[float, float]) -> Written:
        """Return, once both images are the same, what the guest had written shortly before they were."""
        first, last = part
        while True:
            before = self.hypervisor.block_written(self.seat.machine, self.seat.target)
            job = self.hypervisor.block_job(self.seat.machine, self.seat.target)
            mirror = self.hypervisor.block_mirror(self.seat.machine, self.seat.target)
            if job is None or mirror is None:
                raise HypervisorError(
                    f"{self.action.address}: QEMU gave up the copy to {self.path}; vm/{self.seat.machine} goes on "
                    f"with {self.seat.path}",
                    f"pool/{self.store.pool} has {format_size(self.store.room())} left: make room there, or look at "
                    "the log of the machine",
                )
            if mirror.ready:
                return before
            self.context.progress.advanced(self.action, first + (last - first) * job.percent / _DONE)
            time.sleep(PAUSE_SECONDS)

    def _check(self, before: Written) -> None:
        """Raise unless the new image has the size of the old one and, where this machine can read both, its content.

        In sync they still differ where QEMU hasn't yet stored what it knows: no more than was written since.
        """
        size = self.hypervisor.volume_info(self.store.pool, self.hidden or self.name).capacity
        if size != self.move.size:
            raise HypervisorError(f"{self.path} has {size} bytes, not the {self.move.size} of {self.seat.path}", "")
        if self.store.folder is None or not Path(self.seat.path).exists() or self._discards():
            return
        copy = self.store.folder / (self.hidden or self.name)
        found = images.differences(self.seat.path, self.seat.format, copy, self.move.format, size, MOST_DIFFERENCES)
        now = self.hypervisor.block_written(self.seat.machine, self.seat.target)
        allowed = (now.size - before.size) // images.PIECE + 2 * (now.requests - before.requests)
        if found > allowed:
            raise HypervisorError(
                f"{self.action.address}: the copy at {self.path} differs from {self.seat.path} in {found} places, and "
                f"the guest wrote to no more than {allowed}",
                "the storage may be damaged: check both images with qemu-img check",
            )

    def _discards(self) -> bool:
        """Say whether the guest's discards reach the image: QEMU counts no such writes."""
        driver = self._device(running=True).find("driver")
        return driver is not None and driver.get("discard") == "unmap"

    def _must_be_switched(self) -> None:
        for running in (True, False):
            source, driver = (self._device(running=running).find(tag) for tag in ("source", "driver"))
            path = None if source is None else source.get("file") or source.get("dev")
            image_format = None if driver is None else driver.get("type")
            if running and (path, image_format) != (self.path, self.move.format):
                raise HypervisorError(f"vm/{self.seat.machine} has {path} ({image_format}) and not {self.path}", "")

    def _device(self, *, running: bool) -> Element:
        root = xmlio.parse(self.hypervisor.domain_xml(self.seat.machine, running=running))
        for device in root.iterfind("devices/disk"):
            target = device.find("target")
            if target is not None and target.get("dev") == self.seat.target:
                return device
        raise HypervisorError(f"vm/{self.seat.machine} has lost {self.seat.target} meanwhile", "plan again")

    def _give_up(self) -> None:
        """End the copy and remove what it made, unless the guest has it already."""
        machine, target = self.seat.machine, self.seat.target
        source = self._device(running=True).find("source")
        if source is not None and self.path in (source.get("file"), source.get("dev")):
            return
        if self.hypervisor.block_job(machine, target) is not None:
            self.hypervisor.block_abort(machine, target)
        self.store.remove(self.name, self.move.name + HIDDEN)


def _destination(path: str, image_format: str, *, is_file: bool) -> str:
    kind, attribute = ("file", "file") if is_file else ("block", "dev")
    root = xmlio.parse(f"<disk type='{kind}'><driver name='qemu'/><source/></disk>")
    for element, name, value in (("driver", "type", image_format), ("source", attribute, path)):
        held = root.find(element)
        if held is not None:
            held.set(name, value)
    return xmlio.serialize(root)
