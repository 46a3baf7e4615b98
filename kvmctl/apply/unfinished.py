"""Disks that libvirt makes under their final name, and that may be left half: a mark tells until they are whole.

Copying one volume into another, libvirt writes to the final name from the start. When it fails it removes what it
began; when it is killed, nobody does. The mark is an empty volume, there before the copy begins and gone when it has
ended well: a disk beside its mark is taken for not existing, and made anew.
"""

from __future__ import annotations

import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from kvmctl.apply.volume import pool_type, volume_xml
from kvmctl.errors import HypervisorError
from kvmctl.fields import stating
from kvmctl.models.disk import Disk
from kvmctl.moving import UNFINISHED
from kvmctl.observe import users_of
from kvmctl.plan.creation import FOLDERS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvmctl.apply.context import Context

_PATIENCE: Final = 600.0
_LOOK_SECONDS: Final = 0.2


@contextmanager
def unfinished(context: Context, pool: str, name: str) -> Iterator[None]:
    """Mark a disk as not whole until the context ends well; where a pool is no folder there can be no such mark."""
    hypervisor, mark = context.hypervisor, name + UNFINISHED
    if pool_type(context, pool) not in FOLDERS:
        yield
        return
    if mark not in _names(context, pool):
        hypervisor.create_volume(pool, volume_xml(mark, stating(Disk, format="raw"), 0, pool_type(context, pool)))
    try:
        yield
    except HypervisorError:
        with suppress(HypervisorError):  # the first error is the one to tell
            if name not in _names(context, pool):
                hypervisor.delete_volume(pool, mark)
        raise
    hypervisor.delete_volume(pool, mark)


def settled(context: Context, pool: str) -> frozenset[str]:
    """Return the names of a pool's volumes, looked at anew; where a killed apply let libvirt copy, that ends first.

    libvirt refuses to look while it copies (libvirt 9.0), and goes on with a copy whose client is gone.
    """
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            context.hypervisor.refresh_pool(pool)
        except HypervisorError:
            is_copying = any(name.endswith(UNFINISHED) for name in _names(context, pool))
            if not is_copying or time.monotonic() > deadline:
                raise
            time.sleep(_LOOK_SECONDS)
            continue
        return _names(context, pool)


def start_over(context: Context, pool: str, name: str) -> None:
    """Delete the half of a disk that stands beside its mark, and then that, unless a machine uses it after all."""
    if name in _names(context, pool):
        path = context.hypervisor.volume_info(pool, name).path
        users = users_of(context.hypervisor, {path, f"{pool}/{name}"})
        if users:
            raise HypervisorError(
                f"disk/{name} may be half an image, for its making was interrupted, but vm/{users[0].machine} uses it",
                f"where it is whole, delete the mark: virsh vol-delete {name}{UNFINISHED} --pool {pool}",
            )
        context.hypervisor.delete_volume(pool, name)
    context.hypervisor.delete_volume(pool, name + UNFINISHED)


def _names(context: Context, pool: str) -> frozenset[str]:
    return frozenset(volume.name for volume in context.hypervisor.volumes(pool))
