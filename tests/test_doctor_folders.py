from __future__ import annotations

import os
import pwd
import shutil
import struct
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kvmctl.doctor import Status, folders

if TYPE_CHECKING:
    from collections.abc import Iterator


def nobody() -> pwd.struct_passwd:
    return pwd.getpwnam("nobody")


@pytest.fixture
def open_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder that everybody may enter; pytest's own are closed."""
    folder = Path("/tmp") / f"kvmctl-doctor-{os.getpid()}-{tmp_path_factory.getbasetemp().name}"  # noqa: S108 - world-searchable on purpose
    (folder / "inner").mkdir(parents=True)
    folder.chmod(0o755)
    (folder / "inner").chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def test_folders_that_guests_may_enter(open_folder: Path) -> None:
    assert folders.closed(str(open_folder / "inner"), nobody()) == ""
    assert folders.judge("x", str(open_folder / "inner"), nobody()).status is not Status.FAIL


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to make folders of others")
def test_folders_that_guests_may_not_enter(open_folder: Path) -> None:
    open_folder.chmod(0o700)
    found = folders.judge("x", str(open_folder / "inner"), nobody())
    assert found.status is Status.FAIL
    assert found.finding == f"guests run as nobody, who may not enter {open_folder}"
    assert found.remedy.startswith(f"chmod o+x {open_folder}")
    assert folders.judge("x", str(open_folder / "inner"), None).status is not Status.FAIL


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to make folders of others")
@pytest.mark.parametrize(
    ("mode", "owner", "group", "may"),
    [(0o711, 0, 0, True), (0o710, 0, 0, False), (0o100, "own", 0, True), (0o677, "own", 0, False),
     (0o710, 0, "own", True), (0o701, 0, "own", False)],
)  # fmt: skip
def test_modes_are_read_as_the_kernel_reads_them(
    open_folder: Path, mode: int, owner: int | str, group: int | str, may: bool
) -> None:
    user = nobody()
    uid = user.pw_uid if owner == "own" else int(owner)
    gid = user.pw_gid if group == "own" else int(group)
    os.chown(open_folder, uid, gid)
    open_folder.chmod(mode)
    result = subprocess.run(
        ["test", "-e", open_folder / "inner"], check=False, user=user.pw_uid, group=user.pw_gid, extra_groups=[]
    )
    assert (result.returncode == 0) is may, "the expectation itself is wrong"
    assert (folders.closed(str(open_folder / "inner"), user) == "") is may


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to make folders of others")
@pytest.mark.parametrize(("allowed", "mask", "may"), [(0o5, 0o7, True), (0o4, 0o7, False), (0o7, 0o4, False)])
def test_access_lists_are_read_as_the_kernel_reads_them(open_folder: Path, allowed: int, mask: int, may: bool) -> None:
    user = nobody()
    entries = [
        (1, 7, 2**32 - 1),
        (2, allowed, user.pw_uid),
        (4, 0, 2**32 - 1),
        (16, mask, 2**32 - 1),
        (32, 0, 2**32 - 1),
    ]
    raw = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)
    try:
        os.setxattr(open_folder, "system.posix_acl_access", raw)
    except OSError as error:
        pytest.skip(f"no access lists on this file system: {error}")
    result = subprocess.run(
        ["test", "-e", open_folder / "inner"], check=False, user=user.pw_uid, group=user.pw_gid, extra_groups=[]
    )
    assert (result.returncode == 0) is may, "the expectation itself is wrong"
    assert (folders.closed(str(open_folder / "inner"), user) == "") is may


def test_a_full_file_system(open_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "LEAST_FREE", 1.0)
    found = folders.judge("x", str(open_folder), None)
    assert found.status is Status.WARN
    assert found.finding.startswith("only ")


def test_who_runs_guests() -> None:
    session = folders.qemu_user("qemu:///session")
    assert session is not None
    assert session.pw_uid == os.getuid()
    system = folders.qemu_user("qemu:///system")
    assert system is None or system.pw_name in ("libvirt-qemu", "qemu")
