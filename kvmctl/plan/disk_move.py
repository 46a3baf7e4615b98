"""The plan for a disk that gets another image: of another format, in another pool, on another base or on none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from kvmctl.actions import Disruption, Operation
from kvmctl.diff import Change
from kvmctl.fields import known, rows
from kvmctl.models.disk import Disk
from kvmctl.moving import STAGED, Below, Move, Surroundings, kept_name
from kvmctl.plan import move_commands
from kvmctl.resolve import Place, disk_place
from kvmctl.xmlio import parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from kvmctl.inventory import Inventory, Live, Resource
    from kvmctl.moving import User
    from kvmctl.plan.steps import Steps

_WRITABLE: Final = frozenset({"raw", "qcow2", "qed", "vdi", "vpc"})
"""What an image can become; the others can't be written, or write their own name into themselves (vmdk)."""
_MIRRORED: Final = frozenset({"raw", "qcow2", "qed"})
"""What QEMU copies a running guest's disk into."""
_LAYERED: Final = frozenset({"qcow2", "qed"})


def asks_for_another_image(want: Resource, have: Resource, changes: Iterable[Change]) -> bool:
    """Say whether a disk has to get another image, or a killed apply left one beside it."""
    facts = cast("Live", have.live).facts
    elsewhere = facts["pool"] != cast("Disk", want.spec).pool or bool((facts.get("around") or Surroundings()).staged)
    return elsewhere or any(change.field[0] in ("format", "backing") for change in changes)


class Around(NamedTuple):
    """What a disk's plan has to know beside the disk: all that is wanted and all that exists, and what is allowed."""

    want: Inventory
    have: Inventory
    allow_data_loss: bool = False


class Wish:
    """One disk that has to get another image: what is wanted, what is there, and what differs."""

    def __init__(self, want: Resource, have: Resource, changes: Sequence[Change], around: Around) -> None:
        self.want = want
        self.wanted = around.want
        self.facts = cast("Live", have.live).facts
        self.around: Surroundings = self.facts.get("around") or Surroundings()
        self.changes = [change for change in changes if change.field[0] in ("format", "backing")]
        pool = str(cast("Disk", want.spec).pool)
        self.moves = self.facts["pool"] != pool
        if self.moves:
            self.changes.insert(0, Change(("pool",), self.facts["pool"], pool, rows(Disk)["pool"]))
        self.is_encrypted = parse(cast("Live", have.live).xml).find("target/encryption") is not None
        # A volume of the reserved name is the disk itself, once its former image has made room (killed right then).
        self.is_staged = self.facts["path"] == self.around.staged
        self.move = self._move(disk_place(want.address.name, around.want, around.have))

    @property
    def running(self) -> list[User]:
        """The devices of running machines that hold the image."""
        return [user for user in self.around.users if user.running]

    @property
    def on_staged(self) -> list[User]:
        """The devices that a killed apply left on the staged image."""
        return [user for user in self.around.users if user.path == self.around.staged]

    @property
    def operation(self) -> Operation:
        """What is done, in one word."""
        fields = {change.field[0] for change in self.changes}
        if "pool" in fields:
            return Operation.MOVE
        if "format" in fields or "backing" not in fields:
            return Operation.CONVERT
        return Operation.REBASE if self.move.backing else Operation.FLATTEN

    @property
    def pulls(self) -> bool:
        """Whether the running guest fills its image in place, which then stands on nothing."""
        return self.operation is Operation.FLATTEN and bool(self.running)

    def _move(self, place: Place) -> Move:
        facts, spec = self.facts, cast("Disk", self.want.spec)
        former = Below(facts["backing"], facts["backing_format"] or "raw") if facts["backing"] else None
        stays = self.moves or self.is_staged
        return Move(
            source_pool=facts["pool"],
            source_volume=facts["volume"],
            source_path=facts["path"],
            source_format=facts["format"] or "raw",
            pool=str(spec.pool),
            name=self.want.address.name,
            path=facts["path"].removesuffix(STAGED) if self.is_staged else place.path,
            format=known(spec.format) or facts["format"] or "raw",
            size=facts["capacity"],
            backing=_below(spec, former),
            former_backing=former,
            kept="" if stays else kept_name(self.want.address.name, facts["format"] or "raw", self.around.volumes),
            is_device=place.attribute == "block",
        )


def _below(spec: Disk, former: Below | None) -> Below | None:
    """Return what the new image stands on: what the manifest says, or where it says nothing, what the old one does."""
    wish = cast("Any", spec.backing)
    if wish is None:
        return None
    return Below(str(wish.path), str(known(wish.format) or "raw")) if known(wish) else former


def plan_move(steps: Steps, wish: Wish, *, allow_data_loss: bool) -> None:
    """Add the actions that give a disk its other image, or the refusal."""
    reason = next(_reasons(wish), None)
    if reason:
        for change in wish.changes or [_unfinished(wish)]:
            steps.refuse(change, *reason)
        return
    disruption = Disruption.LIVE if wish.running else Disruption.NONE
    if wish.pulls:
        steps.add(
            wish.operation,
            disruption,
            wish.changes,
            move_commands.pull(wish.running[0]),
            _pull_note(wish),
            move=wish.move,
        )
        return
    if not wish.changes and not wish.on_staged and not wish.is_staged:
        _clean(steps, wish)
        return
    commands = (
        move_commands.live(wish.move, wish.running[0])
        if wish.running
        else move_commands.offline(wish.move, wish.around.users)
    )
    steps.add(wish.operation, disruption, wish.changes, commands, _note(wish), move=wish.move)
    if allow_data_loss and not wish.is_staged:
        _discard(steps, wish)


