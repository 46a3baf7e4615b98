"""`kvmctl backup`: a machine's disks and manifest written to a folder, and what is in such a folder."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import click

from kvmctl.cli import completion, importing, options, reaching
from kvmctl.codec import format_size
from kvmctl.errors import ExitCode, KvmctlError, UsageError

if TYPE_CHECKING:
    from kvmctl.backup import Backup
    from kvmctl.inventory import Address

_EVERY_SECONDS: Final = 10.0
_TAKE: Final = "take"


class _Group(click.Group):
    """A group whose command is `take` where none is named: kvmctl backup vm/web1 --to DIR."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Return the arguments, with the command that was meant."""
        if args and args[0] not in (*self.commands, *ctx.help_option_names):
            args = [_TAKE, *args]
        return super().parse_args(ctx, args)


@click.group(cls=_Group)
def command() -> None:
    """Back up a machine's disks, a running one's too, or list backups.

    `kvmctl backup vm/web1 --to DIR` takes one.
    """


@command.command(_TAKE)
@click.argument("machine", metavar="ADDRESS", shell_complete=completion.addresses)
@click.option(
    "--to", "folder", required=True, type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
    help="The folder of the machine's backups, on this host; made where it isn't there.",
)  # fmt: skip
@click.option("--incremental", is_flag=True, help="Only what changed since the last backup in the folder.")
@click.option("--disk", "targets", multiple=True, metavar="TARGET", help="Only this disk, such as vda; repeatable.")
@options.connect
def take(*, machine: str, folder: Path, incremental: bool, targets: tuple[str, ...], uri: str | None) -> None:
    """Back up a machine (vm/web1); a running one goes on meanwhile.

    All disks are saved as they are at one moment, as after a power cut. They appear in the index when all are whole.
    """
    from kvmctl.backup import Folder, Order
    from kvmctl.backup import take as taken
    from kvmctl.hypervisor import Hypervisor

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # QEMU's job is ended, and what is half made goes
    address = reaching.machine(machine)
    must_be_local(uri)
    order = Order(address.name, _manifest(uri, address), targets, incremental)
    with Hypervisor.open(uri, readonly=False) as hypervisor:
        done = taken(hypervisor, Folder(folder), order, Told(f"{address}: backup"))
    click.echo(f"{address}: {_line(done)}")
    if not done.checkpoint:
        click.echo("kvmctl: no incremental backup can follow: that takes qcow2 disks and a running machine", err=True)


def _manifest(uri: str | None, address: Address) -> str:
    have = importing.everything_of(uri)
    if address not in have:
        raise KvmctlError(f"there is no {address}", "kvmctl get vm --all lists what there is")
    made, _lost = importing.manifests_of(have, [address])
    return "---\n".join(each.text for each in made)


def must_be_local(uri: str | None) -> None:
    """Raise where libvirt is on another host, whose QEMU couldn't reach the folder."""
    host = urlsplit(uri or os.environ.get("LIBVIRT_DEFAULT_URI") or "").netloc
    if host:
        raise UsageError(f"the machine is on {host}, and its QEMU can't reach a folder of this one", "run kvmctl there")


@command.command("list")
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@click.option("--check", is_flag=True, help="Read all files, and say which are not what they were; exits with 1 then.")
@options.output("text", "json")
def list_(*, folder: Path, check: bool, output: str) -> int:
    """List the backups in a folder."""
    from kvmctl.backup import Folder

    place = Folder(folder)
    index = place.read()
    if output == "json":
        click.echo(index.text(), nl=False)
    else:
        click.echo(f"vm/{index.machine}  {index.uuid}")
        for each in index.backups:
            click.echo(f"  {_line(each)}")
    damaged = place.damaged(index.backups) if check else []
    for name in damaged:
        click.echo(f"kvmctl: {place.file(name)} is damaged or missing", err=True)
    return ExitCode.ERROR if damaged else ExitCode.OK


def _line(backup: Backup) -> str:
    on = f" on {backup.base}" if backup.base else ""
    disks = ", ".join(f"{disk.target} {format_size(disk.size)}" for disk in backup.disks)
    return f"{backup.number}  {backup.taken}  {backup.kind}{on}  {backup.verified}  {disks}"


class Told:
    """Hears percentages, and tells them on stderr: as a bar on a terminal, elsewhere a line every ten seconds."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._last = time.monotonic()

    def __call__(self, percent: float) -> None:
        """Tell how far it is."""
        now = time.monotonic()
        if sys.stderr.isatty():
            click.echo(f"\r{self._what} {percent:5.1f} %", nl=False, err=True)
        elif now - self._last >= _EVERY_SECONDS:
            self._last = now
            click.echo(f"{self._what} {percent:.0f} %", err=True)
