"""What kvmctl remembers of a host's disks, which have no metadata of their own: what each one was filled with.

The record is one JSON document, kept in libvirt itself (see `hypervisor.secrets`), so that it travels with the host and
needs no state file. Losing it loses no data: kvmctl then no longer notices that a manifest names another source.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from kvmctl.document import encode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kvmctl.models.disk import DiskSource

VERSION: Final = 1
RECORD: Final = "kvmctl.record"
"""The usage name, of type tls, of the secret that holds the record; libvirt lets one secret of a type have it."""
Sources = dict[str, dict[str, Any]]
"""The written source of each disk by `POOL/NAME`."""


def parse(text: str) -> Sources:
    """Return the sources in a record; empty where there is none, or one that this version can't read."""
    try:
        data = json.loads(text) if text else {}
    except ValueError:
        return {}
    if not isinstance(data, dict) or data.get("version") != VERSION or not isinstance(data.get("disks"), dict):
        return {}
    return {name: source for name, source in data["disks"].items() if isinstance(source, dict)}


def serialize(sources: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the record's text; the same sources give the same bytes."""
    return json.dumps({"version": VERSION, "disks": sources}, sort_keys=True, separators=(",", ":"))


def written(source: DiskSource) -> dict[str, Any]:
    """Return what is remembered of a source: its document, as the manifest has it."""
    return {name: value for name, value in encode(source).items() if value is not None}


def is_other(remembered: Mapping[str, Any], source: DiskSource) -> bool:
    """Say whether a source is another one than the disk was filled with.

    Two checksums decide by themselves: a file that only moved is the same. Without them path, Disk and format count.
    """
    now = written(source)
    if remembered.get("sha256") and now.get("sha256"):
        return str(remembered["sha256"]).lower() != str(now["sha256"]).lower()
    return any(remembered.get(name) != now.get(name) for name in ("path", "disk", "format"))
