"""A running machine's disks, as they are at one moment, written by its QEMU into images of ours."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final
from xml.etree.ElementTree import Element, SubElement

from kvmctl import images, xmlio
from kvmctl.errors import HypervisorError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from kvmctl.backup.machine import Part
    from kvmctl.hypervisor import Hypervisor

FORMAT: Final = "qcow2"
_PRIVATE: Final = 0o600
PAUSE_SECONDS: Final = 0.2


class Job:
    """One backup of a running machine; `files` are the images to make, by target of the disk."""

    def __init__(self, hypervisor: Hypervisor, machine: str, files: Mapping[str, Path]) -> None:
        self.hypervisor = hypervisor
        self.machine = machine
        self.files = files

    def run(self, checkpoint: str, base: str, others: Sequence[str], hear: Callable[[float], None]) -> None:
        """Write the images; '' is no `checkpoint` to make, or no `base` of an incremental one.

        `others` are disks that are left out. When this fails, neither job nor checkpoint is left.
        """
        for target, file in self.files.items():
            images.create(file, FORMAT, self.hypervisor.disk_size(self.machine, target))
            file.chmod(_PRIVATE)  # libvirt lends it to QEMU's user
        made = _checkpoint(checkpoint, list(self.files), others) if checkpoint else None
        self.hypervisor.begin_backup(self.machine, _backup(self.files, others, base), made)
        try:
            self._wait(hear)
        except BaseException:
            self._give_up(checkpoint)
            raise
        for file in self.files.values():
            images.check_sound(file, FORMAT)

    def _wait(self, hear: Callable[[float], None]) -> None:
        while (percent := self.hypervisor.backup_percent(self.machine)) is not None:
            hear(percent)
            time.sleep(PAUSE_SECONDS)
        end = self.hypervisor.backup_end(self.machine)
        if not end.succeeded:
            reason = end.message or "QEMU gave it up, or somebody ended it"
            raise HypervisorError(
                f"the backup of vm/{self.machine} failed: {reason}", "is there room left? the machine's log says more"
            )

    def _give_up(self, checkpoint: str) -> None:
        with suppress(HypervisorError):  # what failed is told; the next backup removes what is left
            if self.hypervisor.backup_xml(self.machine) is not None:
                self.hypervisor.abort_job(self.machine)
        with suppress(HypervisorError):
            if checkpoint:
                self.hypervisor.delete_checkpoint(self.machine, checkpoint)


def _backup(files: Mapping[str, Path], others: Sequence[str], base: str) -> str:
    root = Element("domainbackup", mode="push")
    if base:
        SubElement(root, "incremental").text = base
    disks = SubElement(root, "disks")
    for target, file in files.items():
        disk = SubElement(disks, "disk", name=target, backup="yes", type="file")
        SubElement(disk, "target", file=str(file))
        SubElement(disk, "driver", type=FORMAT)
    for target in others:
        SubElement(disks, "disk", name=target, backup="no")
    return xmlio.serialize(root)


def _checkpoint(name: str, targets: Sequence[str], others: Sequence[str]) -> str:
    root = Element("domaincheckpoint")
    SubElement(root, "name").text = name
    SubElement(root, "description").text = "kvmctl backup"
    disks = SubElement(root, "disks")
    for target in targets:
        SubElement(disks, "disk", name=target, checkpoint="bitmap")
    for target in others:
        SubElement(disks, "disk", name=target, checkpoint="no")
    return xmlio.serialize(root)


def all_targets(parts: Sequence[Part], root: Element) -> list[str]:
    """Return the targets of a machine's devices that are not among the parts."""
    taken = {part.target for part in parts}
    return [
        target.get("dev", "") for target in root.iterfind("devices/disk/target") if target.get("dev", "") not in taken
    ]
