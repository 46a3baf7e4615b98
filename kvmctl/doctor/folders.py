"""The folders of the active pools: whether they are there, QEMU may enter them, and they have room."""

from __future__ import annotations

import errno
import os
import pwd
import shutil
import stat
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from kvmctl.codec import format_size
from kvmctl.doctor.check import Check, Status
from kvmctl.models.pool import StoragePool
from kvmctl.xmlio import parse, read

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvmctl.doctor.patient import Patient

_WITH_FOLDER: Final = frozenset({"dir", "fs", "netfs"})
# Debian's and Fedora's user for the guests of qemu:///system (libvirt: docs/drvqemu, "POSIX users/groups").
_USERS: Final = ("libvirt-qemu", "qemu")
LEAST_FREE: Final = 0.05
"""The share of free room below which a pool's file system is short of it."""
_ACL: Final = "system.posix_acl_access"
_ACL_HEADER: Final = struct.calcsize("<I")
_ACL_ENTRY: Final = "<HHI"  # tag, permissions, id (linux/posix_acl_xattr.h)
_ACL_USER: Final = 0x02
_ACL_MASK: Final = 0x10
_ACL_EXECUTE: Final = 0x01


def folders(patient: Patient) -> Iterator[Check]:
    """Yield a check for each active pool that is a folder."""
    if patient.driver != "qemu":
        yield Check("folders", Status.SKIP, f"libvirt's {patient.driver} driver keeps no folders")
        return
    hypervisor = patient.hypervisor
    user = qemu_user(hypervisor.uri)
    asked = 0
    for entry in hypervisor.pools():
        pool = read(StoragePool, parse(hypervisor.pool_xml(entry)))
        if entry.active and pool.type in _WITH_FOLDER and pool.path:
            asked += 1
            yield judge(entry.name, str(pool.path), user)
    if not asked:
        yield Check("folders", Status.SKIP, "no active pool is a folder")


def qemu_user(uri: str) -> pwd.struct_passwd | None:
    """Return the user that guests run as by default; None where it is root."""
    if urlsplit(uri).path == "/session":
        return pwd.getpwuid(os.getuid())
    return next((entry for entry in pwd.getpwall() if entry.pw_name in _USERS), None)


def judge(pool: str, path: str, user: pwd.struct_passwd | None) -> Check:
    """Return what there is to say of an active pool's folder."""
    name = f"pool {pool}"
    try:
        shut = closed(path, user) if user else ""
        total, _, free = shutil.disk_usage(path)
    except FileNotFoundError:
        return Check(
            name, Status.FAIL, f"its folder {path} is missing", f"mkdir -p {path}, then virsh pool-refresh {pool}"
        )
    except PermissionError:
        return Check(name, Status.WARN, f"this user can't look at {path}", "run `kvmctl doctor` as root")
    room = f"{format_size(free)} of {format_size(total)} free at {path}"
    if shut and user:
        finding = f"guests run as {user.pw_name}, who may not enter {shut}"
        return Check(name, Status.FAIL, finding, f"chmod o+x {shut} (or setfacl -m u:{user.pw_name}:x {shut})")
    if free < LEAST_FREE * total:
        return Check(name, Status.WARN, f"only {room}", "free some room, or move disks to another pool")
    return Check(name, Status.OK, room)


def closed(path: str, user: pwd.struct_passwd) -> str:
    """Return the outermost folder on the way to `path` that a user may not enter, '' where there is none."""
    real = Path(path).resolve(strict=True)
    groups = frozenset(os.getgrouplist(user.pw_name, user.pw_gid))
    trail = (*reversed(real.parents), real)
    return next((str(folder) for folder in trail if not _may_enter(folder, user.pw_uid, groups)), "")


def _may_enter(folder: Path, uid: int, groups: frozenset[int]) -> bool:
    """Say whether the mode or an access list lets a user search a folder (path_resolution(7), acl(5))."""
    found = folder.stat()
    if uid in (0, found.st_uid):
        return uid == 0 or bool(found.st_mode & stat.S_IXUSR)
    listed = _listed(folder, uid)
    if listed is not None:
        return listed
    wanted = stat.S_IXGRP if found.st_gid in groups else stat.S_IXOTH
    return bool(found.st_mode & wanted)


def _listed(folder: Path, uid: int) -> bool | None:
    """Return what the folder's access list says of this very user, None where it says nothing."""
    try:
        raw = os.getxattr(folder, _ACL)
    except OSError as error:
        if error.errno in (errno.ENODATA, errno.EOPNOTSUPP):
            return None
        raise
    entries = list(struct.iter_unpack(_ACL_ENTRY, raw[_ACL_HEADER:]))
    mask = next((allowed for tag, allowed, _ in entries if tag == _ACL_MASK), _ACL_EXECUTE)
    own = [allowed for tag, allowed, whose in entries if tag == _ACL_USER and whose == uid]
    return bool(own[0] & mask & _ACL_EXECUTE) if own else None
