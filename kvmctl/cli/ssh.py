"""`kvmctl ssh`: ssh to a machine, by the address that it has now."""

from __future__ import annotations

import os

import click

from kvmctl.cli import options, reaching
from kvmctl.errors import KvmctlError


@click.command(context_settings={"allow_interspersed_args": False})
@options.connect
@click.option("-l", "--login", metavar="USER", help="User to log in as; ssh's own default when omitted.")
@click.option("-i", "--identity", metavar="FILE", help="Private key.")
@click.option("-o", "--option", "more", multiple=True, metavar="NAME=VALUE", help="An option of ssh; repeatable.")
@click.argument("machine", metavar="ADDRESS")
@click.argument("argv", nargs=-1, type=click.UNPROCESSED, metavar="[-- COMMAND...]")
def command(
    *, uri: str | None, login: str | None, identity: str | None, more: tuple[str, ...], machine: str,
    argv: tuple[str, ...],
) -> None:  # fmt: skip
    """Log in to a running machine (vm/web1), or run a command there.

    The address is that of its lease, of its agent, or of the host's neighbours. The guests of a remote libvirt are
    reached by way of its host. Exits as ssh does.
    """
    place = reaching.address_of(uri, reaching.machine(machine).name)
    words = ["ssh", *(word for each in more for word in ("-o", each))]
    words += ["-i", identity] if identity else []
    words += ["-l", login] if login else []
    host = reaching.jump(uri)
    words += ["-J", host] if host else []
    rest = argv[1:] if argv[:1] == ("--",) else argv
    try:
        os.execvp("ssh", [*words, place, *rest])  # noqa: S606, S607 - the user's own ssh takes over, without a shell
    except OSError as error:
        raise KvmctlError(f"ssh can't be run: {error.strerror}", "install an ssh client (openssh-client)") from error
