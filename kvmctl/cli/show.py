"""Prints what the commands found, in the format that was asked for."""

from __future__ import annotations

import importlib
import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from kvmctl.errors import KvmctlError, ManifestError, plural

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kvmctl.apply import Result
    from kvmctl.errors import Problem
    from kvmctl.inventory import Inventory
    from kvmctl.plan import Plan
    from kvmctl.plan.drift import Beside
    from kvmctl.render.report import Report


REPORTS: Final = ("markdown", "junit", "sarif", "github", "prometheus", "html")
"""The formats that tell the results of all commands alike; each is a module of that name."""


@contextmanager
def problems_as(output: str, command: str = "", out: str | None = None) -> Iterator[None]:
    """Print the problems of manifests in the format that was asked for; they go on to stderr all the same."""
    try:
        yield
    except ManifestError as error:
        told = _problems(output, command, error.problems)
        if told:
            _emit(told, out)
        raise


def _problems(output: str, command: str, problems: Sequence[Problem]) -> str:
    if output == "json":
        from kvmctl.render import plan_json

        return plan_json.text(plan_json.problems_document(problems))
    if output in REPORTS:
        from kvmctl.render import report

        return _written(report.of_problems(command, problems), output)
    return ""


def valid(output: str, want: Inventory) -> None:
    """Print that manifests are valid."""
    if output == "text":
        click.echo(f"{plural(len(want), 'resource')} in the manifests, all valid.")
    elif output == "json":
        click.echo(_problems(output, "", ()), nl=False)
    else:
        from kvmctl.render import report

        click.echo(_written(report.of_problems("validate", (), tuple(want.values())), output), nl=False)


def plan(plan: Plan, output: str, *, color: bool) -> None:
    """Print a plan."""
    if output == "text":
        from kvmctl.render import line, plan_text

        line.write(plan_text.lines(plan), sys.stdout, color=color)
    elif output == "json":
        from kvmctl.render import plan_json

        click.echo(plan_json.text(plan_json.document(plan)), nl=False)
    elif output == "commands":
        from kvmctl.render import commands

        click.echo("\n".join(commands.lines(plan)))
    else:
        from kvmctl.render import report

        click.echo(_written(report.of_plan(plan), output), nl=False)


def drift(plan: Plan, beside: Beside, output: str, *, color: bool, out: str | None = None) -> None:
    """Print a plan as what differs from the manifests with what else was found, or write it to a file."""
    if output == "text":
        from kvmctl.render import drift_text, line

        if not out:
            line.write(drift_text.lines(plan, beside), sys.stdout, color=color)
            return
        told = line.plain(drift_text.lines(plan, beside))
    elif output == "json":
        from kvmctl.render import drift_json, plan_json

        told = plan_json.text(drift_json.document(plan, beside))
    else:
        from kvmctl.render import report

        told = _written(report.of_drift(plan, beside), output)
    _emit(told, out)


def results(plan: Plan, results: Sequence[Result], closing: Sequence[Result], output: str, *, color: bool) -> None:
    """Print what an apply did; in all formats but text with the plan."""
    if output == "text":
        from kvmctl.render import line, results_text

        line.write(results_text.summary(results, closing), sys.stdout, color=color)
    elif output == "json":
        from kvmctl.render import plan_json, results_json

        click.echo(plan_json.text(results_json.document(plan, results, closing)), nl=False)
    else:
        from kvmctl.render import report

        click.echo(_written(report.of_apply(plan, results, closing), output), nl=False)


def _written(report: Report, output: str) -> str:
    told: str = importlib.import_module(f"kvmctl.render.{output}").text(report)
    return told


def _emit(told: str, out: str | None) -> None:
    """Print a text, or write it to a file that is there as a whole or not at all, as who reads it at any time needs."""
    if not out:
        click.echo(told, nl=False)
        return
    try:
        path = Path(out)
        if path.exists() and not path.is_file():  # such as /dev/stdout, which nothing can be put in the place of
            path.write_text(told, encoding="utf-8")
        else:
            _replace(path.resolve(), told)
    except OSError as error:
        hint = "name a file in a folder that exists and that you may write to"
        raise KvmctlError(f"--out {out}: the report can't be written: {error.strerror}", hint) from error


def _replace(path: Path, told: str) -> None:
    """Put a new file in the place of an old one; its name ends otherwise until then, so that nobody reads it."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with beside.open("x", encoding="utf-8") as file:  # never through a link that somebody laid there
            file.write(told)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def save(plan: Plan, file: str) -> None:
    """Write a plan as JSON, for its owner's eyes only."""
    from kvmctl.render import plan_json

    path = Path(file)
    try:
        path.touch(mode=0o600)
        path.chmod(0o600)
        path.write_text(plan_json.text(plan_json.document(plan)), encoding="utf-8")
    except OSError as error:
        hint = "name a file in a folder that exists and that you may write to"
        raise KvmctlError(f"--out {file}: the plan can't be saved: {error.strerror}", hint) from error
