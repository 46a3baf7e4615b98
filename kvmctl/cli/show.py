"""Prints what the commands found, in the format that was asked for."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kvmctl.errors import KvmctlError, ManifestError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvmctl.plan import Plan


@contextmanager
def problems_as(output: str) -> Iterator[None]:
    """Print the problems of manifests as JSON too, where JSON was asked for; they go on to stderr all the same."""
    try:
        yield
    except ManifestError as error:
        if output == "json":
            from kvmctl.render import plan_json

            click.echo(plan_json.text(plan_json.problems_document(error.problems)), nl=False)
        raise


def plan(plan: Plan, output: str, *, color: bool) -> None:
    """Print a plan."""
    if output == "json":
        from kvmctl.render import plan_json

        click.echo(plan_json.text(plan_json.document(plan)), nl=False)
    elif output == "commands":
        from kvmctl.render import commands

        click.echo("\n".join(commands.lines(plan)))
    else:
        from kvmctl.render import line, plan_text

        line.write(plan_text.lines(plan), sys.stdout, color=color)


def drift(plan: Plan, output: str, *, color: bool) -> None:
    """Print a plan as what differs from the manifests."""
    if output == "json":
        from kvmctl.render import plan_json

        click.echo(plan_json.text(plan_json.document(plan)), nl=False)
        return
    from kvmctl.render import drift_text, line

    line.write(drift_text.lines(plan), sys.stdout, color=color)


def save(plan: Plan, file: str) -> None:
    """Write a plan as JSON, for its owner's eyes only."""
    from kvmctl.render import plan_json

    path = Path(file)
    try:
        path.touch(mode=0o600)
        path.chmod(0o600)
        path.write_text(plan_json.text(plan_json.document(plan)), encoding="utf-8")
    except OSError as error:
        hint = "name a file in a folder that exists and that you may write to"
        raise KvmctlError(f"--out {file}: the plan can't be saved: {error.strerror}", hint) from error
