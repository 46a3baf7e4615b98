"""What a plan, a drift or an apply comes to, as flat rows: one for each thing that a reader has to know of."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple, cast

from kvmctl.actions import Action, Disruption, Operation, Refusal
from kvmctl.files import STDIN
from kvmctl.inventory import Address, Resource
from kvmctl.layering import place_of
from kvmctl.manifest import locate
from kvmctl.plan.drift import NOTHING, DriftClass
from kvmctl.render.value import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kvmctl.apply.result import Result
    from kvmctl.change import Change
    from kvmctl.errors import Problem
    from kvmctl.models.disk import Disk
    from kvmctl.plan import Plan
    from kvmctl.plan.drift import Beside


class Sort(StrEnum):
    """What a finding says of its resource; the values are the words of the formats."""

    PLANNED = "planned"
    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"
    MISSING = "missing"
    HIDDEN = "hidden"
    DIFFERS = "differs"
    REFUSED = "refused"
    PENDING = "pending"
    KEPT = "kept"
    UNMANAGED = "unmanaged"
    LEFT = "left"
    FOREIGN = "foreign"


class Level(StrEnum):
    """How much a finding matters, most first."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


_ERRORS = (Sort.FAILED, Sort.REFUSED)
_WARNINGS = (Sort.SKIPPED, Sort.MISSING, Sort.HIDDEN, Sort.DIFFERS, Sort.UNMANAGED, Sort.LEFT)
_WORDS = {
    Sort.PENDING: "pending until its next start",
    Sort.UNMANAGED: "changed beside its manifest",
    Sort.LEFT: "no longer in the manifests",
    Sort.FOREIGN: "not in the manifests",
}


class Finding(NamedTuple):
    """One row. `operation`, `disruption` and `commands` are an action's; `said` is its note, reason or error.

    `resource` is the wanted one, which knows its manifest; None where there is none, as for what is only removed.
    `drift` is the class of a finding of drift.
    """

    address: Address
    sort: Sort
    changes: tuple[Change, ...] = ()
    operation: str = ""
    disruption: Disruption | None = None
    said: str = ""
    hint: str = ""
    commands: tuple[str, ...] = ()
    resource: Resource | None = None
    drift: DriftClass | None = None

    @property
    def words(self) -> str:
        """What is to be said beside the address: `redefine [next-boot]`."""
        ends = (Sort.DONE, Sort.FAILED, Sort.SKIPPED)
        word = self.operation if self.sort is Sort.PLANNED else " ".join(filter(None, (self.operation, self.sort)))
        word = _WORDS.get(self.sort, word)
        if self.drift is not None:
            return f"{word} [{self.drift}]"
        if self.sort in _WORDS:
            return word
        return f"{word} [{self.disruption.word}]" if self.disruption is not None and self.sort not in ends else word

    @property
    def is_whole(self) -> bool:
        """Whether it is the resource that comes or goes, rather than one place of it."""
        return self.operation in (Operation.CREATE, Operation.DELETE) or not self.changes

    @property
    def level(self) -> Level:
        """How much it matters: what went wrong; what isn't as it should be, or disturbs a guest; all else."""
        if self.sort in _ERRORS:
            return Level.ERROR
        disturbs = self.sort is Sort.PLANNED and self.disruption is not None and self.disruption > Disruption.NEXT_BOOT
        return Level.WARNING if disturbs or self.sort in _WARNINGS else Level.NOTE

    @property
    def reason(self) -> str:
        """What was said of it, and what to do next."""
        return f"{self.said}; {self.hint}" if self.said and self.hint else self.said

    def told(self, change: Change) -> str:
        """Return one of its changes in a line, the profile that gives the wanted value included."""
        before, after = shown(change.before), shown(change.after)
        match self.sort:
            case Sort.PENDING:
                text = f"running with {before}, defined as {after}"
            case Sort.UNMANAGED:
                text = f"was {before}, is {after}"
            case Sort.DIFFERS:
                text = f"is {before}, should be {after}"
            case _:
                text = f"{before} → {after}" if change.before is not None else after
        return f"{change.text}: {text}{given(change)}"


class Place(NamedTuple):
    """Where in the manifests something is written; line and column count from 1."""

    file: str
    line: int
    column: int


def given(change: Change) -> str:
    """Return the note that tells the profile a wanted value comes from; '' where it is the resource's own."""
    if change.given is None:
        return ""
    profile, file, at, partly = change.given
    return f"  ({'partly ' if partly else ''}profile {profile}, {file}:{at})"


