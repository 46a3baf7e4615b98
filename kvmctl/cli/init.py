"""`kvmctl init`: a new project that works."""

from __future__ import annotations

from pathlib import Path

import click

from kvmctl import manifest, starter
from kvmctl.errors import KvmctlError, UsageError


@click.command()
@click.argument("directory", default=".", type=click.Path(file_okay=False, path_type=Path))
@click.option("--project", metavar="NAME", help="Name of the project. Default: that of the folder.")
@click.option("--ci", type=click.Choice([*starter.CI]), help="Write the pipeline of this CI too.")
def command(*, directory: Path, project: str | None, ci: str | None) -> None:
    """Write a new project: kvmctl.yaml, a first manifest, .gitignore, and on request what a CI runs.

    Nothing is overwritten: where one of the files is there already, none is written. A .gitignore is kept as it is,
    and there is no first manifest where manifests/ has some.
    """
    name = project if project is not None else directory.resolve().name
    if not manifest.is_project(name):
        told = f"--project {name!r}" if project is not None else f"the folder's name, {name!r},"
        raise UsageError(f"{told} can't be a project", manifest.NAME_EXPECTED.replace("project: ", "--project "))
    files = {directory / path: text for path, text in starter.files(name, ci).items()}
    if any(directory.glob("manifests/**/*.y*ml")):
        del files[directory / starter.EXAMPLE]
    ignored = directory / starter.IGNORED
    kept = files.pop(ignored) if ignored.exists() else ""
    there = [str(path) for path in files if path.exists()]
    if there:
        are, them = ("is", "it") if len(there) == 1 else ("are", "them")
        message = f"nothing was written: {', '.join(there)} {are} there already"
        raise KvmctlError(message, f"move {them} away, or begin in another folder")
    for path, text in files.items():
        _write(path, text)
    if kept:
        click.echo(f"kvmctl: {ignored} is kept; these belong there: {_lines(kept)}", err=True)
    click.echo(f"Project {name} begins with {', '.join(map(str, files))}.", err=True)


def _lines(text: str) -> str:
    return ", ".join(line for line in text.splitlines() if not line.startswith("#"))


def _write(path: Path, text: str) -> None:
    """Write a file that isn't there, whoever else is about to."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise KvmctlError(f"{path} can't be written: {error.strerror}", "look at the folder's rights") from error
