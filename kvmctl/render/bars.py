"""Progress on a terminal: a line for each action that ended, a bar for each that runs."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text

from kvmctl.render.results_text import one

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvmctl.actions import Action
    from kvmctl.apply.result import Result


class Bars:
    """Shows the actions of an apply; safe to call from several threads, as rich's Progress is."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[int, TaskID] = {}

    def started(self, action: Action) -> None:
        """Show a spinner for the action; it has no length yet."""
        self._tasks[id(action)] = self._progress.add_task(f"{action.address} {action.operation.value}", total=None)

    def advanced(self, action: Action, percent: float, doing: str = "") -> None:
        """Move the action's bar."""
        said = f"{action.address} {doing or action.operation.value}"
        self._progress.update(self._tasks[id(action)], total=100.0, completed=percent, description=said)

    def finished(self, result: Result) -> None:
        """Take the bar away and leave a line."""
        task = self._tasks.pop(id(result.action), None)
        if task is not None:
            self._progress.remove_task(task)
        self._progress.console.print(Text.assemble(*[(span.text, span.style) for span in one(result)]))


@contextmanager
def bars(stream: TextIO, *, color: bool) -> Iterator[Bars]:
    """Give the bars, drawn on the stream while the context lasts."""
    console = Console(file=stream, no_color=not color, highlight=False)
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        yield Bars(progress)
