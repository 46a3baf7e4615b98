"""Making images: converted from others, or empty; never half of one under its final name."""

from __future__ import annotations

import os
import shlex
from dataclasses import replace
from typing import TYPE_CHECKING

from kvmctl.images import formats, tool, trust
from kvmctl.images.commands import Conversion, ConvertOptions, check_options, convert_commands, create_command
from kvmctl.images.describe import ImageInfo, info, told
from kvmctl.images.error import ImageError
from kvmctl.images.files import plain_path
from kvmctl.images.inspection import inspect
from kvmctl.images.staging import refuse_existing, room_left, staged

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

DEFAULTS = ConvertOptions()
DONE = 100.0


def convert(  # noqa: PLR0913 - each is one question of the conversion, all by name
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    source_format: str,
    target_format: str,
    options: ConvertOptions = DEFAULTS,
    progress: Callable[[float], None] | None = None,
    size: int | None = None,
    overwrite: bool = False,
    allow_backing: bool = False,
) -> ImageInfo:
    """Return what the new image at `target` is: the content of `source` in another format, still sparse.

    `source_format` is stated, nothing is probed. `size` in bytes makes the virtual size larger. `progress`
    hears percentages, never falling, and 100 once, when the image is whole, on storage and under its name.
    The target's permissions are no wider than the source's. ImageError: a source that can't be read or
    trusted, an existing target without `overwrite`, a smaller `size`, no room; the target is then as it was
    before, also after kill -9 and power loss.
    """
    job = _job(source, target, source_format, target_format, options, size)
    check_options(options, target_format)
    inspect(job.source, source_format, allow_backing=allow_backing)
    before = told(job.source, source_format)
    _check_ends(job, before)
    refuse_existing(job.target, overwrite=overwrite)
    trust.check(before, allow_backing=allow_backing)
    hear = _rising(progress)
    with staged(job.target, overwrite=overwrite, at_most=job.source.stat().st_mode) as part:
        _copy(_aimed(job, part), job, hear)
    after = told(job.target, target_format)
    hear(DONE)
    return after


def create(
    path: str | os.PathLike[str],
    fmt: str,
    size: int | None = None,
    *,
    backing: str | os.PathLike[str] | None = None,
    backing_format: str | None = None,
) -> ImageInfo:
    """Return what the new image at `path` is: empty and `size` bytes large, or an overlay on `backing`.

    An overlay without `size` is as large as its backing file, whose absolute path and format are written into
    it. ImageError: the path exists, neither size nor backing file given, or a backing file without its
    format.
    """
    image = plain_path(path)
    base = _checked_base(image, size, backing, backing_format)
    with staged(image) as part:
        ended = tool.run(create_command(part, fmt, size, base, backing_format), memory=tool.COPY_MEMORY)
        _must_be_done(ended, f"{image}: can't be made", part, image)
    return told(image, fmt)


def equivalent_convert(  # noqa: PLR0913 - as convert
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    source_format: str,
    target_format: str,
    options: ConvertOptions = DEFAULTS,
    size: int | None = None,
) -> list[str]:
    """Return the shell commands that do by hand what `convert` does; nothing is read or run."""
    job = _job(source, target, source_format, target_format, options, size)
    return [_shell(arguments) for arguments in convert_commands(job, progress=True)]


def equivalent_create(
    path: str | os.PathLike[str],
    fmt: str,
    size: int | None = None,
    *,
    backing: str | os.PathLike[str] | None = None,
    backing_format: str | None = None,
) -> list[str]:
    """Return the shell command that does by hand what `create` does; nothing is read or run."""
    base = None if backing is None else plain_path(backing)
    return [_shell(create_command(plain_path(path), fmt, size, base, backing_format))]


def _shell(arguments: Sequence[str]) -> str:
    return shlex.join(["qemu-img", *arguments])


def _job(  # noqa: PLR0913, PLR0917 - as convert
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    source_format: str,
    target_format: str,
    options: ConvertOptions,
    size: int | None,
) -> Conversion:
    formats.by_name(source_format)
    formats.writable(target_format)
    return Conversion(plain_path(source), plain_path(target), source_format, target_format, options, size)


def _check_ends(job: Conversion, before: ImageInfo) -> None:
    if job.target.exists() and job.target.samefile(job.source):
        raise ImageError(
            f"{job.source}: is both source and target",
            "choose another target",
        )
    if job.size is not None and job.size < before.virtual_size:
        raise ImageError(
            f"{job.source}: holds {before.virtual_size} bytes, which don't fit the wanted size of {job.size}",
            "cutting a disk off loses data: write a larger size, or shrink what is inside first",
        )


def _checked_base(
    image: Path, size: int | None, backing: str | os.PathLike[str] | None, backing_format: str | None
) -> Path | None:
    if backing is None:
        if size is None:
            raise ImageError(f"{image}: has neither size nor backing file", "state a size")
        return None
    if backing_format is None:
        raise ImageError(f"{image}: its backing file {backing} has no stated format", "it is never probed; state it")
    base = plain_path(backing)
    below = info(base, backing_format)
    if size is not None and size < below.virtual_size:
        raise ImageError(
            f"{image}: {size} bytes are fewer than the {below.virtual_size} of its backing file {base}",
            "write a larger size or leave it out",
        )
    return base


def _aimed(job: Conversion, part: Path) -> Conversion:
    """Return the conversion with the hidden path for its target, and the way of writing that suits it."""
    chosen = job.options
    if (
        chosen.target_cache is None
        and not chosen.compress
        and formats.by_name(job.target_format).direct
        and _writes_direct(part.parent)
    ):
        out_of_order = True if chosen.out_of_order is None else chosen.out_of_order
        chosen = replace(chosen, target_cache="none", out_of_order=out_of_order)
    return replace(job, target=part, options=chosen)


def _writes_direct(folder: Path) -> bool:
    """Return whether a folder's file system can be written past the page cache (an older tmpfs can't)."""
    probe = folder / ".direct"
    try:
        os.close(os.open(probe, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC | os.O_DIRECT, 0o600))
    except OSError:
        return False
    finally:
        probe.unlink(missing_ok=True)
    return True


def _copy(aimed: Conversion, job: Conversion, hear: Callable[[float], None]) -> None:
    for arguments in convert_commands(aimed, progress=True):
        ended = tool.follow(arguments, lambda percent: hear(min(percent, DONE - 0.01)))
        what = f"{job.source}: conversion to {job.target_format} at {job.target} failed"
        _must_be_done(ended, what, aimed.target, job.target)


def _must_be_done(ended: tool.Finished, what: str, part: Path, target: Path) -> None:
    if ended.code != 0:
        # The hidden path is nothing to the user, and is gone when they read this.
        complaint = ended.complaint.replace(str(part), str(target))
        raise ImageError(f"{what}: qemu-img: {complaint}", room_left(target.parent))


def _rising(progress: Callable[[float], None] | None) -> Callable[[float], None]:
    """Return a hearer that passes on only what is more than before."""
    highest = -1.0

    def hear(percent: float) -> None:
        nonlocal highest
        if percent > highest:
            highest = percent
            if progress is not None:
                progress(percent)

    return hear
