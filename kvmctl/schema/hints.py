"""What to write instead: the row that a path leads to, what it expects, and what was likely meant."""

from __future__ import annotations

import difflib
import ipaddress
import re
from typing import TYPE_CHECKING, Any, Final

from kvmctl.codec import Choice, Codec, Duration, Flag, Integer, IpAddress, Mac, NumberOrWord, Prefix, Size, Text
from kvmctl.fields import Model, Row, Shape, row_of, rows
from kvmctl.models import BY_NAME, BY_WORD, Kind
from kvmctl.models.metadata import Metadata

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Path = tuple[str | int, ...]

MISSING: Final = {
    "apiVersion": "write apiVersion: kvmctl/v1",
    "kind": f"write kind: and one of {', '.join(BY_NAME)}",
    "metadata": "write metadata: {name: …}",
    "spec": "write spec: and the fields below it, or spec: {} for none",
}
# What people know a field as, from virsh, virt-install and other tools.
_OTHER_NAMES: Final = {
    "ram": "memory", "mem": "memory", "currentmemory": "memory", "cpus": "vcpus", "vcpu": "vcpus", "cores": "vcpus",
    "nics": "interfaces", "nic": "interfaces", "networks": "interfaces", "network": "interfaces",
    "volumes": "disks", "disk": "disks", "state": "powerState", "running": "powerState", "vnc": "graphics",
    "console": "consoles", "serial": "serials", "gateway": "address", "netmask": "prefix", "capacity": "size",
    "dev": "target", "src": "source", "id": "name", "mode": "forward", "address": "ips", "ip": "ips",
}  # fmt: skip
_LOOSE_SIZE: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([kKmMgGtTpPeE])(?:[iI]?[bB]?|bytes)")
_FEW: Final = 12


def row_at(kind: Kind, path: Path) -> Row | None:
    """Return the row that a path leads to or into; None for the envelope itself."""
    found = None
    model = _part(kind, path[0]) if path else None
    for part in path[1:]:
        if isinstance(part, int) or model is None:
            continue
        found = rows(model).get(part)
        model = found.model if found else None
    return found


def _part(kind: Kind, name: str | int) -> type[Model] | None:
    parts: dict[str | int, type[Model]] = {"metadata": Metadata, "spec": kind.model}
    return parts.get(name)


def model_at(kind: Kind, path: Path) -> type[Model] | None:
    """Return the model whose mapping stands at a path."""
    if len(path) == 1:
        return _part(kind, path[0])
    row = row_at(kind, path)
    return row.model if row else None


def expects(row: Row, path: Path, joined: str = "nor") -> str:
    """Return in words what belongs at a path that the row describes; `joined` stands between two forms of it."""
    if row.shape in (Shape.SCALARS, Shape.MODELS) and not isinstance(path[-1], int):
        return "a list"
    if row.shape is Shape.MAP:
        return row.codec.expects if path[-1] != row.yaml else "a mapping of names to text"
    if row.model is None:
        return row.codec.expects
    fields = _fields(list(rows(row.model)))
    if row.model.short:
        return f"{scalar_codec(row).expects}, {joined} a mapping with {fields}"
    return f"a mapping with {fields}"


def _fields(names: Sequence[str]) -> str:
    return ", ".join(names if len(names) <= _FEW else [*names[:_FEW], "…"])


def scalar_codec(row: Row) -> Codec[Any]:
    """Return the codec of a scalar at the row: its own, or that of its model's short form."""
    return row_of(row.model, row.model.short[0]).codec if row.model and row.model.short else row.codec


def missing(kind: Kind, path: Path) -> str:
    """Return what to write for a required field."""
    row = row_at(kind, path)
    return f"write {path[-1]}: and {expects(row, path, 'or')}" if row else ""


def kind(seen: object) -> str:
    """Return the kind that was likely meant, else all of them."""
    found = BY_WORD.get(seen.lower()) if isinstance(seen, str) else None
    near = found.name if found else _nearest(str(seen), list(BY_NAME))
    return f"did you mean {near}?" if near else f"the kinds are {', '.join(BY_NAME)}"


def field(name: str, known: Sequence[str], model: type[Model] | None, root: type[Model] | None = None) -> str:
    """Return the field that was likely meant: one here, one elsewhere in the kind, else all that there are here."""
    near = _nearest(str(name), known) or _OTHER_NAMES.get(_folded(str(name)), "")
    if near in known:
        return f"did you mean {near}?"
    elsewhere = _elsewhere(_folded(str(name)), root, "spec", []) if root and model else ""
    if elsewhere:
        return f"did you mean {elsewhere}?"
    return f"the fields here are {_fields(known)}"


def _folded(text: str) -> str:
    return re.sub(r"[-_]", "", text).lower()


