"""Disks that get another image, each step of which a second apply can go on from.

The new image has its reserved name until it is whole and the machines use it; the old one stays whole until then, and
keeps its content under another name afterwards. What the machines' definitions name is a whole image at every moment.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from kvmctl import images, record, xmlio
from kvmctl.actions import Disruption
from kvmctl.apply.block_copy import PAUSE_SECONDS, LiveCopy, Seat
from kvmctl.apply.store import Store
from kvmctl.codec import format_size
from kvmctl.errors import HypervisorError
from kvmctl.moving import HIDDEN, Move, User, staged_name
from kvmctl.observe import users_of
from kvmctl.plan.moved import rewritten

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvmctl.actions import Action
    from kvmctl.apply.context import Context

_HALF: Final = 50.0
_WHOLE: Final = 100.0
_MARK_SIZE: Final = 0


def carry_out(action: Action, context: Context) -> None:
    """Give a disk its other image, or remove what an interrupted apply left beside it."""
    move: Move = action.details["move"]
    if action.details.get("clean"):
        _refuse_users(action, users_of(context.hypervisor, {move.staged_path}))
        Store(context, move.pool).remove(staged_name(move.name), move.name + HIDDEN)
        return
    users = users_of(context.hypervisor, move.paths)
    running = [user for user in users if user.running]
    if action.disruption is Disruption.NONE:
        _refuse_users(action, running)
    relocation = Relocation(action, context, users)
    if running:
        relocation.live(running[0])
    else:
        relocation.offline()
    _remember(context, move)


def _refuse_users(action: Action, users: Sequence[User]) -> None:
    if users:
        names = ", ".join(f"vm/{user.machine}" for user in users)
        raise HypervisorError(f"{action.address}: {names} uses it since the plan was made", "plan again")


def _remember(context: Context, move: Move) -> None:
    """Let what is known of the disk's source move with it to another pool."""
    former, now = f"{move.source_pool}/{move.name}", f"{move.pool}/{move.name}"
    source = record.parse(context.hypervisor.read_record()).disks.get(former)
    if source is not None and former != now:
        context.remember(now, source)


