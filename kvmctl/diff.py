"""What differs between an existing resource and the wanted one: only what the manifest states is looked at."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, partial
from typing import Any, TypeVar, cast

from kvmctl.change import Change
from kvmctl.document import encode_said, encode_value
from kvmctl.fields import UNSET, Model, Row, Shape, Source, key_of, make, rows
from kvmctl.pairing import is_filled_in, may_stay, pair
from kvmctl.xmlio import flat, is_nothing, parse

__all__ = ["Change", "diff", "flat_text", "is_left_open", "project"]

Plain = dict[str, Any]
M = TypeVar("M", bound=Model)


def diff(have: Model, want: Model, *, running: bool = False) -> tuple[Change, ...]:
    """Return what must change in `have` to say what `want` states.

    With `running`, fields that libvirt fills in while an object runs are no difference. Empty when they mean the
    same; DeepDiff is loaded for what an equality check found unequal.
    """
    if have is want or _says(have, want, running=running):
        return ()
    before, after = project(have, want, running=running)
    if before == after:
        return ()
    return tuple(_merge_short(_changes(before, after, type(want)), type(want)))


def _says(have: Model, want: Model, *, running: bool) -> bool:
    """Say whether `have` surely says all that `want` states; where it may not, the projections decide.

    Nearly all machines of a fleet are as they should be, and this looks at each field once, without making anything.
    """
    if type(want).whole:
        return False  # what it doesn't state counts too
    checks, values = _checks(cast("Any", type(want)), running=running), have.__dict__
    for name, wanted in want.__dict__.items():
        if wanted is UNSET or name not in checks:
            continue
        existing = values.get(name)
        if wanted is None or existing is None or existing is UNSET or not checks[name](existing, wanted):
            return False
    return True


@cache
def _checks(model: type[Any], *, running: bool) -> Mapping[str, Callable[[Any, Any], bool]]:
    """Return by each attribute that is compared a function that says whether an existing value means a wanted one."""
    return {
        row.name: _check(row, running=running)
        for row in rows(model).values()
        if row.source is not Source.POLICY and not (running and row.volatile)
    }


def _check(row: Row, *, running: bool) -> Callable[[Any, Any], bool]:
    match row.shape:
        case Shape.MODEL:
            return partial(_says, running=running)
        case Shape.MODELS:
            return partial(_says_items, running=running)
        case Shape.SCALAR:
            return row.codec.comparison
        case _:
            return operator.eq


def _says_items(existing: Sequence[Model], wanted: Sequence[Model], *, running: bool) -> bool:
    if len(existing) != len(wanted):
        existing = [item for item in existing if not may_stay(item)]
    if len(existing) != len(wanted):
        return False
    return all(_says(item, wish, running=running) for item, wish in zip(existing, wanted, strict=True))


def project(have: Model, want: Model, *, running: bool = False) -> tuple[Plain, Plain]:
    """Return both sides as plain documents of the fields that `want` states, list items under their keys."""
    before: Plain = {}
    after: Plain = {}
    for name, row in rows(type(want)).items():
        wanted = getattr(want, row.name)
        if wanted is UNSET or row.source is Source.POLICY or (running and (row.volatile or is_left_open(row, wanted))):
            continue
        if wanted is None and (row.source is Source.STATE or row.fallback or row.place == "."):
            continue  # there is no such thing as no power state, no current memory, no CPUs
        existing = getattr(have, row.name)
        if existing is None and is_filled_in(want, row):
            continue
        match row.shape:
            case Shape.MODEL:
                before[name], after[name] = _project_model(existing, wanted, running=running)
            case Shape.MODELS:
                left_open = running and row.left_open is not None
                before[name], after[name] = _project_items(existing, wanted, running=running, left_open=left_open)
            case Shape.DOCUMENT:
                before[name], after[name] = flat_text(existing), flat_text(wanted)
            case _:
                before[name], after[name] = _project_value(row, existing, wanted)
    _add_cleared(have, before, after, type(want))
    return before, after


def is_left_open(row: Row, wanted: object) -> bool:
    """Say whether a value leaves it to libvirt to pick one when the object starts, so that any may be in effect."""
    return row.left_open is not None and (wanted is None or wanted in row.left_open)


def flat_text(text: Any) -> Plain:
    """Return the places of a partial document with their values, each under a key as list items have them."""
    return {f"[{place}]": value for place, value in flat(parse(text)).items()} if isinstance(text, str) else {}


def _add_cleared(have: Model, before: Plain, after: Plain, model: type[Model]) -> None:
    """Add what goes because another field takes its place: an interface that moves to a bridge leaves its network."""
    for name, row in rows(model).items():
        if not row.clears or after.get(name) is None or before[name] == after[name]:
            continue
        for other, left in _within(have, row.clears).items():
            if other not in after:
                before[other], after[other] = left, dict.fromkeys(left) if rows(model)[other].place == "." else None


def _within(have: Model, places: tuple[str, ...]) -> Plain:
    """Return what the fields below some places say, those in groups of the same element too."""
    found: Plain = {}
    for name, row in rows(type(have)).items():
        left = getattr(have, row.name)
        if row.place == "." and isinstance(left, Model):
            if below := _within(left, places):
                found[name] = below
        elif left not in (UNSET, (), row.absent) and any(row.place.startswith(f"{place}/") for place in places):
            found[name] = encode_value(row, left)
    return found


def _project_value(row: Row, existing: Any, wanted: Any) -> tuple[Any, Any]:
    if row.shape is not Shape.SCALAR:
        wanted, existing = wanted or row.absent, existing or row.absent
    elif is_nothing(row, wanted):
        wanted = row.absent
    if existing is UNSET:
        existing = None
    if row.unsaid is not UNSET:
        existing, wanted = (row.unsaid if value is None else value for value in (existing, wanted))
    is_one_value = row.shape is Shape.SCALAR and existing is not None and wanted is not None
    if existing == wanted or (is_one_value and row.codec.same(existing, wanted)):
        value = encode_value(row, wanted)
        return value, value
    return encode_value(row, existing), encode_value(row, wanted)


def _project_model(existing: Any, wanted: Model | None, *, running: bool) -> tuple[Any, Any]:
    if wanted is None:
        return (None, None) if existing is None else (encode_said(existing), None)
    return project(existing if isinstance(existing, Model) else _nothing(type(wanted)), wanted, running=running)


def _nothing(model: type[Model]) -> Model:
    """Return what a group that the XML lacks says: the values that missing places stand for."""
    return make(model, {row.name: row.absent for row in rows(model).values() if row.source is Source.XML})


def _project_items(existing: Any, wanted: Any, *, running: bool, left_open: bool) -> tuple[Plain, Plain]:
    """Return both sides of a list; where it is `left_open`, libvirt may have added items of its own."""
    items, wishes = list(existing or ()), list(wanted or ())
    pairs = pair(wishes, items)
    before: Plain = {}
    after: Plain = {}
    for wish, at in pairs.matched:
        key = _free_key(_key(wishes[wish], wish), after, wish)
        before[key], after[key] = project(items[at], wishes[wish], running=running)
    for wish in pairs.missing:
        after[_free_key(_key(wishes[wish], wish), after, wish)] = encode_said(wishes[wish])
    for at in pairs.extra:
        if not (left_open or may_stay(items[at])):
            key = _key(items[at], at)
            before[_free_key(key, before, at)] = encode_said(items[at])
    return before, after


def _key(item: Model, position: int) -> str:
    return f"[{key_of(item)[1] or position}]"


def _free_key(key: str, taken: Plain, position: int) -> str:
    """Return the key of an item, with its place where another item has the same: two tablets are alike."""
    return key if key not in taken else f"[{key[1:-1]}#{position}]"


def _changes(before: Plain, after: Plain, model: type[Model]) -> Iterator[Change]:
    """Yield the changes between two projections, in the order of the fields."""
    from deepdiff import DeepDiff

    # Without a threshold, lists that have no key in common would be one change of the whole list.
    tree = DeepDiff(before, after, view="tree", ignore_private_variables=False, threshold_to_diff_deeper=0)
    seen = set()
    for level in (level for levels in tree.values() for level in levels):
        path, row = _field_path(cast("list[Any]", level.path(output_format="list")), model)
        seen.add((path, row.name))
    ordered = sorted((path for path, _ in seen), key=lambda path: _order(path, before, after))
    for path in ordered:
        _, row = _field_path(list(path), model)
        yield Change(path, _at(before, path), _at(after, path), row)


def _field_path(path: list[Any], model: type[Model]) -> tuple[tuple[str, ...], Row]:
    """Return the part of DeepDiff's path that ends at a field or a list item, and that field's row."""
    row = rows(model)[path[0]]
    trail = [path[0]]
    for part in path[1:]:
        if row.shape in (Shape.SCALAR, Shape.SCALARS, Shape.MAP):
            break
        trail.append(part)
        if row.shape is Shape.DOCUMENT:
            break
        if isinstance(part, str) and not part.startswith("["):
            row = rows(cast("type[Model]", row.model))[part]
    return tuple(trail), row


def _order(path: tuple[str, ...], before: Plain, after: Plain) -> tuple[int, ...]:
    """Return where a path stands among the fields: wanted ones in their order, then those that only exist."""
    places = []
    old: Any = before
    new: Any = after
    for part in path:
        names = [*(new if isinstance(new, Mapping) else ()), *(old if isinstance(old, Mapping) else ())]
        places.append(names.index(part))
        new = new.get(part) if isinstance(new, Mapping) else None
        old = old.get(part) if isinstance(old, Mapping) else None
    return tuple(places)


def _at(plain: Any, path: tuple[str, ...]) -> Any:
    for part in path:
        if not isinstance(plain, Mapping) or part not in plain:
            return None
        plain = plain[part]
    return plain


def _merge_short(changes: Iterator[Change], model: type[Model]) -> list[Change]:
    """Return the changes with those of a short form (`memory: 2GiB`) drawn together where both sides are one value."""
    found = list(changes)
    for name, row in rows(model).items():
        short = row.model.short if row.model and row.shape is Shape.MODEL else ()
        parts = [
            change for change in found if change.path[:1] == (name,) and change.path[1:] in {(part,) for part in short}
        ]
        if (
            len(short) > 1
            and len(parts) == len(short)
            and len({(str(part.before), str(part.after)) for part in parts}) == 1
        ):
            found[found.index(parts[0])] = Change((name,), parts[0].before, parts[0].after, parts[0].row)
            found = [change for change in found if change not in parts]
    return found
