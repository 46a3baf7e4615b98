"""A plan as people read it: what will be done to what, old → new, what it disturbs, and why not where it is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kvmctl.actions import Action, Disruption, Operation, Pending, Refusal
from kvmctl.errors import plural
from kvmctl.render import findings
from kvmctl.render.line import Line, Span, line
from kvmctl.render.value import shown
from kvmctl.seeding import difference

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from kvmctl.diff import Change
    from kvmctl.plan import Plan
    from kvmctl.seeding import Seed

_SYMBOLS: Final = {"create": Span("+", "green"), "update": Span("~", "yellow"), "delete": Span("-", "red")}
_STYLES: Final = {
    Disruption.NONE: "dim", Disruption.LIVE: "green", Disruption.NEXT_BOOT: "cyan", Disruption.INTERRUPT: "yellow",
    Disruption.RESTART: "bold yellow", Disruption.DESTROY: "red", Disruption.DATA_LOSS: "bold red",
}  # fmt: skip
_DIFFERENCE: Final = {"+": "green", "-": "red"}


def lines(plan: Plan) -> Iterator[Line]:
    """Yield the lines of a plan; one of them contains `No changes` when it holds no action."""
    for action in plan.actions:
        yield from _action(action)
    for refusal in plan.refused:
        yield from _refusal(refusal)
    for pending in plan.pending:
        yield from _pending(pending)
    for kept in plan.kept:
        yield from _kept(kept)
    yield from summary(plan)


def _action(action: Action) -> Iterator[Line]:
    verb = action.operation.value
    yield line(
        "  ", _SYMBOLS[action.operation.verb], " ", Span(str(action.address), "bold"), f"  {verb}  ",
        Span(f"[{action.disruption.word}]", _STYLES[action.disruption]),
    )  # fmt: skip
    yield from _changes(action.because, created=action.operation is Operation.CREATE)
    for seed in action.details.get("told", ()):
        yield from _texts(seed)
    if action.note:
        yield line(f"      ({action.note})")


def _texts(seed: Seed) -> Iterator[Line]:
    """Yield how the text of a seed differs from that of the one before."""
    if seed.former is None:
        yield line("        ", Span("what the present one says can't be read from here", "dim"))
        return
    for told in difference(seed):
        yield line("        ", Span(told, _DIFFERENCE.get(told[:1], "dim")))


def _changes(changes: Iterable[Change], *, created: bool = False) -> Iterator[Line]:
    listed = list(changes)
    width = max((len(change.text) for change in listed), default=0)
    for change in listed:
        head, note = f"      {change.text:<{width}}  ", given(change)
        if created or change.before is None:
            yield line(head, Span("+ " if not created else "", "green"), Span(shown(change.after), "green"), note)
        elif change.after is None:
            yield line(head, Span(f"- {shown(change.before)}", "red"), note)
        else:
            yield line(head, Span(shown(change.before), "red"), " → ", Span(shown(change.after), "green"), note)


def given(change: Change) -> Span:
    """Return the note that tells the profile a wanted value comes from; nothing where it is the resource's own."""
    return Span(findings.given(change), "dim" if change.given else "")


def _refusal(refusal: Refusal) -> Iterator[Line]:
    yield line(
        "  ", Span("!", "bold red"), " ", Span(str(refusal.address), "bold"), "  refused  ",
        Span(f"[{refusal.disruption.word}]", _STYLES[refusal.disruption]),
    )  # fmt: skip
    yield from _changes(refusal.because)
    yield line("      ", Span(refusal.reason, "red"), f"; {refusal.hint}" if refusal.hint else "")


def _pending(pending: Pending) -> Iterator[Line]:
    yield line(
        "  ",
        Span("…", "cyan"),
        " ",
        Span(str(pending.address), "bold"),
        "  pending until its next start (running → defined)",
    )
    yield from _changes(pending.because)
    if pending.note:
        yield line(f"      ({pending.note})")


def _kept(kept: Refusal) -> Iterator[Line]:
    yield line("  ", Span("=", "cyan"), " ", Span(str(kept.address), "bold"), "  kept")
    yield line(f"      {kept.reason}", f"; {kept.hint}" if kept.hint else "")


def summary(plan: Plan) -> Iterator[Line]:
    """Yield the closing lines: the counts, and the strongest disruption among the actions."""
    waiting = f"; {plural(len(plan.pending), 'resource')} pending until the next start" if plan.pending else ""
    if not plan.actions:
        nothing = "what is left is kept" if plan.kept else "the host is as the manifests say"
        what = f"{plural(len(plan.refused), 'difference')} refused" if plan.refused else nothing
        yield line(
            Span("No changes", "bold green" if not plan.refused else "bold red"),
            f": {what} ({plan.unchanged} unchanged{waiting}).",
        )
        return
    counts = f"{plan.count('create')} to create, {plan.count('update')} to update, {plan.count('delete')} to delete"
    refused = f", {len(plan.refused)} refused" if plan.refused else ""
    yield line()
    yield line(Span("Plan:", "bold"), f" {counts}{refused}, {plan.unchanged} unchanged{waiting}.")
    if plan.refused:
        yield line("Nothing is applied while a difference is refused.")
    worst = max(action.disruption for action in plan.actions)
    yield line("Strongest disruption: ", Span(worst.word, _STYLES[worst]), ".")
