"""`kvmctl schema`: the JSON Schemas, of the manifests for editors and of the plan for programs."""

from __future__ import annotations

from pathlib import Path

import click

from kvmctl.errors import UsageError
from kvmctl.models import WRITTEN


@click.command()
@click.argument("kind", required=False)
@click.option(
    "--write",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Write all schemas and reference pages into this folder.",
)
def command(kind: str | None, folder: Path | None) -> None:
    """Print the JSON Schema of the manifests: of one KIND, or of all; with `plan`, that of a plan as JSON."""
    if folder is not None:
        from kvmctl import reference

        reference.write(folder)
        return
    from kvmctl import schema
    from kvmctl.render import plan_json

    if kind is None:
        click.echo(plan_json.text(schema.combined()), nl=False)
        return
    if kind == "plan":
        from kvmctl.render.plan_schema import plan_schema

        click.echo(plan_json.text(plan_schema()), nl=False)
        return
    found = next((each for each in WRITTEN if kind == each.name or kind.lower() in each.words), None)
    if found is None:
        raise UsageError(f"there is no kind {kind!r}", f"kinds: {', '.join(each.name for each in WRITTEN)}")
    click.echo(plan_json.text(schema.json_schema(found)), nl=False)
