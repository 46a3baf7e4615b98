"""What has to be known to give a disk another image: who uses it, and the names that images have meanwhile.

Every name is a volume's, in the pool that the disk will be in. What the two reserved endings stand for is all that a
second apply needs to go on with what a killed one began.
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection

STAGED = ".kvmctl-new"
"""The disk's new image until it has the disk's name; an empty volume of that name marks a copy that goes on."""
HIDDEN = ".kvmctl-part"
"""Half an image, as long as QEMU fills it. Nobody but QEMU ever uses it."""

UNFINISHED = ".kvmctl-making"
"""A volume of a disk's name and this ending marks that libvirt makes the disk, which is whole when the mark is gone."""


class User(NamedTuple):
    """A device that holds an image: in a machine's running definition, in its persistent one, or in both.

    `format` is what the definition takes the image for, '' where it leaves that open; `obstacle` says why the machine
    can't be given another image, '' where it can.
    """

    machine: str
    target: str
    path: str
    running: bool
    defined: bool
    format: str = ""
    obstacle: str = ""


class Surroundings(NamedTuple):
    """What lies around a disk that is to get another image.

    `users` are those of its image and of the staged one; `volumes` the names in the pool that it will be in; `overlays`
    the images that stand on it; `staged` the path of the image of that reserved name, '' where there is none.
    """

    users: tuple[User, ...] = ()
    volumes: frozenset[str] = frozenset()
    overlays: tuple[str, ...] = ()
    staged: str = ""


class Below(NamedTuple):
    """A backing image: its path on the host and its format."""

    path: str
    format: str


class Move(NamedTuple):
    """One disk's way to another image. Sizes in bytes.

    `kept` is the name that the old image gets, '' where it stays;
    `is_device` says that the new one is a block device of the host.
    """

    source_pool: str
    source_volume: str
    source_path: str
    source_format: str
    pool: str
    name: str
    path: str
    format: str
    size: int
    backing: Below | None = None
    former_backing: Below | None = None
    kept: str = ""
    is_device: bool = False

    @property
    def staged_path(self) -> str:
        """The path of the new image until it has the disk's name."""
        return self.path + STAGED

    @property
    def kept_path(self) -> str:
        """The path at which the old image is found afterwards."""
        return posixpath.join(posixpath.dirname(self.path), self.kept) if self.kept else self.source_path

    @property
    def paths(self) -> frozenset[str]:
        """The paths that the machines may have when the move begins or goes on."""
        return frozenset((self.source_path, self.staged_path, self.path))


def staged_name(disk: str) -> str:
    """Return the name of a disk's new image until it has the disk's own."""
    return disk + STAGED


def kept_name(disk: str, image_format: str, taken: Collection[str]) -> str:
    """Return the first free name for a disk's old image: `root.old-raw`, then `root.old-raw-2`."""
    plain = f"{disk}.old-{image_format}"
    names = (plain if number == 1 else f"{plain}-{number}" for number in range(1, len(taken) + 2))
    return next(name for name in names if name not in taken)
