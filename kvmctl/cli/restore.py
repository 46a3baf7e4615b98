"""`kvmctl restore`: a machine made of a backup."""

from __future__ import annotations

import signal
import threading
from pathlib import Path

import click

from kvmctl.cli import backup, locking, options
from kvmctl.errors import plural


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@click.option("--as", "name", metavar="NAME", help="Another name: a machine beside the one that was backed up.")
@click.option(
    "--at", "number", type=click.IntRange(min=1), metavar="NUMBER", help="Which backup; the last when omitted."
)
@click.option(
    "--into", type=click.Path(file_okay=False, path_type=Path), metavar="FOLDER",
    help="Where the disks go; where they were when omitted.",
)  # fmt: skip
@click.option("--start", is_flag=True, help="Start the machine when it is there.")
@click.option(
    "--allow-data-loss", is_flag=True,
    help="Replace disks that are there, and the definition of a machine that is off; refused otherwise, each listed.",
)  # fmt: skip
@options.lock_timeout
@options.connect
def command(
    *,
    folder: Path,
    name: str | None,
    number: int | None,
    into: Path | None,
    start: bool,
    allow_data_loss: bool,
    lock_seconds: int,
    uri: str | None,
) -> None:
    """Make a machine of a backup, checked before, with disks that stand on nothing else.

    With --as it gets another UUID, other MAC addresses, and disks named after it.
    """
    from kvmctl.backup import Folder, Restoring, restore
    from kvmctl.hypervisor import Hypervisor

    backup.must_be_local(uri)
    asked = Restoring(name or "", number or 0, into.absolute() if into else None, allow_data_loss=allow_data_loss)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # the lock is released, and what is half made goes
    with (
        Hypervisor.open(uri, readonly=False, events=True) as hypervisor,
        locking.held(hypervisor, "kvmctl restore", lock_seconds, threading.Event()),
    ):
        done = restore(hypervisor, Folder(folder), asked, backup.Told(f"{folder}: restore"))
        for path in done.paths:
            click.echo(path)
        for note in done.notes:
            click.echo(f"kvmctl: {note}", err=True)
        if start:
            hypervisor.start_domain(done.machine)
    click.echo(f"vm/{done.machine}: backup {done.number}, {plural(len(done.paths), 'disk')}")
