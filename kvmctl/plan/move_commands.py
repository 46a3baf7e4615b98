"""By hand: the virsh and qemu-img commands that give a disk another image."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from kvmctl.moving import staged_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kvmctl.moving import Move, User

Commands = tuple[str, ...]


def live(move: Move, user: User) -> Commands:
    """Return the commands for a running guest's disk: one block copy to another pool, two within one."""
    if move.source_pool != move.pool:
        return (*_copy(move, user, move.name, move.path),)
    first = () if user.path == move.staged_path else _copy(move, user, staged_name(move.name), move.staged_path)
    aside = (shlex.join(["mv", move.path, move.kept_path]), _refresh(move)) if move.kept else ()
    return (*first, *aside, *_copy(move, user, move.name, move.path), *remove(move))


def offline(move: Move, users: Iterable[User]) -> Commands:
    """Return the commands for a disk that no running guest uses."""
    done = move.source_path == move.staged_path
    aside = (shlex.join(["mv", move.path, move.kept_path]),) if move.kept else ()
    named = shlex.join(["mv", move.staged_path, move.path])
    return (*(() if done else _convert(move)), *aside, named, _refresh(move), *_edits(move, users))


def pull(user: User) -> Commands:
    """Return the command that flattens a running guest's disk in place."""
    return (f"virsh blockpull {shlex.quote(user.machine)} {user.target} --wait --verbose",)


def remove(move: Move) -> Commands:
    """Return the command that removes the staged image."""
    return discard(move.pool, staged_name(move.name))


def discard(pool: str, volume: str) -> Commands:
    """Return the command that deletes an image."""
    return (shlex.join(["virsh", "vol-delete", volume, "--pool", pool]),)


def _refresh(move: Move) -> str:
    return shlex.join(["virsh", "pool-refresh", move.pool])


def _copy(move: Move, user: User, volume: str, path: str) -> Commands:
    make = ["virsh", "vol-create-as", move.pool, volume, f"{move.size}B", "--format", move.format]
    if move.backing:
        make += ["--backing-vol", move.backing.path, "--backing-vol-format", move.backing.format]
    copy = ["virsh", "blockcopy", user.machine, user.target, path, "--format", move.format, "--reuse-external"]
    copy += ["--transient-job", "--wait", "--verbose", "--pivot", *(["--shallow"] if move.backing else [])]
    return shlex.join(make), shlex.join(copy)


def _convert(move: Move) -> Commands:
    way = ["qemu-img", "convert", "-p", "-f", move.source_format, "-O", move.format]
    rebase: Commands = ()
    if move.backing and move.former_backing:
        way += ["-B", move.former_backing.path, "-F", move.former_backing.format]
    if move.backing and move.backing != move.former_backing:
        onto = ["-b", move.backing.path, "-F", move.backing.format]
        rebase = (shlex.join(["qemu-img", "rebase", "-f", move.format, *onto, move.staged_path]),)
    compare = ["qemu-img", "compare", "-f", move.source_format, "-F", move.format, move.source_path, move.staged_path]
    return shlex.join([*way, move.source_path, move.staged_path]), *rebase, shlex.join(compare)


def _edits(move: Move, users: Iterable[User]) -> Commands:
    """Return the commands that make the machines' definitions name the image as it is now."""
    found: list[str] = []
    for user in users:
        name, file = shlex.quote(user.machine), shlex.quote(f"{user.machine}.xml")
        told = f"# in {file}: of disk {user.target}, source file is {move.path}, driver type is {move.format}"
        found += [f"virsh dumpxml --inactive --security-info {name} > {file}", told, f"virsh define {file}"]
    return tuple(found)
