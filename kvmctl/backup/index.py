"""What a folder of backups holds, as its index tells it: a JSON document with a version."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from kvmctl.errors import KvmctlError

VERSION: Final = "1.0"
_MAJOR: Final = VERSION.partition(".")[0]
FULL: Final = "full"
INCREMENTAL: Final = "incremental"
COMPARED: Final = "compared"
"""Read beside the disk, and the same; a guest that writes on makes that impossible."""
COMPLETED: Final = "completed"
"""QEMU's job ended well and the image is sound; the disk is another by now, since the guest wrote on."""


@dataclass(frozen=True, slots=True)
class Saved:
    """One disk in a backup: its image there, and the image that the machine had; sizes in bytes."""

    target: str
    file: str
    sha256: str
    size: int
    source: str
    format: str


@dataclass(frozen=True, slots=True)
class Backup:
    """One backup; an incremental one holds what changed since its `base`, another number, 0 for none."""

    number: int
    kind: str
    base: int
    taken: str
    verified: str
    checkpoint: str
    disks: tuple[Saved, ...]
    files: dict[str, str]

    def disk(self, target: str) -> Saved | None:
        """Return the disk of that target; None where the backup hasn't got it."""
        return next((disk for disk in self.disks if disk.target == target), None)


@dataclass(frozen=True, slots=True)
class Index:
    """All backups of one machine in one folder; `series` tells its checkpoints from those of other folders."""

    machine: str
    uuid: str
    series: str
    backups: tuple[Backup, ...] = ()

    def with_one(self, backup: Backup) -> Index:
        """Return the index with one more backup."""
        return replace(self, backups=(*self.backups, backup))

    def chain(self, number: int) -> list[Backup]:
        """Return the backup of that number after all that it stands on, the full one first."""
        by_number = {backup.number: backup for backup in self.backups}
        found: list[Backup] = []
        while number:
            if number not in by_number:
                there = ", ".join(map(str, by_number)) or "none"
                raise KvmctlError(f"there is no backup {number} of vm/{self.machine}", f"there are: {there}")
            found.append(by_number[number])
            number = by_number[number].base
        return found[::-1]

    def text(self) -> str:
        """Return the document."""
        document = {"formatVersion": VERSION, **asdict(self)}
        return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def parse(text: str, place: str) -> Index:
    """Return the index that a document tells; KvmctlError where it is none that this kvmctl knows."""
    try:
        document = json.loads(text)
        version = str(document["formatVersion"])
        if version.partition(".")[0] != _MAJOR:
            raise KvmctlError(f"{place}: has format {version}", f"this kvmctl knows {VERSION}: use a newer one")
        backups = tuple(_backup(each) for each in document["backups"])
        return Index(document["machine"], document["uuid"], document["series"], backups)
    except (ValueError, KeyError, TypeError) as error:
        raise KvmctlError(
            f"{place}: is no index of backups ({type(error).__name__}: {error})", "it is damaged, or something else's"
        ) from error


def _backup(told: dict[str, Any]) -> Backup:
    disks = tuple(Saved(**disk) for disk in told["disks"])
    return Backup(**{**told, "disks": disks})
