"""What an apply did, as people read it: what was done, what failed and why, what was skipped because of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kvmctl.apply.result import Result, Status
from kvmctl.errors import plural
from kvmctl.render.line import Line, Span, line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_MARKS: Final = {
    Status.DONE: Span("done", "green"),
    Status.FAILED: Span("failed", "bold red"),
    Status.SKIPPED: Span("skipped", "yellow"),
}


def one(result: Result) -> Line:
    """Return the line of one result."""
    action = result.action
    reason = f": {result.error or result.told}" if result.error or result.told else ""
    hint = f"; {result.hint}" if result.hint else ""
    return line(
        "  ",
        _MARKS[result.status],
        " ",
        Span(str(action.address), "bold"),
        f" {action.operation.value}{reason}{hint}",
    )


def summary(results: Sequence[Result], closing: Sequence[Result] = ()) -> Iterator[Line]:
    """Yield the report's closing lines: failures, what they held up, what was found out, guards, then the counts."""
    for result in results:
        if result.status is not Status.DONE or result.told:
            yield one(result)
    for result in closing:
        yield one(result)
    yield counts(results)


def counts(results: Sequence[Result]) -> Line:
    """Return the last line: how many actions came to which end."""
    done, failed, skipped = (
        sum(result.status is status for result in results) for status in (Status.DONE, Status.FAILED, Status.SKIPPED)
    )
    told = f"{plural(done, 'action')} done, {failed} failed, {skipped} skipped"
    return line(Span("Apply:", "bold"), f" {told}.")