def _clean(steps: Steps, wish: Wish) -> None:
    """Add the step that removes a staged image which nobody uses, beside the disk that is as it should be."""
    note = f"removes {wish.around.staged}, which an interrupted apply left and nobody uses"
    steps.add(Operation.CONVERT, Disruption.NONE, [], move_commands.remove(wish.move), note, move=wish.move, clean=True)


def _discard(steps: Steps, wish: Wish) -> None:
    move = wish.move
    pool, volume = (move.pool, move.kept) if move.kept else (move.source_pool, move.source_volume)
    steps.add(
        Operation.DISCARD, Disruption.DATA_LOSS, [], move_commands.discard(pool, volume),
        f"deletes the old image, {move.kept_path}", pool=pool, volume=volume, path=move.kept_path,
    )  # fmt: skip


def _unfinished(wish: Wish) -> Change:
    return Change(("pool",), wish.around.staged, wish.move.path, rows(Disk)["pool"])


def _reasons(wish: Wish) -> Iterator[tuple[str, str]]:
    """Yield why the disk can't get its other image, each with the way out."""
    move, running = wish.move, wish.running
    for user in wish.around.users:
        if user.format not in ("", _expected(wish, user)):
            yield (
                f"vm/{user.machine} takes {user.path} for {user.format}, and it is {_expected(wish, user)}",
                "correct that first",
            )
        if user.obstacle:
            yield f"vm/{user.machine} {user.obstacle}", f"remove that from vm/{user.machine} first"
    if len(running) > 1:
        names = ", ".join(f"{user.target} of vm/{user.machine}" for user in running)
        yield f"{names} use the image at the same time", "stop all of them but one"
    overlays = [path for path in wish.around.overlays if path != wish.around.staged]
    if overlays:
        told = ", ".join(overlays)
        yield f"{told} stands on {move.source_path}, and would stand on nothing", "flatten it first (backing: null)"
    yield from _impossible(wish)
    yield from _contradictions(wish)


def _expected(wish: Wish, user: User) -> str:
    """Return the format that a machine should take an image for; of the staged one only the machine knows it."""
    return wish.move.source_format if user.path == wish.move.source_path else user.format


def _impossible(wish: Wish) -> Iterator[tuple[str, str]]:
    move, running = wish.move, wish.running
    if wish.is_encrypted:
        yield f"{move.source_path} is encrypted, and would have to be read", "make a second Disk and copy the content"
    able = _MIRRORED if running else _WRITABLE
    if move.format not in able and not wish.pulls:
        yield f"an image can't be made {move.format} here", f"write one of {', '.join(sorted(able))}"
    if move.backing and move.format not in _LAYERED:
        yield (
            f"{move.format} holds no backing image, and {move.source_path} stands on {move.backing.path}",
            "write backing: null too",
        )
    if move.backing and move.backing != move.former_backing:
        if running:
            yield (
                f"vm/{running[0].machine} runs on it, and QEMU puts no other base below a running guest",
                "stop it, or flatten it (backing: null)",
            )
        if len({change.field[0] for change in wish.changes}) > 1:
            yield "another base is one change, and another format or pool the next", "apply them one after the other"


def _contradictions(wish: Wish) -> Iterator[tuple[str, str]]:
    """Yield where a machine's own manifest holds on to the image as it was."""
    move = wish.move
    for address, resource in wish.wanted.items():
        for device in (known(cast("Any", resource.spec).disks) or ()) if address.kind == "vm" else ():
            image_format, path = known(device.format), known(device.file) or known(device.block)
            is_right = image_format in (None, move.format)
            if known(device.disk) == move.name and not is_right:
                told = f"{address} states format: {image_format} for it"
                yield told, f"take that away: it follows from disk: {move.name}"
            if not known(device.disk) and path in move.paths and not (is_right and path == move.path):
                yield f"{address} names {path} itself", f"write disk: {move.name} there"


def _pull_note(wish: Wish) -> str:
    below = wish.facts["backing"]
    return (
        f"fills {wish.move.path} with what it has from {below}, while vm/{wish.running[0].machine} runs; {below} stays"
    )


def _note(wish: Wish) -> str:
    """Return every path that the change makes or leaves, and who is given the new image."""
    move, users = wish.move, sorted({user.machine for user in wish.around.users})
    for_whom = f" for {', '.join(f'vm/{name}' for name in users)}" if users else ""
    if wish.on_staged or wish.is_staged:
        aside = f"; what is at {move.path} is kept as {move.kept_path}" if move.kept else ""
        return f"goes on with an interrupted change: {wish.around.staged} becomes {move.path}{for_whom}{aside}"
    if not wish.running:
        way = f"{move.staged_path}, which becomes {move.path}"
    else:
        way = move.path if wish.moves else f"{move.staged_path}, and that to {move.path}"
    return f"copies {move.source_path} to {way}{for_whom}; keeps the old image as {move.kept_path}"


def moved_paths(actions: Sequence[Any]) -> Mapping[str, tuple[str, str]]:
    """Return, for each path that the actions take a disk away from, the path and format that it gets."""
    found: dict[str, tuple[str, str]] = {}
    for action in actions:
        move: Move | None = action.details.get("move")
        if move is not None:
            found |= dict.fromkeys(move.paths, (move.path, move.format))
    return found
