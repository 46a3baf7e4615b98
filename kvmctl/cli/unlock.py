"""`kvmctl unlock`: takes the lock on a host from who has it."""

from __future__ import annotations

import sys

import click

from kvmctl.cli import options
from kvmctl.errors import ExitCode, RefusedError


@click.command()
@options.connect
@options.yes
def command(*, uri: str | None, yes: bool) -> int:
    """Take the lock on a host from who has it; that is shown first, and asked about.

    An apply that loses its lock finishes what has begun and stops. The lock of one that was killed needs no unlock: the
    next apply on the same machine takes it at once, and one on another after five minutes.
    """
    from kvmctl.hypervisor import Hypervisor
    from kvmctl.lock import is_stale, told

    with Hypervisor.open(uri, readonly=False) as hypervisor:
        kept = hypervisor.read_lock()
        if kept is None:
            click.echo("Nobody has locked this host.")
            return ExitCode.OK
        click.echo(f"This host is locked by {told(kept)}{', who is gone' if is_stale(kept) else ''}.")
        if not yes:
            _confirm()
        gone = not hypervisor.remove_lock(kept.uuid)
        click.echo("The lock was released meanwhile." if gone else "The lock was taken away.")
    return ExitCode.OK


def _confirm() -> None:
    if not sys.stdin.isatty() or not sys.stderr.isatty():
        raise RefusedError("the lock stays: there is no terminal to ask on", "say --yes if it is to go")
    if not click.confirm("Take it away?", err=True):
        raise RefusedError("the lock stays: you said no")
