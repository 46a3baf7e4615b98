"""`kvmctl apply`: does what plan shows, tells how it goes, then checks itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from kvmctl.actions import Allowed, Disruption, Operation
from kvmctl.cli import carry_out, guarding, options, pruning, session, show

if TYPE_CHECKING:
    from kvmctl.plan import Plan


@click.command()
@click.argument("planfile", required=False, type=click.Path(dir_okay=False, path_type=Path))
@options.files
@options.connect
@options.selection
@options.output("text", "json", *show.REPORTS)
@options.color
@options.yes
@options.data_loss
@options.project
@options.prune
@click.option(
    "--guard",
    is_flag=True,
    help="Take a snapshot of each machine that is restarted or worse, and revert to it when an action on it fails.",
)
@options.lock_timeout
@options.max_disruption("Refuse a plan that disturbs more; from restart on, machines are restarted where changes wait.")
def command(
    *, planfile: Path | None, paths: tuple[str, ...], uri: str | None, targets: tuple[str, ...],
    selectors: tuple[str, ...], output: str, no_color: bool, yes: bool, allow_data_loss: bool, project: str | None,
    own: bool, prune: bool, force_prune: bool, guard: bool, lock_seconds: int, max_disruption: Disruption,
) -> int:  # fmt: skip
    """Make the host as the manifests say.

    Shows the plan, asks (unless --yes), carries it out, and plans once more to check that nothing is left to do. With
    PLANFILE, a plan that `plan --out` saved, it refuses unless the plan made now does exactly the same; snapshots of
    --guard come on top, and what waits for a start is restarted if the saved plan says so.
    """
    limit = Disruption.DATA_LOSS if allow_data_loss else max_disruption
    restarts = max_disruption >= Disruption.RESTART if planfile is None else _restarts(planfile)
    allowed = Allowed(allow_data_loss, restarts)
    with show.problems_as(output, "apply"):
        owning = session.Owning(paths, project, own=own, marks=True, prune=prune, force_prune=force_prune)
        pruning.must_be_whole(owning, (*targets, *selectors))
        files = session.read(paths)
        want = session.wanted(files, targets, selectors)
        owning = owning.having_read(files)
        from kvmctl.hypervisor import Hypervisor

        with Hypervisor.open(uri, readonly=False, events=True) as hypervisor:

            def make() -> Plan:
                plan = session.make_plan(hypervisor, want, allowed=allowed, owning=owning)
                if planfile is not None:
                    _must_be_as_saved(plan, planfile)
                return guarding.guarded(plan, hypervisor) if guard else plan

            def check(_plan: Plan) -> Plan:
                return session.make_plan(hypervisor, want, allowed=allowed, owning=owning._replace(marks=False))

            color = options.colored(no_color=no_color)
            order = carry_out.Order(output, color, yes, limit, "kvmctl apply", lock_seconds, guard, prune)
            return carry_out.carry_out(make, hypervisor, order, check)


def _restarts(planfile: Path) -> bool:
    from kvmctl import planfile as saved_plans

    return saved_plans.does(saved_plans.read(planfile), Operation.RESTART.value)


def _must_be_as_saved(plan: Plan, planfile: Path) -> None:
    from kvmctl import planfile as saved_plans
    from kvmctl.render import plan_json

    saved_plans.must_be_same(planfile, plan_json.document(plan))
