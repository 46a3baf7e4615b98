"""Which of the manifests' resources a command is about: those named, those with labels, and what they need."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kvmctl.errors import UsageError
from kvmctl.inventory import Address, Inventory, meant, references
from kvmctl.models import BY_SHORT, BY_WORD

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def address(text: str) -> Address:
    """Return the address that a user wrote: vm/web1, with any word for the kind."""
    word, slash, name = text.partition("/")
    kind = BY_WORD.get(word.lower())
    if not slash or not name or kind is None:
        kinds = ", ".join(f"{short}/NAME" for short in BY_SHORT)
        raise UsageError(f"{text!r} is not an address", f"write one of {kinds}")
    return Address(kind.short, name)


class Selection(NamedTuple):
    """Which of the manifests' resources a command is about."""

    targets: tuple[Address, ...] = ()
    selectors: tuple[str, ...] = ()


def select(want: Inventory, selection: Selection) -> Inventory:
    """Return the selected resources and, of the manifests, all that they need."""
    if not selection.targets and not selection.selectors:
        return want
    unknown = [str(target) for target in selection.targets if target not in want]
    if unknown:
        there = ", ".join(str(address) for address in sorted(want)[:20])
        raise UsageError(f"--target {', '.join(unknown)}: not in the manifests", f"there are: {there}")
    matchers = [_matcher(part) for selector in selection.selectors for part in selector.split(",")]
    chosen = [
        address for address, resource in want.items()
        if (not selection.targets or address in selection.targets)
        and all(matches(resource.labels) for matches in matchers)
    ]  # fmt: skip
    if not chosen:
        raise UsageError(f"no resource has the labels {' '.join(selection.selectors)}", "look at metadata.labels")
    needed = _closure(chosen, want)
    return {address: resource for address, resource in want.items() if address in needed}


def _matcher(text: str) -> _Matcher:
    for sign in ("!=", "==", "="):
        name, found, value = text.partition(sign)
        if found and name.strip():
            return _Matcher(name.strip(), value.strip(), equal=sign != "!=")
    raise UsageError(
        f"--selector {text!r} is not a selector",
        "write NAME=VALUE or NAME!=VALUE, several separated by commas",
    )


class _Matcher(NamedTuple):
    name: str
    value: str
    equal: bool

    def __call__(self, labels: Mapping[str, str]) -> bool:
        return (labels.get(self.name) == self.value) is self.equal


def _closure(chosen: Iterable[Address], want: Inventory) -> set[Address]:
    found: set[Address] = set()
    queue = list(chosen)
    while queue:
        address = queue.pop()
        if address in want and address not in found:
            found.add(address)
            queue += [meant(reference.target, want) for reference in references(want[address].spec)]
    return found