class Relocation:
    """One disk's way to its other image."""

    def __init__(self, action: Action, context: Context, users: tuple[User, ...]) -> None:
        self.action = action
        self.context = context
        self.hypervisor = context.hypervisor
        self.move: Move = action.details["move"]
        self.users = users
        self.store = Store(context, self.move.pool)
        self.staged = staged_name(self.move.name)

    @property
    def on_staged(self) -> bool:
        """Whether the machines are on the staged image, or it is all that there is: a killed apply got that far."""
        path = self.move.staged_path
        return self.move.source_path == path or any(user.path == path for user in self.users)

    def live(self, user: User) -> None:
        """Let QEMU copy what the guest has: to another pool at once, within one by way of the staged image."""
        seat = Seat(user.machine, user.target, user.path, user.format or self.move.source_format)
        if user.path == self.move.path and self.move.source_path != self.move.path:
            self._tidy()
            return
        going_to = self._settle(seat)
        self._must_have_room(copies=1 if self.move.source_pool != self.move.pool or self.on_staged else 2)
        if self.move.source_pool != self.move.pool and not self.on_staged:
            self._copy_marked(seat)
        else:
            if not self.on_staged:
                self._copy(seat, self.staged, (0.0, _HALF))
                seat = seat._replace(path=self.move.staged_path, format=self.move.format)
            if going_to != self.move.path:
                self._put_aside()
            self._copy(seat, self.move.name, (_HALF, _WHOLE))
        self._tidy()

    def _copy(self, seat: Seat, name: str, part: tuple[float, float]) -> None:
        copy = LiveCopy(self.action, self.context, self.store, seat, name)
        copy.run(part)
        self._point(seat.path, copy.path, self.move.format)

    def _copy_marked(self, seat: Seat) -> None:
        """Copy to another pool, where a mark tells from first to last that what has the name isn't the disk yet."""
        if self.staged not in self.store.names():
            self.store.make(self.staged, "raw", _MARK_SIZE)
        try:
            self._copy(seat, self.move.name, (0.0, _WHOLE))
        except (HypervisorError, images.ImageError):
            if self.move.name not in self.store.names():
                self._tidy()
            raise

    def _tidy(self) -> None:
        self.store.remove(self.staged, self.move.name + HIDDEN)

    def _settle(self, seat: Seat) -> str:
        """Return where a copy goes that a killed apply began and that is gone on with, '' where there is none.

        One that is in sync already is made anew: what was written since then isn't known, so it can't be checked.
        """
        mirror = self.hypervisor.block_mirror(seat.machine, seat.target)
        if mirror is None and self.hypervisor.block_job(seat.machine, seat.target) is None:
            return ""
        if mirror is None or mirror.path not in (self.move.path, self.move.staged_path):
            raise HypervisorError(
                f"{self.action.address}: {seat.target} of vm/{seat.machine} is busy with another block job",
                f"wait for it, or end it: virsh blockjob {seat.machine} {seat.target} --abort",
            )
        if not mirror.ready:
            return mirror.path
        self.hypervisor.block_abort(seat.machine, seat.target)
        self.store.remove(Path(mirror.path).name, self.move.name + HIDDEN)
        return ""

    def _must_have_room(self, *, copies: int) -> None:
        move = self.move
        held = (move.pool, self.staged) if self.on_staged else (move.source_pool, move.source_volume)
        source = self.hypervisor.volume_info(*held)
        needed, room = copies * source.allocation, self.store.room()
        if needed > room:
            raise HypervisorError(
                f"{self.action.address}: pool/{self.store.pool} has {format_size(room)} left, and the copy takes "
                f"{format_size(needed)}; nothing was changed",
                "make room there, or name another pool",
            )

    def offline(self) -> None:
        """Make the new image beside the old one, compare, and let the definitions name it."""
        image_format = next((u.format for u in self.users if u.path == self.move.staged_path), "") or self.move.format
        if not self.on_staged:
            self._must_have_room(copies=1)
            self._fill()
            self._must_be_unused()
            self._point(self.move.source_path, self.move.staged_path, image_format)
        if not self.users and self.store.folder is not None and self.move.kept:
            self.store.also_call(self.move.name, self.move.kept, self.move.source_format)
            self.store.rename(self.staged, self.move.name)
        else:
            self._put_aside()
            if self.move.name not in self.store.names():
                self.store.also_call(self.staged, self.move.name, image_format)
            self._point(self.move.staged_path, self.move.path, image_format)
        self._tidy()

    def _put_aside(self) -> None:
        """Give the old image the name that the plan told; on the way it has both names, never none."""
        if self.move.kept and self.move.name in self.store.names():
            self.store.also_call(self.move.name, self.move.kept, self.move.source_format)
            self.store.remove(self.move.name)

    def _fill(self) -> None:
        """Make the staged image and check that it shows what the old one does."""
        move = self.move
        self.store.remove(self.staged)
        if self.store.folder is None or not Path(move.source_path).exists():
            self._fill_by_libvirt()
            return
        target = self.store.folder / self.staged
        if move.backing is None:
            self.store.convert(Path(move.source_path), self.staged, (move.source_format, move.format), self._hear)
        else:
            images.copy_layer(
                move.source_path, target, source_format=move.source_format, target_format=move.format,
                former=move.former_backing, base=move.backing, progress=self._hear,
            )  # fmt: skip
        compared = images.verify_same(move.source_path, move.source_format, target, move.format)
        if not compared.same or compared.grown_by:
            self.store.remove(self.staged)
            raise HypervisorError(f"{self.action.address}: the copy differs from {move.source_path}: {compared.detail}")

    def _hear(self, percent: float) -> None:
        self.context.progress.advanced(self.action, percent)

    def _fill_by_libvirt(self) -> None:
        move = self.move
        if move.backing is not None:
            raise HypervisorError(
                f"{self.action.address}: stands on {move.backing.path}, and its pools are not this machine's",
                "apply on the host itself, or flatten it first (backing: null)",
            )
        self.store.copy_of(move.source_pool, move.source_volume, self.staged, move.format, move.size)

    def _must_be_unused(self) -> None:
        started = [user.machine for user in users_of(self.hypervisor, {self.move.source_path}) if user.running]
        if started:
            self.store.remove(self.staged)
            raise HypervisorError(
                f"{self.action.address}: vm/{started[0]} was started while its image was copied; it keeps the old one",
                "plan again: the copy can be made while it runs, too",
            )

    def _point(self, former: str, path: str, image_format: str) -> None:
        """Let the definitions that name one image name the other, and check that they do."""
        for user in users_of(self.hypervisor, {former}):
            if not user.defined:
                continue
            before = self.hypervisor.domain_xml(user.machine, secure=True)
            self.hypervisor.define_domain(rewritten(before, {former: (path, image_format)}), validate=False)
            if any(each.machine == user.machine and each.defined for each in users_of(self.hypervisor, {former})):
                self.hypervisor.define_domain(before, validate=False)
                raise HypervisorError(f"vm/{user.machine}: libvirt does not keep {path} as its {user.target}")


def flatten(action: Action, context: Context) -> None:
    """Make a disk stand on nothing: in place under a running guest, else as a new image beside the old one."""
    if action.disruption is Disruption.LIVE:
        _pull(action, context)
    else:
        carry_out(action, context)


def _pull(action: Action, context: Context) -> None:
    """Fill a running guest's disk with all that is below it, and wait until it stands on nothing."""
    hypervisor, move = context.hypervisor, action.details["move"]
    user = next((each for each in users_of(hypervisor, {move.path}) if each.running), None)
    if user is None:
        raise HypervisorError(f"{action.address}: its machine was stopped since the plan was made", "plan again")
    if hypervisor.block_job(user.machine, user.target) is None:
        hypervisor.block_pull(user.machine, user.target)
    while (job := hypervisor.block_job(user.machine, user.target)) is not None:
        context.progress.advanced(action, job.percent)
        time.sleep(PAUSE_SECONDS)
    with context.lane(move.pool):
        hypervisor.refresh_pool(move.pool)
        left = xmlio.parse(hypervisor.volume_xml(move.pool, move.name)).findtext("backingStore/path")
    if left:
        raise HypervisorError(
            f"{action.address}: QEMU gave up before it stood on its own: it still has {left} below it",
            f"pool/{move.pool} may be full; nothing was lost: apply again to go on",
        )


def discard(action: Action, context: Context) -> None:
    """Delete the image that a disk has left behind, unless somebody uses it."""
    details, hypervisor = action.details, context.hypervisor
    users = users_of(hypervisor, {details["path"]})
    if users:
        raise HypervisorError(f"{details['path']} is in use by vm/{users[0].machine}, and stays", "plan again")
    Store(context, details["pool"]).remove(details["volume"])
