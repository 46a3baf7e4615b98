"""Options that several commands share."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from kvmctl.actions import Disruption
from kvmctl.cli import completion

F = TypeVar("F", bound=Callable[..., Any])

DEFAULT_MANIFESTS = "manifests"


def files(command: F) -> F:
    """Add -f/--file."""
    return click.option(
        "-f", "--file", "paths", multiple=True, metavar="PATH", shell_complete=completion.paths,
        help="Manifest file, folder, or - for standard input; repeatable. Default: manifests/",
    )(command)  # fmt: skip


def connect(command: F) -> F:
    """Add -c/--connect."""
    return click.option(
        "-c", "--connect", "uri", metavar="URI",
        help="libvirt connection, such as qemu:///system. Default: LIBVIRT_DEFAULT_URI, else libvirt's own default.",
    )(command)  # fmt: skip


def against(command: F) -> F:
    """Add --against."""
    return click.option(
        "--against", type=click.Path(dir_okay=False, path_type=Path), metavar="SNAPSHOT",
        help="Compare with what `kvmctl observe` wrote to this file, in place of a host; needs no libvirt.",
    )(command)  # fmt: skip


def output(*formats: str) -> Callable[[F], F]:
    """Add -o/--output with these formats; the first is the default."""
    return click.option(
        "-o",
        "--output",
        "output",
        type=click.Choice(formats),
        default=formats[0],
        show_default=True,
        help="Output format.",
    )


def selection(command: F) -> F:
    """Add --target and -l/--selector."""
    command = click.option(
        "-l", "--selector", "selectors", multiple=True, metavar="LABELS",
        help="Only resources with these labels: tier=web,env!=test. What they need comes along.",
    )(command)  # fmt: skip
    return click.option(
        "--target", "targets", multiple=True, metavar="ADDRESS", shell_complete=completion.addresses,
        help="Only this resource, such as vm/web1; repeatable. What it needs comes along.",
    )(command)  # fmt: skip


def project(command: F) -> F:
    """Add --project and --own."""
    command = click.option(
        "--own", is_flag=True,
        help="List the marks that say whose an object is, and take over what another project has.",
    )(command)  # fmt: skip
    return click.option(
        "--project", metavar="NAME",
        help="Whose the manifests are. Default: what the kvmctl.yaml in their folder, or above it, says.",
    )(command)  # fmt: skip


def prune(command: F) -> F:
    """Add --prune and --force-prune."""
    command = click.option("--force-prune", is_flag=True, help="Let --prune remove a large part of many resources.")(
        command
    )
    return click.option(
        "--prune", is_flag=True,
        help="Remove what the project made or adopted and no manifest names now; disks only with --allow-data-loss.",
    )(command)  # fmt: skip


def color(command: F) -> F:
    """Add --no-color."""
    return click.option("--no-color", is_flag=True, help="No colours, on a terminal either; so does NO_COLOR.")(command)


def data_loss(command: F) -> F:
    """Add --allow-data-loss."""
    return click.option(
        "--allow-data-loss",
        is_flag=True,
        help="Allow the actions that delete contents of disks and snapshots; the plan lists each.",
    )(command)


def max_disruption(text: str) -> Callable[[F], F]:
    """Add --max-disruption, given as a Disruption; `text` says what it is for."""
    words = [each.word for each in Disruption]
    return click.option(
        "--max-disruption", type=click.Choice(words), default=Disruption.NEXT_BOOT.word, metavar="CLASS",
        callback=lambda _context, _option, word: Disruption.parse(word),
        help=f"{text} Classes: {', '.join(words)}. Default: next-boot.",
    )  # fmt: skip


def yes(command: F) -> F:
    """Add --yes."""
    return click.option(
        "-y",
        "--yes",
        is_flag=True,
        help="Don't ask. Without a terminal to ask on, apply refuses unless this is said.",
    )(command)


def lock_timeout(command: F) -> F:
    """Add --lock-timeout, given as seconds."""
    return click.option(
        "--lock-timeout", "lock_seconds", default="0", metavar="DURATION",
        callback=lambda _context, _option, text: _duration(text),
        help="How long to wait, such as 90s or 10m, while somebody else changes this host. Default: not at all.",
    )(command)  # fmt: skip


def _duration(text: str) -> int:
    from kvmctl.codec import Duration

    try:
        return Duration().parse(int(text) if text.isdecimal() else text)
    except ValueError as error:
        raise click.BadParameter(f"{text!r} is not {Duration.expects}") from error


def colored(*, no_color: bool) -> bool:
    """Say whether stdout wants colour: on a terminal, unless --no-color or NO_COLOR says otherwise (no-color.org)."""
    import os

    return not no_color and not os.environ.get("NO_COLOR") and sys.stdout.isatty()
