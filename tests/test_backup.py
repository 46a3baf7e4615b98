"""Backups of machines, running and stopped: whole or not there, and what is brought back boots."""

from __future__ import annotations

import fcntl
import json
import random
import subprocess
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

POOL = "/var/lib/libvirt/images/p"
DIR = "/var/lib/libvirt/images/backups/web"
SPECS = {
    "pool/p": f"type: dir, path: {POOL}",
    "disk/root": "pool: p, format: qcow2, source: {path: tiny.qcow2, format: qcow2}",
}
MACHINE = (
    "type: qemu, powerState: Running, memory: 192MiB, vcpus: 1, os: {machine: q35, boot: [hd]}, "
    "disks: [{target: vda, disk: root, bus: virtio}], channels: [{name: org.qemu.guest_agent.0}]"
)

BIG = "head -c 3000000 /dev/urandom >/boot/big; sync"


def listed(kvmctl: Any, folder: str = DIR) -> list[dict[str, Any]]:
    """Return the backups of a folder, after all of its files were found to be what the index says."""
    return list(json.loads(kvmctl.run("backup", "list", folder, "--check", "-o", "json").stdout)["backups"])


def checkpoints(conn: Any, name: str = "web") -> list[str]:
    return sorted(each.getName() for each in conn.lookupByName(name).listAllCheckpoints())


@pytest.fixture
def web(kvmctl: Any, sandbox: Any, tiny_guest: Any, tmp_path: Path, guest_of: Callable[[str], Any]) -> Any:
    """A tiny guest that has booted from a qcow2 disk."""
    (tmp_path / "tiny.qcow2").symlink_to(tiny_guest.disk)
    sandbox.outside("/var/lib/libvirt/images/backups").mkdir()
    kvmctl.apply({**SPECS, "vm/web": MACHINE})
    guest = guest_of("web")
    guest.run("mount | grep -q ' /boot '")
    return guest


@pytest.mark.guest
def test_a_running_guest_is_backed_up_and_brought_back_under_another_name(
    kvmctl: Any, conn: Any, web: Any, guest_of: Callable[[str], Any]
) -> None:
    web.run(f"echo one >/boot/told; {BIG}")
    web.begin("while [ ! -e /run/stop ]; do date >>/boot/ticks; done; : >/run/stopped")
    kvmctl.run("backup", "vm/web", "--to", DIR)
    web.run(": >/run/stop; while [ ! -e /run/stopped ]; do sleep 0.1; done")
    web.run("echo two >/boot/told; head -c 3000000 /dev/zero | dd of=/boot/big conv=notrunc 2>/dev/null; sync")
    wanted = web.run("md5sum /boot/big /boot/told")
    conn.lookupByName("web").suspend()
    told = kvmctl.run("backup", "vm/web", "--to", DIR, "--incremental").stdout
    assert "incremental on 1  compared  vda" in told
    conn.lookupByName("web").resume()
    full, more = listed(kvmctl)
    assert [(each["kind"], each["base"], each["verified"]) for each in (full, more)] == [
        ("full", 0, "completed"),
        ("incremental", 1, "compared"),
    ]
    assert checkpoints(conn) == [more["checkpoint"]]
    web.run("echo three >/boot/told; sync")

    kvmctl.run("restore", DIR, "--as", "other", "--start")
    other = guest_of("other")
    assert other.run("md5sum /boot/big /boot/told") == wanted
    assert other.run("cat /boot/told") == "two"
    assert other.boots() == 2
    assert web.run("cat /boot/told") == "three"
    for name in ("other", "web"):
        conn.lookupByName(name).destroy()

    kvmctl.run("restore", DIR, "--as", "first", "--at", "1", "--start")
    assert guest_of("first").run("cat /boot/told") == "one"


PLAIN = "type: qemu, memory: 64MiB, vcpus: 1, os: {machine: q35}"
MIB = 1 << 20


