"""`kvmctl plan`: the difference; a read-only connection is enough."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kvmctl.actions import Allowed, Disruption
from kvmctl.cli import options, pruning, session, show
from kvmctl.errors import ExitCode

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@options.files
@options.connect
@options.against
@options.selection
@options.output("text", "json", "commands", *show.REPORTS)
@options.color
@options.data_loss
@options.project
@options.max_disruption("Show what apply would do that may disturb as much: from restart on, it restarts what waits.")
@options.prune
@click.option("--out", type=click.Path(dir_okay=False), metavar="FILE", help="Write the plan as JSON to this file too.")
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 2 when there are changes.")
def command(
    *, paths: tuple[str, ...], uri: str | None, targets: tuple[str, ...], selectors: tuple[str, ...], output: str,
    no_color: bool, allow_data_loss: bool, project: str | None, own: bool, prune: bool, force_prune: bool,
    max_disruption: Disruption, out: str | None, detailed_exitcode: bool, against: Path | None,
) -> int:  # fmt: skip
    """Show what apply would do.

    Reads the manifests and the host, over a read-only connection or from a snapshot, and changes nothing.
    """
    with show.problems_as(output, "plan"):
        owning = session.Owning(paths, project, own=own, prune=prune, force_prune=force_prune)
        pruning.must_be_whole(owning, (*targets, *selectors))
        plan = session.read_only_plan(
            uri, paths, targets, selectors, allowed=Allowed(allow_data_loss, max_disruption >= Disruption.RESTART),
            owning=owning, against=against,
        )  # fmt: skip
    show.plan(plan, output, color=options.colored(no_color=no_color))
    if out:
        show.save(plan, out)
    return ExitCode.CHANGES if detailed_exitcode and not plan.is_empty else ExitCode.OK
