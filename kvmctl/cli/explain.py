"""`kvmctl explain`: a kind or a field, in the terminal."""

from __future__ import annotations

import click

from kvmctl.models import WRITTEN


@click.command()
@click.argument("path", required=False)
def command(path: str | None) -> None:
    """Explain a kind or a field, such as vm, vm.disks or vm.disks.cache; without PATH, list the kinds."""
    if path is None:
        for kind in WRITTEN:
            click.echo(f"{kind.short:<8}  {(kind.model.__doc__ or '').splitlines()[0]}")
        return
    from kvmctl import explain

    click.echo("\n".join(explain.lines(explain.find(path))))
