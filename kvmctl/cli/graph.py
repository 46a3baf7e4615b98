"""`kvmctl graph`: what uses what, as a picture; no connection."""

from __future__ import annotations

import importlib

import click

from kvmctl.cli import options, session
from kvmctl.errors import ExitCode


@click.command()
@options.files
@options.selection
@options.output("mermaid", "dot", "svg")
def command(*, paths: tuple[str, ...], targets: tuple[str, ...], selectors: tuple[str, ...], output: str) -> int:
    """Draw which machines use which disks, networks and pools.

    Reads the manifests alone. What they name and don't describe, and so has to be on the host, is drawn dashed. Mermaid
    is drawn by GitHub and GitLab within Markdown, DOT by Graphviz; SVG is a picture as it is.
    """
    from kvmctl.render.topology import topology

    want = session.wanted(session.read(paths), targets, selectors)
    told: str = importlib.import_module(f"kvmctl.render.{output}").text(topology(want))
    click.echo(told, nl=False)
    return ExitCode.OK
