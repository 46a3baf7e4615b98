"""Taking a backup: all of it, checked, in the index; or nothing."""

from __future__ import annotations

import secrets
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple

from kvmctl import images, xmlio
from kvmctl.backup import running
from kvmctl.backup.folder import name_of
from kvmctl.backup.index import COMPARED, COMPLETED, FULL, INCREMENTAL, Backup, Index, Saved
from kvmctl.backup.machine import Part, parts_of
from kvmctl.errors import HypervisorError, KvmctlError, RefusedError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from xml.etree.ElementTree import Element

    from kvmctl.backup.folder import Folder
    from kvmctl.hypervisor import Hypervisor

MANIFEST: Final = "manifest.yaml"
DEFINITION: Final = "definition.xml"
_SERIES_BYTES: Final = 4
_OFF: Final = "Off"
_STILL: Final = (_OFF, "Paused")


class Order(NamedTuple):
    """What to back up: a machine with its manifest, all its disks or those of some targets, all or what changed."""

    machine: str
    manifest: str
    targets: tuple[str, ...] = ()
    incremental: bool = False


def take(
    hypervisor: Hypervisor, folder: Folder, order: Order, hear: Callable[[float], None] = lambda _percent: None
) -> Backup:
    """Return the backup that was made in the folder; `hear` is told percentages.

    Whatever ends it, the folder's index names whole backups only, and the next one removes what is left of this.
    """
    xml = hypervisor.domain_xml(order.machine)
    with folder.held(make=True):
        index = _index(folder, order.machine, xml)
        folder.clean()
        taking = _Taking(hypervisor, folder, order, index, hear)
        last = index.backups[-1] if index.backups else None
        try:
            last = backup = taking.run(xml)
            folder.write(index.with_one(backup).text())
        finally:
            taking.sweep(last)
        return backup


def _index(folder: Folder, machine: str, xml: str) -> Index:
    """Return the folder's index; a new one is written first, so that a killed run's traces are known."""
    uuid = xmlio.parse(xml).findtext("uuid", "")
    if not folder.has_index():
        index = Index(machine, uuid, secrets.token_hex(_SERIES_BYTES))
        folder.write(index.text())
        return index
    index = folder.read()
    if index.uuid != uuid:
        raise RefusedError(
            f"{folder} holds the backups of vm/{index.machine} with UUID {index.uuid}, not of this vm/{machine}",
            "give each machine a folder of its own",
        )
    return index