@pytest.fixture
def plain(kvmctl: Any, sandbox: Any, tmp_path: Path) -> Callable[..., None]:
    """A function that makes a machine without a system, with two disks of 32 MiB of noise."""
    sandbox.outside("/var/lib/libvirt/images/backups").mkdir()

    def made(power: str, formats: tuple[str, str] = ("qcow2", "qcow2")) -> None:
        specs = {"pool/p": SPECS["pool/p"]}
        for name, image_format in zip(("a", "b"), formats, strict=True):
            (tmp_path / f"{name}.raw").write_bytes(random.Random(name).randbytes(32 * MIB))  # noqa: S311 - noise
            source = f"source: {{path: {name}.raw, format: raw}}"
            specs[f"disk/{name}.img"] = f"pool: p, format: {image_format}, {source}"
        disks = "disks: [{target: vda, disk: a.img, bus: virtio}, {target: vdb, disk: b.img, bus: virtio}]"
        kvmctl.apply({**specs, "vm/web": f"{PLAIN}, powerState: {power}, {disks}"})

    return made


def same(sandbox: Any, one: str, other: str) -> bool:
    """Say whether a guest sees the same in two qcow2 images of the pool."""
    paths = [str(sandbox.outside(f"{POOL}/{name}")) for name in (one, other)]
    command = ["qemu-img", "compare", "-U", "-f", "qcow2", "-F", "qcow2", *paths]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_a_stopped_machine_is_copied_compared_and_brought_back(
    kvmctl: Any, conn: Any, sandbox: Any, plain: Callable[..., None]
) -> None:
    plain("Off", ("qcow2", "raw"))
    uuid = conn.lookupByName("web").UUIDString()
    told = kvmctl.run("backup", "vm/web", "--to", DIR)
    assert "full  compared  vda 32MiB, vdb 32MiB" in told.stdout
    assert "no incremental backup can follow" in told.stderr
    said = kvmctl.run("backup", "vm/web", "--to", DIR, "--incremental", code=1).stderr
    assert "vm/web is off, and only a running QEMU tells what changed" in said

    original = sandbox.outside(f"{POOL}/b.img").read_bytes()
    sandbox.outside(f"{POOL}/b.img").write_bytes(bytes(32 * MIB))
    said = kvmctl.run("restore", DIR, code=3).stderr
    assert f"would replace the definition of vm/web, {POOL}/a.img, {POOL}/b.img and all that is in it" in said
    assert sandbox.outside(f"{POOL}/b.img").read_bytes() == bytes(32 * MIB)
    kvmctl.run("restore", DIR, "--allow-data-loss")
    assert sandbox.outside(f"{POOL}/b.img").read_bytes() == original

    conn.lookupByName("web").undefine()
    for name in ("a.img", "b.img"):
        sandbox.outside(f"{POOL}/{name}").unlink()
    assert kvmctl.run("restore", DIR).stdout.splitlines()[:2] == [f"{POOL}/a.img", f"{POOL}/b.img"]
    assert conn.lookupByName("web").UUIDString() == uuid
    assert sandbox.outside(f"{POOL}/b.img").read_bytes() == original
    conn.lookupByName("web").create()


def test_what_is_in_the_way_of_a_restore_is_named(kvmctl: Any, conn: Any, plain: Callable[..., None]) -> None:
    plain("Running")
    kvmctl.run("backup", "vm/web", "--to", DIR)
    assert "vm/web is there and runs; say --as NAME" in kvmctl.run("restore", DIR, "--allow-data-loss", code=3).stderr
    kvmctl.run("restore", DIR, "--as", "two")
    said = kvmctl.run("restore", DIR, "--as", "two", "--allow-data-loss", code=3).stderr
    assert "vm/two is there" in said
    conn.lookupByName("two").undefine()
    said = kvmctl.run("restore", DIR, "--as", "two", code=3).stderr
    assert f"would replace {POOL}/two-vda.img, {POOL}/two-vdb.img" in said
    assert "there is no backup 7 of vm/web; there are: 1" in kvmctl.run("restore", DIR, "--at", "7", code=1).stderr


