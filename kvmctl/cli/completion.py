"""`kvmctl completion`: what makes a shell complete kvmctl's words; click does it, and asks here for what it lacks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

_SHELLS: Final = ("bash", "zsh", "fish")
_ASKED_BY: Final = "_KVMCTL_COMPLETE"  # as click derives it from the program's name


@click.command()
@click.argument("shell", type=click.Choice(_SHELLS))
def command(*, shell: str) -> None:
    """Print what makes a shell complete kvmctl's commands, options, files, and addresses from manifests.

    \b
    bash: kvmctl completion bash > ~/.local/share/bash-completion/completions/kvmctl
    zsh:  kvmctl completion zsh > ~/.zfunc/_kvmctl, with ~/.zfunc in fpath before compinit
    fish: kvmctl completion fish > ~/.config/fish/completions/kvmctl.fish
    """  # noqa: D301 - click's mark for lines that stay as they are
    from click.shell_completion import get_completion_class

    from kvmctl.cli.app import program

    made = get_completion_class(shell)
    if made is not None:
        click.echo(made(program, {}, "kvmctl", _ASKED_BY).source())


def paths(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the mark that has the shell complete files and folders."""
    from click.shell_completion import CompletionItem

    return [CompletionItem(incomplete, type="file")]


def addresses(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Return the addresses in the manifests that begin so; none where those can't be read, or come from a pipe."""
    from kvmctl.cli import session
    from kvmctl.errors import KvmctlError

    given = context.params.get("paths") or ()
    if "-" in given:
        return []
    try:
        return [str(address) for address in session.load(given) if str(address).startswith(incomplete)]
    except KvmctlError:
        return []