def _nearest(text: str, known: Sequence[str]) -> str:
    folded = {_folded(each): each for each in known}
    if _folded(text) in folded:
        return folded[_folded(text)]
    near = difflib.get_close_matches(_folded(text), list(folded), n=1, cutoff=0.7)
    return folded[near[0]] if near else ""


def _elsewhere(folded: str, model: type[Model], path: str, around: list[type[Model]]) -> str:
    """Return the path of a field of that name anywhere below a model."""
    for name in rows(model):
        if _folded(name) == folded:
            return f"{path}.{name}"
    for name, row in rows(model).items():
        if row.model is not None and row.model not in around:
            suffix = "[]" if row.shape is Shape.MODELS else ""
            found = _elsewhere(folded, row.model, f"{path}.{name}{suffix}", [*around, row.model])
            if found:
                return found
    return ""


def value(row: Row, path: Path, seen: object, shown: str) -> str:
    """Return what to write instead of a value, '' where nothing is likelier than what the row expects."""
    if row.shape in (Shape.SCALARS, Shape.MODELS) and not isinstance(path[-1], int):
        return (
            "write [ ] around the items, or - before each" if not isinstance(seen, dict) else "write - before each item"
        )
    if isinstance(seen, dict | list) or (row.model is not None and not row.model.short):
        return ""
    codec = scalar_codec(row)
    if isinstance(codec, Text) and not isinstance(codec, NumberOrWord):
        return _text(codec, seen, shown)
    for known, hint in _HINTS:
        if isinstance(codec, known):
            return hint(codec, seen)
    return ""


def _choice(codec: Any, seen: object) -> str:
    words = {True: ("on", "yes", "up"), False: ("off", "no", "down")}.get(seen, ()) if isinstance(seen, bool) else ()
    near = next((each for each in codec.values if each.lower() in words), "") or _nearest(str(seen), codec.values)
    return f'did you mean "{near}"?' if near else ""


def _flag(_codec: Any, seen: object) -> str:
    word = str(seen).lower()
    if word in ("yes", "on", "y", "true", "1", "enabled"):
        return "write true"
    return "write false" if word in ("no", "off", "n", "false", "0", "disabled") else ""


def _text(codec: Text, seen: object, shown: str) -> str:
    """Numbers and booleans are text once they stand in quotes, if they fit the pattern then."""
    fits = codec.pattern == "" or re.fullmatch(codec.pattern, shown) is not None
    return f'write "{shown}" in quotes' if type(seen) is not str and fits else ""


def _integer(codec: Any, seen: object) -> str:
    text = str(seen).strip()
    if isinstance(seen, str) and re.fullmatch(r"[0-9]{1,18}", text) and codec.minimum <= int(text) <= codec.maximum:
        return f"write {int(text)} without quotes"
    return ""


def _size(_codec: Any, seen: object) -> str:
    if type(seen) is int and seen >= 0:
        return f"a bare number means bytes; write {seen}MiB or {seen}GiB if that is meant"
    match = _LOOSE_SIZE.fullmatch(seen.strip()) if isinstance(seen, str) else None
    if match is None:
        return ""
    unit = match[2].upper()
    decimal = "kB" if unit == "K" else f"{unit}B"
    if seen in (f"{match[1]}{unit}iB", f"{match[1]}{decimal}"):
        return "it is out of range here"
    return f"write {match[1]}{unit}iB, or {match[1]}{decimal} for powers of ten"


def _mac(_codec: Any, seen: object) -> str:
    digits = re.sub(r"[-:.]", "", str(seen)).lower()
    if not re.fullmatch(r"[0-9a-f]{12}", digits):
        return ""
    if int(digits[:2], 16) & 1:
        return "its first byte is odd, which makes it the address of a group; write one that starts with 52:54:00"
    return f'write "{":".join(digits[at : at + 2] for at in range(0, 12, 2))}"'


def _ip(codec: Any, seen: object) -> str:
    try:
        found = ipaddress.ip_interface(str(seen)) if isinstance(seen, str) else None
    except ValueError:
        return ""
    if found is None or codec.version not in (0, found.version):
        return ""
    return f"write {found.ip} alone; the length of the prefix, {found.network.prefixlen}, has a field of its own"


def _duration(_codec: Any, seen: object) -> str:
    match = re.fullmatch(r"\s*([0-9]{1,9})\s*([smh]?)[a-z]*\s*", str(seen).lower())
    return f"write {match[1]}{match[2] or 's'}" if match else ""


_HINTS: Final[tuple[tuple[type[Codec[Any]], Callable[[Any, object], str]], ...]] = (
    (Choice, _choice), (Flag, _flag), (Integer, _integer), (Prefix, _integer), (Size, _size), (Mac, _mac),
    (IpAddress, _ip), (Duration, _duration),
)  # fmt: skip
