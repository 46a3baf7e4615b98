"""What kvmctl remembers of objects that have no metadata of their own: what disks were filled with, and whose each is.

The record is one JSON document, kept in libvirt itself (see `hypervisor.own`), so that it travels with the host and
needs no state file. Losing it loses no data: kvmctl then no longer notices that a manifest names another source, and
takes for nobody's what it had made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from kvmctl.document import encode
from kvmctl.ownership import Mark, mark_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kvmctl.inventory import Address
    from kvmctl.models.disk import DiskSource

VERSION: Final = 1
Sources = dict[str, dict[str, Any]]
"""The written source of each disk by `POOL/NAME`."""


RECORDED: Final = frozenset({"pool", "disk", "secret", "nwfilter"})
"""The kinds whose marks are kept here."""


class Recorded(NamedTuple):
    """The mark of an object, and its UUID ('' for a disk): a namesake that somebody made since isn't the same."""

    mark: Mark
    uuid: str = ""


class Record(NamedTuple):
    """All that is remembered: sources of disks, and marks by the key of each object."""

    disks: Sources
    marks: dict[str, Recorded]


def key(address: Address, facts: Mapping[str, Any]) -> str:
    """Return by what an object is remembered: `pool/default`, and for a disk `disk/POOL/NAME`."""
    return f"disk/{facts['pool']}/{facts['volume']}" if address.kind == "disk" else str(address)


def parse(text: str) -> Record:
    """Return the record; empty where there is none, or one that this version can't read."""
    import json

    try:
        data = json.loads(text) if text else {}
    except ValueError:
        data = {}
    if not isinstance(data, dict) or data.get("version") != VERSION:
        return Record({}, {})
    marks = {name: _recorded(entry) for name, entry in _mappings(data.get("marks"))}
    return Record(dict(_mappings(data.get("disks"))), {name: each for name, each in marks.items() if each})


def _mappings(data: Any) -> list[tuple[str, dict[str, Any]]]:
    held = data.items() if isinstance(data, dict) else ()
    return [(name, each) for name, each in held if isinstance(each, dict)]


def _recorded(entry: dict[str, Any]) -> Recorded | None:
    said = {name: str(value) for name, value in entry.items()}
    mark = mark_of(said)
    return Recorded(mark, said.get("uuid", "")) if mark else None


def serialize(record: Record) -> str:
    """Return the record's text, '' where there is nothing to remember; the same record gives the same bytes."""
    import json

    marks = {
        name: each.mark.attributes() | ({"uuid": each.uuid} if each.uuid else {}) for name, each in record.marks.items()
    }
    data = {name: value for name, value in (("disks", record.disks), ("marks", marks)) if value}
    return json.dumps({"version": VERSION, **data}, sort_keys=True, separators=(",", ":")) if data else ""


def written(source: DiskSource) -> dict[str, Any]:
    """Return what is remembered of a source: its document, as the manifest has it."""
    return {name: value for name, value in encode(source).items() if value is not None}


def is_other(remembered: Mapping[str, Any], source: DiskSource) -> bool:
    """Say whether a source is another one than the disk was filled with.

    Two checksums decide by themselves: a file that only moved is the same. Without them it counts where the source is,
    and its format.
    """
    now = written(source)
    for name in ("sha256", "sha512"):
        if remembered.get(name) and now.get(name):
            return str(remembered[name]).lower() != str(now[name]).lower()
    return any(remembered.get(name) != now.get(name) for name in ("path", "url", "disk", "volume", "format"))
