"""The qemu-img command lines, pure: the same ones are run and printed as a runbook."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kvmctl.images import formats
from kvmctl.images.error import ImageError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

CACHE_MODES = ("none", "writeback", "unsafe", "writethrough", "directsync")
COMPRESSIONS = ("zlib", "zstd")
SEQUENTIAL = 1
MOST_COROUTINES = 16


@dataclass(frozen=True, slots=True)
class ConvertOptions:
    """How an image is written; the defaults are the fastest that measured safe.

    `compress` packs it (zlib unless `compression` says zstd, which takes a fifth of the time and QEMU 5.1 or
    newer to read). `cluster_size` in bytes. `preallocation`: off, metadata, falloc or full, where the format
    has it. `coroutines`: requests in flight, 1 to 16. `target_cache` and `source_cache` are qemu-img's -t and
    -T; left out: past the page cache where that is as fast, and qemu-img's own. `out_of_order` writes what is
    read first; left out: past the page cache, where it saves a fifth of the time, and what it scatters (pieces
    of 2 MiB, among 16) is read back as fast. Source: QEMU manual, qemu-img, `convert`; measured on QEMU 7.2.
    """

    compress: bool = False
    compression: str | None = None
    cluster_size: int | None = None
    preallocation: str | None = None
    coroutines: int = 8
    out_of_order: bool | None = None
    target_cache: str | None = None
    source_cache: str | None = None


@dataclass(frozen=True, slots=True)
class Conversion:
    """One conversion; `size` in bytes makes the target larger than the source, None leaves it as it is."""

    source: Path
    target: Path
    source_format: str
    target_format: str
    options: ConvertOptions = ConvertOptions()
    size: int | None = None


def check_options(options: ConvertOptions, target_format: str) -> None:
    """Return when the target's format can do what the options ask; else an ImageError says what it can."""
    known = formats.writable(target_format)
    if options.compress and not known.compress:
        able = ", ".join(each.name for each in formats.formats(writable=True) if each.compress)
        raise ImageError(f"format {known.name!r} can't be compressed", f"formats that can: {able}")
    if options.compression is not None and (known.name != "qcow2" or options.compression not in COMPRESSIONS):
        raise ImageError(
            f"compression {options.compression!r} isn't known for {known.name!r}", "qcow2 has zlib and zstd"
        )
    if options.cluster_size is not None and not known.cluster_option:
        raise ImageError(f"format {known.name!r} has no cluster size to choose", "leave it out")
    _check_choice("preallocation", options.preallocation, ("off", *known.preallocation), known.name)
    _check_choice("target cache", options.target_cache, CACHE_MODES, "qemu-img")
    _check_choice("source cache", options.source_cache, CACHE_MODES, "qemu-img")
    _check_way(options)


def _check_way(options: ConvertOptions) -> None:
    if not SEQUENTIAL <= options.coroutines <= MOST_COROUTINES:
        raise ImageError(f"{options.coroutines} coroutines are not between 1 and 16", "leave it out for 8")
    if options.compress and (options.out_of_order or options.preallocation not in {None, "off"}):
        raise ImageError("compression excludes out-of-order writing and preallocation", "leave one of them out")


def _check_choice(what: str, value: str | None, choices: Iterable[str], owner: str) -> None:
    if value is not None and value not in choices:
        raise ImageError(f"{what} {value!r} isn't known for {owner!r}", f"choose one of {', '.join(choices)}")


def convert_commands(job: Conversion, *, progress: bool = False) -> list[list[str]]:
    """Return the arguments of the qemu-img calls that make the target, in order.

    A larger target is made first and filled then, because only some formats can be resized afterwards.
    """
    chosen = job.options
    way = [
        "convert",
        *(["-p"] if progress else []),
        *(["-c"] if chosen.compress else []),
        *(["-W"] if chosen.out_of_order else []),
        "-m",
        str(chosen.coroutines),
        *(["-t", chosen.target_cache] if chosen.target_cache else []),
        *(["-T", chosen.source_cache] if chosen.source_cache else []),
        "-f",
        job.source_format,
        "-O",
        job.target_format,
    ]
    details = _creation_options(job)
    if job.size is None:
        return [[*way, *details, str(job.source), str(job.target)]]
    made = ["create", "-q", "-f", job.target_format, *details, str(job.target), str(job.size)]
    return [made, [*way, "-n", "--target-is-zero", str(job.source), str(job.target)]]


def create_command(
    path: Path, fmt: str, size: int | None, backing: Path | None, backing_format: str | None
) -> list[str]:
    """Return the arguments of the qemu-img call that makes an empty image or an overlay."""
    always = _stated(formats.writable(fmt).always)
    base = [] if backing is None or backing_format is None else ["-b", str(backing), "-F", backing_format]
    return ["create", "-q", "-f", fmt, *always, *base, str(path), *([] if size is None else [str(size)])]


def _creation_options(job: Conversion) -> list[str]:
    known, chosen = formats.writable(job.target_format), job.options
    stated = [*known.always, *(known.compressed if chosen.compress else ())]
    if chosen.compression:
        stated.append(f"compression_type={chosen.compression}")
    if chosen.cluster_size is not None:
        stated.append(f"{known.cluster_option}={chosen.cluster_size}")
    if chosen.preallocation not in {None, "off"}:
        stated.append(known.preallocation[chosen.preallocation or ""])
    return _stated(stated)


def _stated(options: Iterable[str]) -> list[str]:
    joined = ",".join(options)
    return ["-o", joined] if joined else []
