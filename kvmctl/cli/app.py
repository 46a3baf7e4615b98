"""The program: finds the command, loads only what that needs, and turns every error into words and an exit code."""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import sys
from typing import TYPE_CHECKING, Any, Final, NoReturn

import click

from kvmctl import __version__
from kvmctl.errors import ExitCode, KvmctlError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from click.shell_completion import CompletionItem

_COMMANDS: Final = {
    "init": ("kvmctl.cli.init", "Write a new project."),
    "validate": ("kvmctl.cli.validate", "Check manifests; needs no connection."),
    "plan": ("kvmctl.cli.plan", "Show what apply would do."),
    "apply": ("kvmctl.cli.apply", "Make the host as the manifests say."),
    "drift": ("kvmctl.cli.drift", "Say where the host differs from the manifests; exits with 2 if it does."),
    "observe": ("kvmctl.cli.observing", "Write a snapshot of the host, for plan --against."),
    "import": ("kvmctl.cli.importing", "Write the manifests of what exists."),
    "get": ("kvmctl.cli.get", "List what exists."),
    "ssh": ("kvmctl.cli.ssh", "Log in to a running machine, or run a command there."),
    "console": ("kvmctl.cli.console", "Open a machine's text console; Ctrl-] leaves it."),
    "inventory": ("kvmctl.cli.inventory", "Print the running machines for Ansible, or as an ssh config."),
    "revert": ("kvmctl.cli.revert", "Bring a machine back to a snapshot; needs --allow-data-loss."),
    "backup": ("kvmctl.cli.backup", "Back up a machine's disks, a running one's too, or list backups."),
    "restore": ("kvmctl.cli.restore", "Make a machine of a backup."),
    "delete": ("kvmctl.cli.delete", "Remove resources; contents of disks only with --allow-data-loss."),
    "unlock": ("kvmctl.cli.unlock", "Take the lock on a host from who has it."),
    "doctor": ("kvmctl.cli.doctor", "Say what a host lacks, and how to mend it."),
    "explain": ("kvmctl.cli.explain", "Explain a kind or a field, such as vm.disks.cache."),
    "schema": ("kvmctl.cli.schema", "Print the JSON Schema of the manifests."),
    "graph": ("kvmctl.cli.graph", "Draw what uses what, as Mermaid, DOT or SVG."),
    "image": ("kvmctl.cli.image", "Look at disk images and convert them."),
    "completion": ("kvmctl.cli.completion", "Print what makes a shell complete kvmctl's words."),
    "man": ("kvmctl.cli.man", "Print the manual page."),
    "sandbox": ("kvmctl.cli.sandbox", "Run a command with a private throwaway libvirt."),
}


class LazyGroup(click.Group):
    """A group that imports a command only when it is called: `kvmctl --version` must not load libvirt."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order in which a user meets them."""
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of that name, imported now."""
        del ctx
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = importlib.import_module(_COMMANDS[cmd_name][0]).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands from the table, without importing them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return the commands that begin so from the table, without importing them."""
        from click.shell_completion import CompletionItem

        found = [
            CompletionItem(name, help=text) for name, (_, text) in _COMMANDS.items() if name.startswith(incomplete)
        ]
        return found + click.Command.shell_complete(self, ctx, incomplete)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command; an unknown one is an error that names the nearest."""
        if args and args[0] not in _COMMANDS and not args[0].startswith("-"):
            from difflib import get_close_matches

            near = get_close_matches(args[0], _COMMANDS, 1)
            hint = f"did you mean {near[0]}?" if near else f"commands: {', '.join(_COMMANDS)}"
            raise click.UsageError(f"no such command {args[0]!r}; {hint}", ctx)
        return super().resolve_command(ctx, args)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="kvmctl")
def program() -> None:
    """Virtual machines, disks and networks of KVM/libvirt, declared in YAML and kept true.

    Exit codes: 0 done, or nothing to do; 1 an error; 2 changes or drift; 3 refused; 4 some actions failed.
    """


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the program and exit with its code."""
    # What a command reads it keeps to its end: walking it for cycles again and again would be a fifth of the time.
    gc.disable()
    code = run(arguments)
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.flush()
        sys.stderr.flush()
    # Taking the interpreter apart first would be a tenth of the time, and a libvirt call that hangs could hold it up.
    os._exit(code)


def run(arguments: Sequence[str] | None = None) -> int:
    """Return the exit code of a run; every error is told on stderr, none as a traceback."""
    try:
        code: Any = program.main(args=arguments, prog_name="kvmctl", standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        _tell_usage(error)
        return ExitCode.ERROR
    except KvmctlError as error:
        for problem in error.problems:
            click.echo(f"kvmctl: {problem}", err=True)
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("kvmctl: interrupted", err=True)
        return ExitCode.ERROR
    except OSError as error:
        # What names a file says so itself: this is the output, a full disk or a reader (head, less) that has gone.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is buffered would raise again at exit
        if not isinstance(error, BrokenPipeError):
            click.echo(f"kvmctl: {error.filename or 'the output'}: {error.strerror or error}", err=True)
        return ExitCode.ERROR
    except Exception as error:
        if os.environ.get("KVMCTL_TRACEBACK"):
            raise
        click.echo(f"kvmctl: a mistake in kvmctl itself: {type(error).__name__}: {error}", err=True)
        click.echo("Please report it, with what KVMCTL_TRACEBACK=1 prints for the same command.", err=True)
        return ExitCode.ERROR
    return int(code) if isinstance(code, int) else ExitCode.OK


def _tell_usage(error: click.ClickException) -> None:
    context = getattr(error, "ctx", None)
    where = context.command_path if context else "kvmctl"
    click.echo(f"{where}: {error.format_message()}", err=True)
    click.echo(f"Try '{where} --help'.", err=True)
