"""Overlays copied beside themselves, onto the base that they have or onto another one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kvmctl.images import tool
from kvmctl.images.error import ImageError
from kvmctl.images.files import plain_path
from kvmctl.images.formats import by_name, writable
from kvmctl.images.staging import room_left, staged

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence


@dataclass(frozen=True, slots=True)
class _Base:
    path: Path
    format: str

    @property
    def options(self) -> list[str]:
        """The base as arguments of qemu-img, after the letters that its subcommands have for it."""
        return [str(self.path), "-F", self.format]


def copy_layer(  # noqa: PLR0913 - each is one question of the copy, all by name
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    source_format: str,
    target_format: str,
    former: tuple[str, str] | None,
    base: tuple[str, str],
    progress: Callable[[float], None],
) -> None:
    """Make `target` an image that reads as `source` does and holds only what differs from `base` (path, format).

    `former` is the base of the source, None where it has none. What the two bases hold differently goes into the
    target, so that a guest sees the same. ImageError: as of `convert`. Source: QEMU manual, qemu-img, `convert -B` and
    `rebase`.
    """
    by_name(source_format)
    writable(target_format)
    image, below = plain_path(source), _base(base)
    onto = ["-B", *_base(former).options] if former else []
    with staged(plain_path(target), at_most=image.stat().st_mode) as part:
        way = ["convert", "-p", "-f", source_format, "-O", target_format, *onto, str(image), str(part)]
        _must_work(tool.follow(way, progress), image, part)
        if former is None or _base(former) != below:
            way = ["rebase", "-p", "-f", target_format, "-b", *below.options, str(part)]
            _must_work(tool.follow(way, lambda _percent: None), image, part)


def put_on(image: str | os.PathLike[str], base: str, fmt: str) -> None:
    """Write into a qcow2 image that what it doesn't hold is in `base` of format `fmt`, a name beside the image.

    Nothing is copied: the image has to hold all that differs. Source: QEMU manual, qemu-img, `rebase -u`.
    """
    by_name(fmt)
    path = plain_path(image)
    ended = tool.run(["rebase", "-u", "-f", "qcow2", "-b", base, "-F", fmt, str(path)])
    if ended.code != 0:
        raise ImageError(f"{path}: can't be put on {base}: qemu-img: {ended.complaint}", room_left(path.parent))


def _base(told: Sequence[str]) -> _Base:
    path, image_format = told
    by_name(image_format)
    return _Base(plain_path(path), image_format)


def _must_work(ended: tool.Finished, image: Path, part: Path) -> None:
    if ended.code != 0:
        raise ImageError(f"{image}: can't be copied: qemu-img: {ended.complaint}", room_left(Path(part).parent.parent))
