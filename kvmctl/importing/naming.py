"""Names instead of paths: a machine's disk, or a backing file, that is a Disk of the manifests is told by its name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, cast

from kvmctl.fields import UNSET, Model, changed, known
from kvmctl.models.disk import Disk
from kvmctl.models.vm import VirtualMachine

if TYPE_CHECKING:
    from kvmctl.usage import Disks

M = TypeVar("M", bound=Model)


def named(spec: M, disks: Disks) -> M:
    """Return the spec with the names of Disks in place of the paths and formats that follow from them."""
    if isinstance(spec, VirtualMachine) and spec.disks:
        return cast("M", changed(spec, disks=tuple(_device(device, disks) for device in spec.disks)))
    if isinstance(spec, Disk) and spec.backing:
        return cast("M", changed(spec, backing=_backing(spec.backing, disks)))
    return spec


def _device(device: Any, disks: Disks) -> Any:
    path = known(device.file) or known(device.block)
    address = disks.by_path.get(path) if isinstance(path, str) else None
    if address is None:
        return device
    spare_format = {"format": UNSET} if disks.formats.get(address) == known(device.format) else {}
    return changed(device, disk=address.name, file=UNSET, block=UNSET, **spare_format)


def _backing(backing: Any, disks: Disks) -> Any:
    address = disks.by_path.get(known(backing.path) or "")
    return backing if address is None else changed(backing, disk=address.name, path=UNSET, format=UNSET)
