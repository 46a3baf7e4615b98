"""`kvmctl validate`: manifests only, no connection."""

from __future__ import annotations

import click

from kvmctl.cli import options, session, show
from kvmctl.errors import ExitCode, ManifestError


@click.command()
@options.files
@options.output("text", "json", "github", "sarif", "junit")
def command(paths: tuple[str, ...], output: str) -> int:
    """Check manifests; needs no connection."""
    try:
        with show.problems_as(output, "validate"):
            want = session.load(paths)
    except ManifestError:
        if output == "text":
            raise
        return ExitCode.ERROR
    show.valid(output, want)
    return ExitCode.OK
