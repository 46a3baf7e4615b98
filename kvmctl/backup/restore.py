"""A machine made of a backup: its disks whole and on nothing else, then its definition; or neither."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from kvmctl import images, xmlio
from kvmctl.backup.definition import renamed, with_disks
from kvmctl.backup.running import FORMAT
from kvmctl.backup.take import DEFINITION
from kvmctl.errors import HypervisorError, KvmctlError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kvmctl.backup.folder import Folder
    from kvmctl.backup.index import Backup, Index, Saved
    from kvmctl.hypervisor import Hypervisor

_HIDDEN: Final = ".kvmctl-restoring"


class Restoring(NamedTuple):
    """What is asked for: '' is the machine's own name, 0 the last backup, no folder that of each disk's image."""

    name: str = ""
    number: int = 0
    into: Path | None = None
    allow_data_loss: bool = False


class Restored(NamedTuple):
    """What was made: the machine, of which backup, its disks, and what the user has to know."""

    machine: str
    number: int
    paths: tuple[Path, ...]
    notes: tuple[str, ...]


class _Disk(NamedTuple):
    saved: Saved
    image: Path
    path: Path


def restore(
    hypervisor: Hypervisor, folder: Folder, asked: Restoring, hear: Callable[[float], None] = lambda _percent: None
) -> Restored:
    """Return what was made of a backup; RefusedError where something is in the way, KvmctlError where it is damaged."""
    with folder.held():
        index = folder.read()
        if not index.backups:
            raise KvmctlError(f"{folder} holds no whole backup", f"kvmctl backup vm/{index.machine} --to {folder}")
        chain = index.chain(asked.number or index.backups[-1].number)
        backup = chain[-1]
        disks = [_planned(folder, saved, asked) for saved in backup.disks]
        machine = asked.name or index.machine
        is_there = _check_free(hypervisor, index, machine, disks, asked)
        damaged = folder.damaged(chain)
        if damaged:
            raise KvmctlError(
                f"{folder}: damaged or missing: {', '.join(damaged)}", "an earlier backup may be whole: --at"
            )
        xml, notes = _definition(folder, backup, asked, disks)
        _fill(disks, hear)
        _publish(hypervisor, machine, disks, xml, is_there=is_there)
        return Restored(machine, backup.number, tuple(disk.path for disk in disks), tuple(notes))


def _planned(folder: Folder, saved: Saved, asked: Restoring) -> _Disk:
    source = Path(saved.source)
    if not saved.source or (source.is_block_device() and asked.into is None):
        raise KvmctlError(
            f"{saved.target} was {saved.source or 'on a network'}, no file", "say where it goes: --into FOLDER"
        )
    name = f"{asked.name}-{saved.target}{source.suffix}" if asked.name else source.name
    path = (asked.into or source.parent) / name
    if not path.parent.is_dir():
        raise KvmctlError(f"{path.parent} is no folder", "make it, or say where the disks go: --into FOLDER")
    return _Disk(saved, folder.file(saved.file), path)


def _check_free(hypervisor: Hypervisor, index: Index, machine: str, disks: Sequence[_Disk], asked: Restoring) -> bool:
    """Return whether the machine is there, and may be replaced; RefusedError tells all that is in the way."""
    there = next((each for each in hypervisor.domains() if each.name == machine), None)
    twin = next((each for each in hypervisor.domains() if each.uuid == index.uuid), None)
    if not asked.name and twin and twin.name != machine:
        raise RefusedError(f"the machine is there as vm/{twin.name}", "say --as NAME for another one beside it")
    if there and (there.uuid != index.uuid or there.active):
        hint = "say --as NAME for another one beside it" + (", or stop it" if there.active else "")
        raise RefusedError(f"vm/{machine} is there" + (" and runs" if there.active else ""), hint)
    _refuse_used(hypervisor, machine, disks)
    taken = [str(disk.path) for disk in disks if disk.path.exists()]
    if (taken or there) and not asked.allow_data_loss:
        what = [*([f"the definition of vm/{machine}"] if there else []), *taken]
        raise RefusedError(
            f"a restore would replace {', '.join(what)} and all that is in it",
            "say --as NAME or --into FOLDER, or --allow-data-loss if that is meant",
        )
    if there and hypervisor.snapshots([machine]):
        raise RefusedError(f"vm/{machine} has snapshots, which lie in its disks", "say --as NAME, or remove them first")
    return there is not None


def _refuse_used(hypervisor: Hypervisor, machine: str, disks: Sequence[_Disk]) -> None:
    """Raise where a disk to replace is another machine's, whatever may be lost."""
    paths = {str(disk.path) for disk in disks}
    for domain in hypervisor.domains():
        if domain.name != machine:
            sources = xmlio.parse(hypervisor.domain_xml(domain)).iterfind("devices/disk/source")
            used = sorted(paths & {each.get("file") or each.get("dev") or "" for each in sources})
            if used:
                raise RefusedError(f"{', '.join(used)}: is a disk of vm/{domain.name}", "say --into FOLDER")


def _definition(folder: Folder, backup: Backup, asked: Restoring, disks: Sequence[_Disk]) -> tuple[str, list[str]]:
    name = next(each for each in backup.files if Path(each).name == DEFINITION)
    root = xmlio.parse(folder.file(name).read_text(encoding="utf-8"))
    notes = with_disks(
        root, {disk.saved.target: (disk.path, disk.saved.format) for disk in disks}, alone=bool(asked.name)
    )
    if asked.name:
        renamed(root, asked.name)
    return xmlio.serialize(root), notes


def _fill(disks: Sequence[_Disk], hear: Callable[[float], None]) -> None:
    """Make each disk, the chain below its image included, under a hidden name beside its own."""
    with ExitStack() as stack:
        for number, disk in enumerate(disks):
            images.clean_leftovers(disk.path.parent)
            hidden = _hidden(disk)
            stack.callback(hidden.unlink, missing_ok=True)
            images.convert(
                disk.image,
                hidden,
                source_format=FORMAT,
                target_format=disk.saved.format,
                allow_backing=True,
                overwrite=True,
                progress=lambda percent, done=number: hear((100 * done + percent) / len(disks)),  # type: ignore[misc]
            )
            same = images.verify_same(disk.image, FORMAT, hidden, disk.saved.format)
            if not same.same:
                raise KvmctlError(
                    f"{disk.path} came out otherwise than {disk.image}: {same.detail}", "is the storage sound?"
                )
        stack.pop_all()


def _hidden(disk: _Disk) -> Path:
    return disk.path.with_name(f".{disk.path.name}{_HIDDEN}")


def _publish(hypervisor: Hypervisor, machine: str, disks: Sequence[_Disk], xml: str, *, is_there: bool) -> None:
    """Give the disks their names and define the machine; where libvirt refuses, new disks go again."""
    if is_there:
        for checkpoint in hypervisor.checkpoints(machine):
            hypervisor.delete_checkpoint(machine, checkpoint, metadata_only=True)
    new = [disk.path for disk in disks if not disk.path.exists()]
    for disk in disks:
        _hidden(disk).replace(disk.path)
    try:
        hypervisor.define_domain(xml)
    except HypervisorError:
        for path in new:
            path.unlink(missing_ok=True)
        raise
