"""`kvmctl validate`: manifests only, no connection."""

from __future__ import annotations

import click

from kvmctl.cli import options, session
from kvmctl.errors import ExitCode, ManifestError, plural


@click.command()
@options.files
@options.output("text", "json")
def command(paths: tuple[str, ...], output: str) -> int:
    """Check manifests; needs no connection."""
    from kvmctl.render import plan_json

    try:
        want = session.load(paths)
    except ManifestError as error:
        if output == "text":
            raise
        click.echo(plan_json.text(plan_json.problems_document(error.problems)), nl=False)
        return ExitCode.ERROR
    if output == "json":
        click.echo(plan_json.text(plan_json.problems_document(())), nl=False)
    else:
        click.echo(f"{plural(len(want), 'resource')} in the manifests, all valid.")
    return ExitCode.OK
