"""`kvmctl observe`: a host as a file, for plans that are made where the host can't be reached."""

from __future__ import annotations

import click

from kvmctl.cli import options


@click.command()
@options.connect
def command(*, uri: str | None) -> None:
    """Write a snapshot of the host to standard output, for `plan --against` and `drift --against`.

    It holds the definitions and states of all objects as a read-only connection tells them: no passwords, and no
    values of secrets. The same host gives the same bytes.
    """
    from kvmctl import hostfile
    from kvmctl.hypervisor import Hypervisor

    with Hypervisor.open(uri, readonly=True) as hypervisor:
        text = hostfile.text(hostfile.observed(hypervisor))
    click.echo(text, nl=False)