def place(resource: Resource | None, change: Change | None = None) -> Place | None:
    """Return where a resource, or the field of a change, is written; None where no file is known."""
    path = ("metadata", "name") if change is None else ("spec", *change.path)
    found = place_of(resource, path) if resource else None
    if found is None or found.origin.file == STDIN:
        return None
    return Place(found.origin.file, *locate(found.origin, found.path, at_key=change is not None))


def problem_place(problem: Problem) -> Place | None:
    """Return where a manifest is wrong; None where no file is to blame."""
    is_file = problem.file not in ("", STDIN)
    return Place(problem.file, max(problem.line, 1), max(problem.column, 1)) if is_file else None


def planned(plan: Plan) -> Iterator[Finding]:
    """Yield what a plan lists: actions, refusals, what waits for a start, what is kept."""
    for action in plan.actions:
        yield _acted(plan, action, Sort.PLANNED, action.note)
    yield from _beside(plan)


def ended(plan: Plan, results: Sequence[Result], closing: Sequence[Result] = ()) -> Iterator[Finding]:
    """Yield what an apply did; what it never came to is still planned."""
    for result in (*results, *closing):
        sort = Sort(result.status.value)
        yield _acted(plan, result.action, sort, result.error or result.action.note)._replace(hint=result.hint)
    for action in plan.actions[len(results) :]:
        yield _acted(plan, action, Sort.PLANNED, action.note)
    yield from _beside(plan)


def drifted(plan: Plan, beside: Beside = NOTHING) -> Iterator[Finding]:
    """Yield a row for each resource that is missing or differs, whatever would be done about it; then all others.

    Those are what waits for a start, what changed beside the manifests, and what they don't name.
    """
    missing = {action.address for action in plan.actions if action.operation is Operation.CREATE}
    found: dict[Address, list[Change]] = {}
    every: tuple[Action | Refusal, ...] = (*plan.actions, *plan.refused, *plan.kept)
    for each in every:
        found.setdefault(each.address, []).extend(each.because if each.address not in missing else ())
    notes = {action.address: f"apply {action.note}" for action in plan.actions if not action.because and action.note}
    for address, changes in found.items():
        sort, pool = Sort.DIFFERS, stopped_pool(address, plan)
        if address in missing:
            sort = Sort.HIDDEN if pool else Sort.MISSING
        said = notes.get(address, "") if sort is not Sort.HIDDEN else f"{pool} is not active"
        yield Finding(
            address, sort, tuple(changes), said=said, resource=plan.want.get(address), drift=DriftClass.MANAGED
        )
    yield from (finding._replace(drift=DriftClass.PENDING) for finding in _pending(plan))
    yield from _unplanned(plan, beside)


def _unplanned(plan: Plan, beside: Beside) -> Iterator[Finding]:
    for address, changes in beside.unmanaged:
        yield Finding(
            address, Sort.UNMANAGED, changes, resource=plan.want.get(address), drift=DriftClass.UNMANAGED
        )  # fmt: skip
    for address, whose, ours in beside.unnamed:
        if ours:
            yield Finding(
                address, Sort.LEFT, said=whose, hint=_way_out(address), drift=DriftClass.MANAGED
            )  # fmt: skip
        else:
            yield Finding(address, Sort.FOREIGN, said=whose, drift=DriftClass.FOREIGN)


def _way_out(address: Address) -> str:
    """Return what removes an object that left the manifests; what is in a disk takes a word more."""
    return f"apply --prune{' --allow-data-loss' if address.kind == 'disk' else ''} removes it"


def stopped_pool(address: Address, plan: Plan) -> Address | None:
    """Return the pool of a wanted disk if it is stopped: the disk may well be there."""
    if address.kind != "disk" or address not in plan.want:
        return None
    pool = plan.have.get(Address("pool", str(cast("Disk", plan.want[address].spec).pool)))
    return pool.address if pool is not None and pool.live is not None and not pool.live.active else None


def _acted(plan: Plan, action: Action, sort: Sort, said: str) -> Finding:
    return Finding(
        action.address, sort, action.because, action.operation.value, action.disruption, said,
        commands=action.equivalent, resource=plan.want.get(action.address),
    )  # fmt: skip


def _beside(plan: Plan) -> Iterator[Finding]:
    for sort, several in ((Sort.REFUSED, plan.refused), (Sort.KEPT, plan.kept)):
        for each in several:
            disruption = each.disruption if sort is Sort.REFUSED else None
            yield Finding(
                each.address, sort, each.because, "", disruption, each.reason, each.hint,
                resource=plan.want.get(each.address),
            )  # fmt: skip
    yield from _pending(plan)


def _pending(plan: Plan) -> Iterator[Finding]:
    for each in plan.pending:
        yield Finding(each.address, Sort.PENDING, each.because, resource=plan.want.get(each.address))