def test_a_copy_shares_nothing_with_the_first_machine(
    kvmctl: Any, conn: Any, sandbox: Any, plain: Callable[..., None]
) -> None:
    plain("Running")
    kvmctl.run("backup", "vm/web", "--to", DIR, "--disk", "vdb")
    told = kvmctl.run("restore", DIR, "--as", "two")
    assert "vda is not in the backup: the machine is made without" in told.stderr
    root = ET.fromstring(conn.lookupByName("two").XMLDesc())
    assert [source.get("file") for source in root.iterfind("devices/disk/source")] == [f"{POOL}/two-vdb.img"]
    assert root.findtext("uuid") != conn.lookupByName("web").UUIDString()
    assert "urn:kvmctl:mark" not in conn.lookupByName("two").XMLDesc()
    assert same(sandbox, "two-vdb.img", "b.img")
    assert not same(sandbox, "two-vdb.img", "a.img")


def test_raw_disks_have_no_incremental_backup(kvmctl: Any, conn: Any, plain: Callable[..., None]) -> None:
    plain("Running", ("qcow2", "raw"))
    kvmctl.run("backup", "vm/web", "--to", DIR)
    assert checkpoints(conn) == []
    said = kvmctl.run("backup", "vm/web", "--to", DIR, "--incremental", code=1).stderr
    assert "backup 1 has no checkpoint: its machine was off, or has a disk that isn't qcow2" in said
    kvmctl.run("backup", "vm/web", "--to", f"{DIR}-a", "--disk", "vda")
    kvmctl.run("backup", "vm/web", "--to", f"{DIR}-a", "--incremental")
    assert [[disk["target"] for disk in each["disks"]] for each in listed(kvmctl, f"{DIR}-a")] == [["vda"], ["vda"]]


def test_what_cannot_be_backed_up_is_an_error(kvmctl: Any, sandbox: Any, plain: Callable[..., None]) -> None:
    plain("Running")
    for arguments, said in (
        (["--disk", "vdc"], "vm/web has no disk vdc to back up; it has: vda, vdb"),
        (["--incremental"], "has no backup that an incremental one could stand on; take a full one first"),
        (["-c", "qemu+ssh://elsewhere/system"], "the machine is on elsewhere, and its QEMU can't reach a folder"),
    ):
        assert said in kvmctl.run("backup", "vm/web", "--to", DIR, *arguments, code=1).stderr
    sandbox.outside(f"{POOL}/strange").mkdir()
    sandbox.outside(f"{POOL}/strange/file").touch()
    said = kvmctl.run("backup", "vm/web", "--to", f"{POOL}/strange", code=3).stderr
    assert "strange holds file and no backups" in said
    assert listed(kvmctl) == []


def test_the_checkpoint_must_be_there(kvmctl: Any, conn: Any, plain: Callable[..., None]) -> None:
    plain("Running")
    kvmctl.run("backup", "vm/web", "--to", DIR)
    (name,) = checkpoints(conn)
    conn.lookupByName("web").checkpointLookupByName(name).delete()
    said = kvmctl.run("backup", "vm/web", "--to", DIR, "--incremental", code=1).stderr
    assert f"checkpoint {name} of backup 1 is gone from the host; take a full one first" in said


def test_damage_is_found_before_it_is_used(kvmctl: Any, sandbox: Any, plain: Callable[..., None]) -> None:
    plain("Running")
    kvmctl.run("backup", "vm/web", "--to", DIR)
    kvmctl.run("backup", "vm/web", "--to", DIR, "--incremental")
    with sandbox.outside(f"{DIR}/0001/vda.qcow2").open("r+b") as image:
        image.seek(MIB)
        image.write(b"damaged")
    assert "0001/vda.qcow2 is damaged" in kvmctl.run("backup", "list", DIR, "--check", code=1).stderr
    assert "damaged or missing: 0001/vda.qcow2" in kvmctl.run("restore", DIR, "--as", "two", code=1).stderr
    assert not sandbox.outside(f"{POOL}/two-vda.img").exists()


def going_on(conn: Any) -> bool:
    """Say whether QEMU writes a backup at the moment."""
    import libvirt

    try:
        return bool(conn.lookupByName("web").backupGetXMLDesc())
    except libvirt.libvirtError:
        return False