class _Taking:
    def __init__(
        self, hypervisor: Hypervisor, folder: Folder, order: Order, index: Index, hear: Callable[[float], None]
    ) -> None:
        self.hypervisor = hypervisor
        self.folder = folder
        self.order = order
        self.index = index
        self.hear = hear
        self.machine = order.machine
        self.number = folder.next_number()

    def run(self, xml: str) -> Backup:
        """Return the backup, whose files are there under their names."""
        state = self.hypervisor.domain_state(self.machine)
        is_off = state.value == _OFF
        root = xmlio.parse(xml if is_off else self.hypervisor.domain_xml(self.machine, running=True))
        base = self._base(is_off=is_off) if self.order.incremental else None
        targets = tuple(disk.target for disk in base.disks) if base else self.order.targets
        parts = parts_of(self.machine, root, targets)
        if base:
            self._must_continue(base, parts)
        taken = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        with self.folder.staged(self.number) as place:
            files = {part.target: place / f"{part.target}.{running.FORMAT}" for part in parts}
            checkpoint = self._copied(parts, files) if is_off else self._pushed(parts, files, root, base)
            verified = self._verified(parts, files, stands_still=state.value in _STILL)
            (place / MANIFEST).write_text(self.order.manifest, encoding="utf-8")
            (place / DEFINITION).write_text(xml, encoding="utf-8")
            return Backup(
                self.number,
                INCREMENTAL if base else FULL,
                base.number if base else 0,
                taken,
                verified,
                checkpoint,
                tuple(self._saved(part, files[part.target]) for part in parts),
                {self._name(place / each): images.checksum(place / each) for each in (MANIFEST, DEFINITION)},
            )

    def _name(self, file: Path) -> str:
        return f"{name_of(self.number)}/{file.name}"

    def _saved(self, part: Part, file: Path) -> Saved:
        size = images.info(file, running.FORMAT).virtual_size
        return Saved(part.target, self._name(file), images.checksum(file), size, part.path, part.format)

    def _base(self, *, is_off: bool) -> Backup:
        """Return the backup that an incremental one stands on; UsageError where there is none."""
        full = f"take a full one first: kvmctl backup vm/{self.machine} --to {self.folder}"
        if not self.index.backups:
            raise UsageError(f"{self.folder} has no backup that an incremental one could stand on", full)
        if is_off:
            raise UsageError(
                f"vm/{self.machine} is off, and only a running QEMU tells what changed", "leave --incremental out"
            )
        base = self.index.backups[-1]
        if not base.checkpoint:
            raise UsageError(
                f"backup {base.number} has no checkpoint: its machine was off, or has a disk that isn't qcow2",
                "an incremental backup needs qcow2 disks, and a full backup before it of the running machine",
            )
        if base.checkpoint not in self.hypervisor.checkpoints(self.machine):
            raise UsageError(f"checkpoint {base.checkpoint} of backup {base.number} is gone from the host", full)
        return base

    def _must_continue(self, base: Backup, parts: list[Part]) -> None:
        """Raise where a disk is another than it was at the base, or another was asked for."""
        asked = set(self.order.targets)
        if asked and asked != {part.target for part in parts}:
            raise UsageError(
                f"--disk: backup {base.number} holds {', '.join(disk.target for disk in base.disks)}",
                "an incremental backup has the disks of the one before; leave --disk out, or take a full one",
            )
        for part in parts:
            before = base.disk(part.target)
            if before and (before.source, before.format) != (part.path, part.format):
                raise UsageError(
                    f"{part.target} of vm/{self.machine} was {before.source} ({before.format}) at backup "
                    f"{base.number} and is {part.path} ({part.format}) now",
                    "take a full one: leave --incremental out",
                )

    def _pushed(self, parts: list[Part], files: dict[str, Path], root: Element, base: Backup | None) -> str:
        """Have QEMU write the images, and return the checkpoint, '' where a disk can't remember one."""
        self._end_former()
        can = all(part.format == running.FORMAT for part in parts)
        checkpoint = f"{self._prefix}{self.number}" if can else ""
        others = running.all_targets(parts, root)
        running.Job(self.hypervisor, self.machine, files).run(
            checkpoint, base.checkpoint if base else "", others, self.hear
        )
        for target, file in files.items():
            if base and (below := base.disk(target)):
                images.put_on(file, f"../{below.file}", running.FORMAT)
        return checkpoint

    @property
    def _prefix(self) -> str:
        return f"kvmctl-{self.index.series}-"

    def _end_former(self) -> None:
        """End what a killed backup into this folder left in QEMU; KvmctlError where another one goes on."""
        going = self.hypervisor.backup_xml(self.machine)
        if going is not None:
            files = [target.get("file", "") for target in xmlio.parse(going).iterfind("disks/disk/target")]
            if not files or not all(file.startswith(f"{self.folder}/.") for file in files):
                raise KvmctlError(
                    f"another backup of vm/{self.machine} goes on, to {', '.join(files) or 'a network'}",
                    f"wait for it, or end it: virsh domjobabort {self.machine}",
                )
            self.hypervisor.abort_job(self.machine)
        self.sweep(self.index.backups[-1] if self.index.backups else None)

    def sweep(self, last: Backup | None) -> None:
        """Remove this folder's checkpoints but that of its last backup; one that can't go only costs the host a little.

        libvirt passes on what a checkpoint remembers to the one before, and adds all up that are later than the base of
        an incremental backup: no change is lost either way.
        """
        kept = last.checkpoint if last else ""
        there: list[str] = []
        with suppress(HypervisorError):
            there = self.hypervisor.checkpoints(self.machine)
        for checkpoint in reversed(there):
            if checkpoint.startswith(self._prefix) and checkpoint != kept:
                with suppress(HypervisorError):  # of a machine that is off libvirt 9.0 removes none
                    self.hypervisor.delete_checkpoint(self.machine, checkpoint)

    def _copied(self, parts: list[Part], files: dict[str, Path]) -> str:
        for number, part in enumerate(parts):
            if not part.path:
                raise KvmctlError(
                    f"{part.target} of vm/{self.machine} is no file or device of this host",
                    "back it up while the machine runs: QEMU then reads it",
                )
            images.convert(
                part.path,
                files[part.target],
                source_format=part.format,
                target_format=running.FORMAT,
                allow_backing=True,
                progress=lambda percent, done=number: self.hear((100 * done + percent) / len(parts)),  # type: ignore[misc]
            )
        return ""

    def _verified(self, parts: list[Part], files: dict[str, Path], *, stands_still: bool) -> str:
        """Return how far the images are proved; KvmctlError where the guest stands still and its disk holds otherwise.

        Equal is proof, whatever the guest does; unequal is none, once it may have written.
        """
        proved = True
        for part in parts:
            wrong = _difference(part, files[part.target])
            stands_still = stands_still and self.hypervisor.domain_state(self.machine).value in _STILL
            if wrong and stands_still:
                raise KvmctlError(
                    f"the backup of {part.target} is not what {part.path} holds: {wrong}",
                    "is the storage sound? back it up again",
                )
            proved = proved and not wrong
        return COMPARED if proved else COMPLETED


def _difference(part: Part, file: Path) -> str:
    """Return how an image differs from the disk, '' where it doesn't."""
    if not part.path:
        return "it is no file or device of this host"
    try:
        same = images.verify_same(part.path, part.format, file, running.FORMAT, in_use=True)
    except images.ImageError as error:  # its tables change under a guest that writes
        return str(error)
    return "" if same.same else same.detail
