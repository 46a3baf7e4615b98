"""`kvmctl doctor`: what a host lacks, and how to mend it."""

from __future__ import annotations

import dataclasses

import click

from kvmctl.cli import options
from kvmctl.errors import ExitCode


@click.command()
@options.connect
@options.output("text", "json")
def command(uri: str | None, output: str) -> int:
    """Say what a host lacks, and how to mend it; exits with 1 when something needed is missing."""
    from kvmctl import doctor
    from kvmctl.render import plan_json

    checks = doctor.diagnose(uri)
    if output == "json":
        click.echo(plan_json.text({"checks": [dataclasses.asdict(check) for check in checks]}), nl=False)
    else:
        click.echo("\n".join(doctor.lines(checks)))
    return ExitCode.ERROR if doctor.worst(checks) is doctor.Status.FAIL else ExitCode.OK
