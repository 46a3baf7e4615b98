"""`kvmctl drift`: for cron; says what somebody changed by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kvmctl.cli import options, session, show
from kvmctl.errors import ExitCode

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@options.files
@options.connect
@options.against
@options.selection
@options.output("text", "json", *show.REPORTS)
@options.color
@click.option(
    "--out", type=click.Path(dir_okay=False), metavar="FILE",
    help="Write the report to this file, as a whole or not at all, instead of printing it.",
)  # fmt: skip
def command(
    *,
    paths: tuple[str, ...],
    uri: str | None,
    targets: tuple[str, ...],
    selectors: tuple[str, ...],
    output: str,
    no_color: bool,
    against: Path | None,
    out: str | None,
) -> int:
    """Say where the host differs from the manifests; exits with 2 if it does.

    Reads the manifests and the host, over a read-only connection or from a snapshot, and changes nothing.
    """
    with show.problems_as(output, "drift", out):
        plan = session.read_only_plan(uri, paths, targets, selectors, against=against)
    show.drift(plan, output, color=options.colored(no_color=no_color), out=out)
    return ExitCode.OK if plan.is_empty and not plan.kept else ExitCode.CHANGES
