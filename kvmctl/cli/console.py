"""`kvmctl console`: the text console of a machine, through libvirt, so that no shell on its host is needed."""

from __future__ import annotations

import os
import sys
import termios
import threading
import tty
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import click

from kvmctl.cli import options, reaching
from kvmctl.errors import HypervisorError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvmctl.hypervisor import Console

_LEAVE: Final = b"\x1d"  # Ctrl-], as virsh has it
_PIECE: Final = 4096


@click.command()
@options.connect
@click.option("--device", metavar="ALIAS", help="Which console, such as serial1; the first when omitted.")
@click.option("--force", is_flag=True, help="Take it from whoever has it open.")
@click.argument("machine", metavar="ADDRESS")
def command(*, uri: str | None, device: str | None, force: bool, machine: str) -> None:
    """Open the text console of a running machine (vm/web1).

    Ctrl-] leaves it, and the machine goes on. Without a terminal, the end of the input leaves it.
    """
    from kvmctl.hypervisor import Hypervisor

    name = reaching.machine(machine).name
    with Hypervisor.open(uri, readonly=False) as hypervisor:
        console = hypervisor.open_console(name, device, force=force)
        click.echo(f"kvmctl: the console of vm/{name}; Ctrl-] leaves it", err=True)
        ended = threading.Event()
        threading.Thread(target=_show, args=(console, ended), name="console", daemon=True).start()
        with _raw(sys.stdin.fileno()):
            _type(console, ended)
        if not ended.is_set():
            console.close()
    click.echo(f"\r\nkvmctl: left the console of vm/{name}", err=True)


def _show(console: Console, ended: threading.Event) -> None:
    """Print what the guest says until it stops; whoever types then finds the end with the next key."""
    try:
        while data := console.read():
            os.write(sys.stdout.fileno(), data)
    except HypervisorError as error:
        if not ended.is_set():
            click.echo(f"\r\nkvmctl: {error}", err=True)
    ended.set()


def _type(console: Console, ended: threading.Event) -> None:
    import select

    while not ended.is_set():
        if not select.select([sys.stdin], [], [], 0.2)[0]:
            continue
        data = os.read(sys.stdin.fileno(), _PIECE)
        before, leave, _ = data.partition(_LEAVE)
        if before:
            console.write(before)
        if leave or not data:
            return


@contextmanager
def _raw(descriptor: int) -> Iterator[None]:
    """Hand each key on as it is typed, where there is a terminal."""
    if not os.isatty(descriptor):
        yield
        return
    before = termios.tcgetattr(descriptor)
    try:
        tty.setraw(descriptor)
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
