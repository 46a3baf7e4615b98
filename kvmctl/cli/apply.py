"""`kvmctl apply`: does what plan shows, tells how it goes, then checks itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from kvmctl.actions import Disruption
from kvmctl.cli import carry_out, options, session, show

if TYPE_CHECKING:
    from kvmctl.plan import Plan

_CLASSES = [each.word for each in Disruption]


@click.command()
@click.argument("planfile", required=False, type=click.Path(dir_okay=False, path_type=Path))
@options.files
@options.connect
@options.selection
@options.output("text", "json")
@options.color
@options.yes
@options.data_loss
@click.option(
    "--max-disruption", type=click.Choice(_CLASSES), default=Disruption.NEXT_BOOT.word, metavar="CLASS",
    help=f"Refuse a plan that disturbs more: {', '.join(_CLASSES)}. Default: next-boot.",
)  # fmt: skip
def command(
    *, planfile: Path | None, paths: tuple[str, ...], uri: str | None, targets: tuple[str, ...],
    selectors: tuple[str, ...], output: str, no_color: bool, yes: bool, allow_data_loss: bool, max_disruption: str,
) -> int:  # fmt: skip
    """Make the host as the manifests say.

    Shows the plan, asks (unless --yes), carries it out, and plans once more to check that nothing is left to do. With
    PLANFILE, a plan that `plan --out` saved, it refuses unless the plan made now does exactly the same.
    """
    limit = Disruption.DATA_LOSS if allow_data_loss else Disruption.parse(max_disruption)
    with show.problems_as(output):
        want = session.wanted(paths, targets, selectors)
        from kvmctl.hypervisor import Hypervisor

        with Hypervisor.open(uri, readonly=False, events=True) as hypervisor:
            plan = session.make_plan(hypervisor, want)
            if planfile is not None:
                _must_be_as_saved(plan, planfile)
            order = carry_out.Order(output=output, color=options.colored(no_color=no_color), yes=yes, limit=limit)
            return carry_out.carry_out(plan, hypervisor, order, check=lambda: session.make_plan(hypervisor, want))


def _must_be_as_saved(plan: Plan, planfile: Path) -> None:
    from kvmctl import planfile as saved_plans
    from kvmctl.render import plan_json

    saved_plans.must_be_same(planfile, plan_json.document(plan))
