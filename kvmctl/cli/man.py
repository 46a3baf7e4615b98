"""`kvmctl man`: the manual page, made of the help texts."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, Final

import click

from kvmctl import __version__
from kvmctl.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterator

_CODES: Final = {
    ExitCode.OK: "Done, or nothing to do.",
    ExitCode.ERROR: "An error: usage, an invalid manifest, the connection, a failed action.",
    ExitCode.CHANGES: "Changes or drift.",
    ExitCode.REFUSED: "Refused; nothing was changed.",
    ExitCode.PARTIAL: "Some actions succeeded and some failed.",
}
_ENVIRONMENT: Final = {
    "LIBVIRT_DEFAULT_URI": "The connection where \\-c names none.",
    "NO_COLOR": "No colours, on a terminal either.",
    "XDG_CACHE_HOME": "The folder in which downloaded images are kept, below kvmctl/.",
}
_FILES: Final = {
    "manifests/": "Where manifests are read from where \\-f names nothing.",
    "kvmctl.yaml": "The name of the project, in the folder above the manifests.",
}


@click.command()
def command() -> None:
    """Print the manual page: `kvmctl man > kvmctl.1`, or look at it with `kvmctl man | man -l -`."""
    from kvmctl.cli.app import program

    click.echo("\n".join(_page(program)))


def _page(program: click.Group) -> Iterator[str]:
    """Yield the lines of the page, in the man macros of roff (man 7 groff_man)."""
    root = click.Context(program, info_name="kvmctl")
    what = _paragraphs(program)[0].rstrip(".")
    yield f'.TH KVMCTL 1 "" "kvmctl {__version__}"'
    yield from (".SH NAME", f"kvmctl \\- {_roff(what[0].lower() + what[1:])}")
    yield from (".SH SYNOPSIS", "\\fBkvmctl\\fR \\fICOMMAND\\fR [\\fIOPTION\\fR]...", ".SH DESCRIPTION")
    yield from _help(program)
    yield ".SH COMMANDS"
    yield from _commands(program, root)
    for title, entries in (
        ("EXIT STATUS", {str(int(code)): text for code, text in _CODES.items()}),
        ("ENVIRONMENT", _ENVIRONMENT),
        ("FILES", _FILES),
    ):
        yield f".SH {title}"
        for name, text in entries.items():
            yield from (".TP", f"\\fB{name}\\fR", text)


def _commands(group: click.Group, context: click.Context) -> Iterator[str]:
    """Yield each command, and those below it, with its words and options."""
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        if found is None:
            continue
        below = click.Context(found, info_name=name, parent=context)
        usage = " ".join(found.collect_usage_pieces(below))
        yield from (f".SS {_roff(below.command_path)}", f"\\fB{_roff(below.command_path)}\\fR {_roff(usage)}", ".PP")
        yield from _help(found)
        for parameter in found.get_params(below):
            record = parameter.get_help_record(below)
            if record is not None and record[1] and parameter.name != "help":
                yield from (".TP", f"\\fB{_roff(record[0])}\\fR", _roff(record[1]))
        if isinstance(found, click.Group):
            yield from _commands(found, below)


def _help(command: click.Command) -> Iterator[str]:
    """Yield the paragraphs of a help text; one that click leaves as it is keeps its lines."""
    for number, paragraph in enumerate(_paragraphs(command)):
        if number:
            yield ".PP"
        if paragraph.startswith("\b"):
            yield from (".nf", _roff(paragraph.removeprefix("\b\n")), ".fi")
        else:
            yield _roff(" ".join(paragraph.split()))


def _paragraphs(command: click.Command) -> list[str]:
    return inspect.cleandoc(command.help or "").split("\n\n")


def _roff(text: str) -> str:
    """Return text that roff takes for nothing but text."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    return re.sub(r"^(?=[.'])", r"\\&", escaped, flags=re.MULTILINE)
