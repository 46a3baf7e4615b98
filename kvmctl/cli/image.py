"""`kvmctl image`: look at disk images and convert them."""

from __future__ import annotations

import dataclasses
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from kvmctl.cli import options
from kvmctl.codec import Duration, Size, format_size
from kvmctl.errors import UsageError, plural
from kvmctl.fields import camel

if TYPE_CHECKING:
    from kvmctl.downloads import Kept

_SHOWN_DIGITS: Final = 12


@click.group()
def command() -> None:
    """Look at disk images, convert them, and see to those that were downloaded."""


@command.command()
@click.argument("path", type=click.Path())
@click.option("--format", "image_format", metavar="FORMAT", help="The image's format; found out when omitted.")
@options.output("text", "json")
def info(path: str, image_format: str | None, output: str) -> None:
    """Show an image's format, virtual size and allocation."""
    from kvmctl import images
    from kvmctl.render import plan_json

    found = images.info(path, image_format)
    if output == "json":
        facts = {camel(name): value for name, value in dataclasses.asdict(found).items()}
        click.echo(plan_json.text(facts | {"path": str(found.path)}), nl=False)
        return
    rows = {
        "path": path,
        "format": found.format,
        "virtual size": format_size(found.virtual_size),
        "allocation": format_size(found.allocation),
    }
    rows |= {"backing file": found.backing_file} if found.backing_file else {}
    for name, value in rows.items():
        click.echo(f"{name + ':':<14} {value}")


@command.command()
@click.argument("source", type=click.Path())
@click.argument("target", type=click.Path())
@click.option(
    "--from",
    "source_format",
    metavar="FORMAT",
    help="The source's format; follows from its name (.qcow2, .raw, …) when omitted.",
)
@click.option(
    "-O",
    "--to",
    "target_format",
    metavar="FORMAT",
    help="The target's format; follows from its name (.qcow2, .raw, …) when omitted.",
)
@click.option("--size", metavar="SIZE", help="Grow the new image to this size, such as 20GiB.")
@click.option("--compress", is_flag=True, help="Compress (qcow2, vmdk).")
@click.option("--compression", metavar="KIND", help="zlib or zstd (qcow2), instead of the format's own; compresses.")
@click.option("--cluster-size", metavar="SIZE", help="Unit of allocation (qcow2), such as 64KiB or 2MiB.")
@click.option("--preallocation", metavar="MODE", help="off, metadata, falloc or full, as the format has it.")
@click.option(
    "--allow-backing",
    is_flag=True,
    help="Read an image's backing file too, and make one image of both. Only for images that you trust.",
)
@click.option("--overwrite", is_flag=True, help="Replace the target if it exists.")
def convert(
    *,
    source: str,
    target: str,
    source_format: str | None,
    target_format: str | None,
    size: str | None,
    compress: bool,
    compression: str | None,
    cluster_size: str | None,
    preallocation: str | None,
    allow_backing: bool,
    overwrite: bool,
) -> None:
    """Convert an image, sparse, with progress; the target appears whole or not at all."""
    from kvmctl import images

    to = target_format or _by_name(target)
    source_format = source_format or _stated_by_name(source)
    chosen = images.ConvertOptions(
        compress or compression is not None, compression, _size("--cluster-size", cluster_size), preallocation
    )
    done = images.convert(
        source,
        target,
        source_format=source_format,
        target_format=to,
        size=_size("--size", size),
        options=chosen,
        overwrite=overwrite,
        allow_backing=allow_backing,
        progress=_progress,
    )
    if sys.stderr.isatty():
        click.echo(err=True)
    click.echo(
        f"{target}: {done.format}, virtual size {format_size(done.virtual_size)}, "
        f"allocation {format_size(done.allocation)}"
    )


@command.command("list")
@options.output("text", "json")
def list_(output: str) -> None:
    """Show the downloaded images that are kept for the next Disk with the same source."""
    from kvmctl.downloads import Cache

    kept = Cache().kept()
    if output == "json":
        from kvmctl.render import plan_json

        click.echo(plan_json.text({"images": [_facts(each) for each in kept]}), nl=False)
        return
    for each in kept:
        size, day = format_size(each.size), time.strftime("%Y-%m-%d", time.localtime(each.used))
        click.echo(f"{_name(each):<24} {size:>9}  used {day}  {' '.join(each.urls)}".rstrip())
    click.echo(f"{plural(len(kept), 'file')}, {format_size(sum(each.size for each in kept))}, in {Cache().folder}")


@command.command()
@click.option(
    "--unused-for",
    metavar="DURATION",
    default="720h",
    show_default=True,
    help="What nobody used for so long is removed, such as 24h.",
)
@click.option("--all", "everything", is_flag=True, help="Remove all that nobody uses at the moment.")
def prune(unused_for: str, everything: bool) -> None:
    """Remove downloaded images; the next Disk that wants one fetches it again."""
    from kvmctl.downloads import Cache

    try:
        seconds = 0 if everything else Duration().parse(unused_for)
    except ValueError as error:
        raise UsageError(f"--unused-for {unused_for!r} is not a duration", f"write {Duration.expects}") from error
    removed = Cache().prune(time.time() - seconds)
    for each in removed:
        click.echo(f"removed {_name(each)}, {format_size(each.size)} {' '.join(each.urls)}".rstrip())
    click.echo(f"{plural(len(removed), 'file')} removed, {format_size(sum(each.size for each in removed))}")


def _name(kept: Kept) -> str:
    """Return a kept file's name with a sum that is short enough to look at."""
    digits, _, ending = kept.path.name.partition(".")
    return f"{digits[:_SHOWN_DIGITS]}{ending and f'.{ending}'}{'' if kept.whole else ' (partial)'}"


def _facts(kept: Kept) -> dict[str, object]:
    return {"path": str(kept.path), "size": kept.size, "urls": list(kept.urls), "whole": kept.whole}


def _stated_by_name(source: str) -> str:
    """Return the format that a source's name states; the content decides nothing, since a guest can write any."""
    from kvmctl import images

    ending = Path(source).suffix.removeprefix(".")
    if ending in {each.name for each in images.formats()}:
        return ending
    seems = images.sniff(source)
    if seems:
        raise UsageError(f"the name of {source} does not state its format", f"if it is what it seems: --from {seems}")
    return "raw"


def _by_name(target: str) -> str:
    from kvmctl import images

    ending = Path(target).suffix.removeprefix(".")
    known = {each.name for each in images.formats(writable=True)} | {"img"}
    if ending not in known:
        raise UsageError(
            f"the format of {target} does not follow from its name", "say it with --to, such as --to qcow2"
        )
    return "raw" if ending == "img" else ending


def _size(option: str, text: str | None) -> int | None:
    if text is None:
        return None
    try:
        return Size(multiple=512).parse(int(text) if text.isdigit() else text)
    except ValueError as error:
        raise UsageError(f"{option} {text!r} is not a size", f"write {Size.expects}") from error


def _progress(percent: float) -> None:
    if sys.stderr.isatty():
        filled = int(percent // 2.5)
        click.echo(f"\r[{'#' * filled}{'.' * (40 - filled)}] {percent:5.1f} %", nl=False, err=True)