MOMENTS: dict[str, Callable[[Any, Path], bool]] = {
    "its folder is made": lambda _conn, place: any(place.glob(".*.part")),
    "QEMU writes": lambda conn, _place: going_on(conn),
    "the checkpoint is there": lambda conn, _place: len(checkpoints(conn)) > 1,
    "the manifest is written": lambda _conn, place: any(place.glob(".*.part/manifest.yaml")),
}


def kill_at(kvmctl: Any, sandbox: Any, arguments: list[str], reached: Callable[[], bool]) -> None:
    """Begin a command and kill it with SIGKILL once a moment is reached."""
    argv = sandbox.inside_argv(kvmctl.argv(*arguments), cwd=str(kvmctl.folder))
    # In the namespace of processes nsenter would be the parent of what is to be killed.
    direct = [word for word in argv if word != "--pid"]
    with subprocess.Popen(
        direct, env=sandbox.inside_env(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        while not reached():
            assert process.poll() is None, "it ended before that moment"
        process.kill()


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_backup_leaves_nothing_that_the_next_one_trips_on(
    kvmctl: Any, conn: Any, sandbox: Any, plain: Callable[..., None], moment: str
) -> None:
    plain("Running")
    kvmctl.run("backup", "vm/web", "--to", DIR)
    place = sandbox.outside(DIR)
    kill_at(kvmctl, sandbox, ["backup", "vm/web", "--to", DIR], lambda: MOMENTS[moment](conn, place))
    assert [each["number"] for each in listed(kvmctl)] == [1]
    assert {oct(each.stat().st_mode & 0o777) for each in place.glob("0001/*")} == {"0o600"}
    kvmctl.run("backup", "vm/web", "--to", DIR, "--incremental")
    last = listed(kvmctl)[-1]
    assert (last["kind"], last["base"]) == ("incremental", 1)
    assert checkpoints(conn) == [last["checkpoint"]]
    assert sorted(each.name for each in place.iterdir()) == [".lock", "0001", "0002", "backup.json"]
    kvmctl.run("restore", DIR, "--as", "two")
    assert same(sandbox, "two-vda.img", "a.img")


def test_a_killed_restore_is_begun_anew(kvmctl: Any, sandbox: Any, plain: Callable[..., None]) -> None:
    plain("Running")
    kvmctl.run("backup", "vm/web", "--to", DIR)
    folder = sandbox.outside(POOL)
    for moment in (".two-vda.img.*", ".two-vda.img.kvmctl-restoring", ".two-vdb.img.*"):
        kill_at(kvmctl, sandbox, ["restore", DIR, "--as", "two"], lambda: any(folder.glob(moment)))  # noqa: B023
        # Its lock tells of a process outside the sandbox, of which nobody inside can see that it has ended.
        kvmctl.run("unlock", "--yes")
        assert "two-vda.img" not in {each.name for each in folder.iterdir()}
    kvmctl.run("restore", DIR, "--as", "two")
    assert sorted(each.name for each in folder.iterdir()) == ["a.img", "b.img", "two-vda.img", "two-vdb.img"]
    assert same(sandbox, "two-vdb.img", "b.img")


def test_a_backup_of_somebody_else_is_left_alone(
    kvmctl: Any, conn: Any, sandbox: Any, plain: Callable[..., None]
) -> None:
    plain("Running")
    scratch = "".join(
        f"<disk name='{target}' backup='yes' type='file'><scratch file='{POOL}/{target}.scratch'/></disk>"
        for target in ("vda", "vdb")
    )
    socket = f"<server transport='unix' socket='{POOL}/nbd'/>"
    conn.lookupByName("web").backupBegin(
        f"<domainbackup mode='pull'>{socket}<disks>{scratch}</disks></domainbackup>", None
    )
    said = kvmctl.run("backup", "vm/web", "--to", DIR, code=1).stderr
    assert "another backup of vm/web goes on, to a network; wait for it, or end it: virsh domjobabort web" in said
    assert going_on(conn)
    conn.lookupByName("web").abortJob()
    assert listed(kvmctl) == []
    with sandbox.outside(f"{DIR}/.lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        said = kvmctl.run("backup", "vm/web", "--to", DIR, code=3).stderr
        assert "another kvmctl is at work here" in said
    kvmctl.run("backup", "vm/web", "--to", DIR)
