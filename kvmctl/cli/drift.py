"""`kvmctl drift`: for cron; says what somebody changed by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kvmctl.cli import options, session, show
from kvmctl.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from kvmctl.plan import Plan
    from kvmctl.plan.drift import Beside, Unnamed

CLASSES = ("managed", "unmanaged", "pending", "foreign")
NONE = "none"


def _classes(_context: click.Context, _option: click.Parameter, words: str) -> frozenset[str]:
    chosen = frozenset(word.strip() for word in words.split(",")) - {NONE}
    if strange := sorted(chosen - {*CLASSES}):
        raise click.BadParameter(f"{strange[0]!r} is no class of drift: {', '.join(CLASSES)}, or {NONE}")
    return chosen


@click.command()
@options.files
@options.connect
@options.against
@options.selection
@options.output("text", "json", *show.REPORTS)
@options.color
@click.option("--all", "everything", is_flag=True, help="Tell of objects that no manifest names, too.")
@click.option(
    "--project", metavar="NAME",
    help="With --all, whose the manifests are. Default: what the kvmctl.yaml in their folder, or above it, says.",
)  # fmt: skip
@click.option(
    "--fail-on", metavar="CLASSES", default=CLASSES[0], show_default=True, callback=_classes,
    help=f"What exits with 2, of {', '.join(CLASSES)}, separated by commas; {NONE} for nothing.",
)  # fmt: skip
@click.option(
    "--out", type=click.Path(dir_okay=False), metavar="FILE",
    help="Write the report to this file, as a whole or not at all, instead of printing it.",
)  # fmt: skip
def command(
    *, paths: tuple[str, ...], uri: str | None, targets: tuple[str, ...], selectors: tuple[str, ...], output: str,
    no_color: bool, everything: bool, project: str | None, fail_on: frozenset[str], against: Path | None,
    out: str | None,
) -> int:  # fmt: skip
    """Say where the host differs from the manifests; exits with 2 if it does.

    Reads the manifests and the host, over a read-only connection or from a snapshot, and changes nothing. Each finding
    has a class: managed (what the manifests say), unmanaged (fields that they leave alone, snapshots that they don't
    list), pending (what the next start changes, or was plugged into the running guest alone), foreign (objects that
    they don't name).
    """
    if everything and (targets or selectors):
        raise UsageError(
            "--all tells what no manifest names, and --target and -l hide manifests from it", "say it without them"
        )
    with (
        show.problems_as(output, "drift", out),
        session.reading(uri, paths, targets, selectors, against=against) as found,
    ):
        plan = session.make_plan(found.hypervisor, found.want)
        beside = _beside(plan, found, session.Owning(paths, project).having_read(found.files), everything=everything)
    show.drift(plan, beside, output, color=options.colored(no_color=no_color), out=out)
    return ExitCode.CHANGES if _told(plan, beside) & fail_on else ExitCode.OK


def _told(plan: Plan, beside: Beside) -> set[str]:
    """Return the classes of what was found."""
    from kvmctl.render.findings import drifted

    return {str(finding.drift) for finding in drifted(plan, beside)}


def _beside(plan: Plan, found: session.Reading, owning: session.Owning, *, everything: bool) -> Beside:
    """Return what the host tells beside the plan."""
    from kvmctl.observe.snapshots import snapshots_of
    from kvmctl.plan.drift import Beside, changed, with_snapshots, without_stated_snapshots

    machines = without_stated_snapshots(plan)
    taken = snapshots_of(found.hypervisor, machines) if machines else {}
    snapshots = {name: [each.snapshot for each in several] for name, several in taken.items()}
    unnamed = tuple(_strangers(plan, found, owning)) if everything else ()
    return Beside((*changed(plan), *with_snapshots(machines, snapshots)), unnamed)


def _strangers(plan: Plan, found: session.Reading, owning: session.Owning) -> Iterator[Unnamed]:
    """Yield the objects that no manifest names."""
    from kvmctl.cli.pruning import unread
    from kvmctl.observe import observe
    from kvmctl.plan.drift import strangers

    owner = owning.owner()
    have = observe(found.hypervisor, everything=True).inventory
    return strangers(plan, have, owner, unread(have, owner, owning.read))
