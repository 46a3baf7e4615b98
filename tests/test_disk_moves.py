"""Disks that get another image while no guest runs on them: converted beside the original, compared, switched."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

MIB = 1024 * 1024
FOLDER = "/var/lib/libvirt/images"
POOLS = {"pool/p": f"type: dir, path: {FOLDER}/p", "pool/q": f"type: dir, path: {FOLDER}/q"}
MACHINE = {"vm/web": "type: qemu, memory: 64MiB, disks: [{target: vda, disk: root, bus: virtio}]"}


def files(sandbox: Any, pool: str = "p") -> list[str]:
    return sorted(path.name for path in sandbox.outside(f"{FOLDER}/{pool}").iterdir())


def image_of(conn: Any, name: str = "web") -> tuple[str | None, str | None]:
    """Return path and format of the disk in a machine's definition."""
    import libvirt

    root = ET.fromstring(conn.lookupByName(name).XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE))
    return root.find("devices/disk/source").get("file"), root.find("devices/disk/driver").get("type")  # type: ignore[union-attr]


def filled(path: Path, image_format: str, place: int = MIB) -> None:
    """Write something that can be told from anything else into an image."""
    command = ["qemu-io", "-f", image_format, "-c", f"write -P 0x{os.urandom(1).hex()} {place} 2M", str(path)]
    subprocess.run(command, check=True, capture_output=True)


def content(path: Path, image_format: str, folder: Path) -> bytes:
    """Return what a guest sees of an image, and of those below it."""
    raw = folder / "seen.raw"
    # An overlay names what is below it by the paths of the sandbox.
    subprocess.run(["qemu-img", "convert", "-U", "-f", image_format, "-O", "raw", path, raw], check=True)
    return raw.read_bytes()


def info(path: Path) -> dict[str, Any]:
    told = subprocess.run(["qemu-img", "info", "-U", "--output=json", path], check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(told.stdout)
    return found


def operations(plan: Any) -> list[tuple[str, str, str]]:
    return [(each["address"], each["operation"], each["disruption"]) for each in plan["actions"]]


@pytest.mark.parametrize("machine", [{}, MACHINE], ids=["unused", "stopped"])
def test_the_format_changes_and_the_old_image_is_kept(
    kvmctl: Any, conn: Any, sandbox: Any, tmp_path: Path, machine: dict[str, str]
) -> None:
    kvmctl.apply({**POOLS, "disk/root": "pool: p, format: raw, size: 16MiB", **machine})
    filled(sandbox.outside(f"{FOLDER}/p/root"), "raw")
    before = sandbox.outside(f"{FOLDER}/p/root").read_bytes()
    wanted = {**POOLS, "disk/root": "pool: p, format: qcow2, size: 16MiB", **machine}
    plan = kvmctl.json("plan", specs=wanted)
    assert operations(plan) == [("disk/root", "convert", "none")]
    assert f"keeps the old image as {FOLDER}/p/root.old-raw" in plan["actions"][0]["note"]
    kvmctl.apply(wanted)
    assert files(sandbox) == ["root", "root.old-raw"]
    assert sandbox.outside(f"{FOLDER}/p/root.old-raw").read_bytes() == before
    assert content(sandbox.outside(f"{FOLDER}/p/root"), "qcow2", tmp_path) == before
    assert info(sandbox.outside(f"{FOLDER}/p/root"))["format"] == "qcow2"
    if machine:
        assert image_of(conn) == (f"{FOLDER}/p/root", "qcow2")


def test_the_old_image_goes_last_where_losing_data_is_allowed(kvmctl: Any, sandbox: Any) -> None:
    kvmctl.apply({**POOLS, "disk/root": "pool: p, format: raw, size: 16MiB", **MACHINE})
    wanted = {**POOLS, "disk/root": "pool: p, format: qcow2, size: 32MiB", **MACHINE}
    plan = kvmctl.json("plan", "--allow-data-loss", specs=wanted)
    assert operations(plan) == [
        ("disk/root", "convert", "none"), ("disk/root", "resize", "none"), ("disk/root", "discard", "data-loss"),
    ]  # fmt: skip
    assert f"{FOLDER}/p/root.old-raw" in plan["actions"][2]["note"]
    kvmctl.apply(wanted, "--allow-data-loss")
    assert files(sandbox) == ["root"]
    assert info(sandbox.outside(f"{FOLDER}/p/root"))["virtual-size"] == 32 * MIB


def test_a_disk_moves_to_another_pool(kvmctl: Any, conn: Any, sandbox: Any, tmp_path: Path) -> None:
    kvmctl.apply({**POOLS, "disk/root": "pool: p, format: raw, size: 16MiB", **MACHINE})
    filled(sandbox.outside(f"{FOLDER}/p/root"), "raw")
    before = sandbox.outside(f"{FOLDER}/p/root").read_bytes()
    wanted = {**POOLS, "disk/root": "pool: q, format: qcow2, size: 16MiB", **MACHINE}
    plan = kvmctl.json("plan", specs=wanted)
    assert operations(plan) == [("disk/root", "move", "none")]
    assert {each["path"] for each in plan["actions"][0]["because"]} == {"spec.pool", "spec.format"}
    kvmctl.apply(wanted)
    assert (files(sandbox, "p"), files(sandbox, "q")) == (["root"], ["root"])
    assert sandbox.outside(f"{FOLDER}/p/root").read_bytes() == before
    assert content(sandbox.outside(f"{FOLDER}/q/root"), "qcow2", tmp_path) == before
    assert image_of(conn) == (f"{FOLDER}/q/root", "qcow2")


def chain(backing: str, **more: str) -> dict[str, str]:
    return {
        **POOLS, "disk/base": "pool: p, format: raw, size: 16MiB", "disk/other": "pool: p, format: qcow2, size: 16MiB",
        "disk/root": f"pool: p, format: qcow2, size: 16MiB, {backing}", **MACHINE, **more,
    }  # fmt: skip


def inside(sandbox: Any, name: str, image_format: str) -> str:
    """Return the sum of what a guest sees of an image, read inside the sandbox, where a chain's paths are right."""
    script = 'qemu-img convert -f "$1" -O raw "$2" /tmp/seen && sha256sum </tmp/seen && rm /tmp/seen'
    told = sandbox.run(["sh", "-ec", script, "sh", image_format, f"{FOLDER}/p/{name}"])
    assert told.returncode == 0, told.stderr
    return str(told.stdout)


def test_a_chain_is_put_on_another_base_and_made_flat(kvmctl: Any, sandbox: Any) -> None:
    kvmctl.apply(chain("backing: base"))
    filled(sandbox.outside(f"{FOLDER}/p/base"), "raw")
    filled(sandbox.outside(f"{FOLDER}/p/other"), "qcow2", 2 * MIB)
    sandbox.run(["qemu-io", "-f", "qcow2", "-c", "write -P 0x77 8M 1M", f"{FOLDER}/p/root"])
    before = inside(sandbox, "root", "qcow2")
    for backing, operation, below in (("backing: other", "rebase", "other"), ("backing: null", "flatten", None)):
        assert operations(kvmctl.json("plan", specs=chain(backing))) == [("disk/root", operation, "none")]
        kvmctl.apply(chain(backing))
        told = info(sandbox.outside(f"{FOLDER}/p/root"))
        assert told.get("backing-filename") == (f"{FOLDER}/p/{below}" if below else None)
        assert inside(sandbox, "root", "qcow2") == before
    assert files(sandbox) == ["base", "other", "root", "root.old-qcow2", "root.old-qcow2-2"]


@pytest.mark.parametrize(
    ("wanted", "reason", "way_out"),
    [
        ({"disk/base": "pool: p, format: qcow2, size: 16MiB"}, "/p/root stands on", "flatten it first"),
        ({"disk/root": "pool: p, format: raw, size: 16MiB"}, "raw holds no backing image", "backing: null"),
        (
            {"disk/root": "pool: q, format: qcow2, size: 16MiB, backing: other"},
            "another base is one change",
            "one after",
        ),
        ({"disk/root": "pool: p, format: vmdk, size: 16MiB, backing: null"}, "can't be made vmdk here", "qcow2"),
        ({"disk/root": "pool: p, format: qcow2, size: 8MiB, backing: base"}, "never shrunk", "16MiB"),
    ],
)
def test_what_would_lose_something_is_refused(
    kvmctl: Any, sandbox: Any, wanted: dict[str, str], reason: str, way_out: str
) -> None:
    kvmctl.apply(chain("backing: base"))
    before = {path.name: path.read_bytes() for path in sandbox.outside(f"{FOLDER}/p").iterdir()}
    told = kvmctl.run("apply", "--yes", specs={**chain("backing: base"), **wanted}, code=3).stderr
    assert reason in told
    assert way_out in told
    assert {path.name: path.read_bytes() for path in sandbox.outside(f"{FOLDER}/p").iterdir()} == before


def test_a_machine_that_holds_on_to_the_old_image_is_in_the_way(kvmctl: Any, sandbox: Any) -> None:
    before = {**POOLS, "disk/root": "pool: p, format: raw, size: 16MiB", **MACHINE}
    kvmctl.apply(before)
    wanted = {**before, "disk/root": "pool: p, format: qcow2, size: 16MiB"}
    stated = {**wanted, "vm/web": MACHINE["vm/web"].replace("disk: root,", "disk: root, format: raw,")}
    assert "vm/web states format: raw" in kvmctl.run("apply", "--yes", specs=stated, code=3).stderr
    named = {**wanted, "vm/web": MACHINE["vm/web"].replace("disk: root,", f"file: {FOLDER}/p/root, format: raw,")}
    assert f"vm/web names {FOLDER}/p/root itself" in kvmctl.run("apply", "--yes", specs=named, code=3).stderr
    assert files(sandbox) == ["root"]


def test_an_image_that_holds_a_snapshot_stays_as_it_is_and_can_grow(kvmctl: Any, conn: Any, sandbox: Any) -> None:
    before = {**POOLS, "disk/root": "pool: p, format: qcow2, size: 16MiB", **MACHINE}
    kvmctl.apply(before)
    conn.lookupByName("web").snapshotCreateXML("<domainsnapshot><name>s</name></domainsnapshot>", 0)
    wanted = {**before, "disk/root": "pool: p, format: raw, size: 16MiB"}
    assert "has snapshots or checkpoints" in kvmctl.run("apply", "--yes", specs=wanted, code=3).stderr
    assert files(sandbox) == ["root"]
    kvmctl.apply({**before, "disk/root": "pool: p, format: qcow2, size: 32MiB"})
    told = info(sandbox.outside(f"{FOLDER}/p/root"))
    assert (told["virtual-size"], [each["name"] for each in told["snapshots"]]) == (32 * MIB, ["s"])


RUNNING = {"vm/web": f"{MACHINE['vm/web']}, powerState: Running"}
MAKE, CONVERT, RENAME, NAME = (f"apply.store.Store.{method}" for method in ("make", "convert", "rename", "also_call"))
DEFINE, COPY, PIVOT = (f"hypervisor.Hypervisor.{method}" for method in ("define_domain", "block_copy", "block_pivot"))
# Before which call of what the program dies; each is a step that the next apply has to go on from.
DEATHS = {
    "unused-converted": ({}, "p", [(CONVERT, 1), (NAME, 1), (RENAME, 1)]),
    "stopped-converted": (MACHINE, "p", [(CONVERT, 1), (DEFINE, 1), (NAME, 1), (NAME, 2), (DEFINE, 2)]),
    "stopped-moved": (MACHINE, "q", [(DEFINE, 1), (NAME, 1), (DEFINE, 2)]),
    "running-converted": (RUNNING, "p", [(PIVOT, 1), (NAME, 1), (MAKE, 2), (COPY, 2), (PIVOT, 2)]),
    "running-moved": (RUNNING, "q", [(MAKE, 2), (COPY, 1), (RENAME, 1), (PIVOT, 1)]),
}
DYING = """
import os, signal
from kvmctl.{module} import {owner} as owner
former, calls = owner.{method}, []
def dying(*given, **named):
    calls.append(1)
    if len(calls) == {number}:
        os.kill(os.getpid(), signal.SIGKILL)
    return former(*given, **named)
owner.{method} = dying
from kvmctl.cli import main
main()
"""


def die(kvmctl: Any, sandbox: Any, wanted: dict[str, str], place: str, number: int) -> None:
    """Apply until just before a call, where the program is killed."""
    head, _, method = place.rpartition(".")
    module, _, owner = head.rpartition(".")
    code = DYING.format(module=module, owner=owner, method=method, number=number)
    argv = kvmctl.argv("apply", "--yes", "-f", kvmctl.write(wanted))
    result = sandbox.run([*argv[:4], code, *argv[5:]], cwd=str(kvmctl.folder), timeout=120)
    assert result.returncode == -signal.SIGKILL, result.stdout + result.stderr


@pytest.mark.parametrize("kind", DEATHS)
def test_an_apply_that_dies_at_any_step_is_gone_on_with(
    kvmctl: Any, conn: Any, sandbox: Any, tmp_path: Path, kind: str
) -> None:
    """The machine's definition names a whole image after each death, and the next apply ends as it should."""
    machine, pool, steps = DEATHS[kind]
    kvmctl.apply({**POOLS, "disk/root": "pool: p, format: raw, size: 16MiB"})
    filled(sandbox.outside(f"{FOLDER}/p/root"), "raw")
    before = sandbox.outside(f"{FOLDER}/p/root").read_bytes()
    for step in steps:
        start_over(conn, sandbox, before)
        if machine:
            kvmctl.apply({**POOLS, "disk/root": "pool: p, format: raw, size: 16MiB", **machine})
        wanted = {**POOLS, "disk/root": f"pool: {pool}, format: qcow2, size: 16MiB", **machine}
        die(kvmctl, sandbox, wanted, *step)
        if machine:
            path, image_format = image_of(conn)
            assert content(sandbox.outside(path), str(image_format), tmp_path) == before, step
        kvmctl.apply(wanted)
        assert [name for name in (*files(sandbox, "p"), *files(sandbox, "q")) if "kvmctl" in name] == [], step
        if machine:
            assert image_of(conn) == (f"{FOLDER}/{pool}/root", "qcow2"), step
        assert content(sandbox.outside(f"{FOLDER}/{pool}/root"), "qcow2", tmp_path) == before, step


def start_over(conn: Any, sandbox: Any, held: bytes) -> None:
    """Leave of all machines and images only one image, unused, as it was in the beginning."""
    for domain in conn.listAllDomains():
        if domain.isActive():
            domain.destroy()
        domain.undefine()
    for pool in ("p", "q"):
        for path in sandbox.outside(f"{FOLDER}/{pool}").iterdir():
            path.unlink()
        sandbox.outside(f"{FOLDER}/p/root").write_bytes(held)
        conn.storagePoolLookupByName(pool).refresh()


@pytest.mark.parametrize("machine", [MACHINE, RUNNING], ids=["stopped", "running"])
def test_from_afar_libvirt_makes_the_copies(
    conn: Any, kvmctl: Any, sandbox: Any, tmp_path: Path, machine: dict[str, str]
) -> None:
    """Where the pools' folders aren't this machine's, all goes through libvirt's volumes."""
    from kvmctl.cli.app import run

    kvmctl.apply({**POOLS, "disk/root": "pool: p, format: raw, size: 16MiB", **machine})
    if machine == MACHINE:
        filled(sandbox.outside(f"{FOLDER}/p/root"), "raw")
    before = sandbox.outside(f"{FOLDER}/p/root").read_bytes()
    for disk, place, image_format in (("pool: p, format: qcow2", "p", "qcow2"), ("pool: q, format: raw", "q", "raw")):
        manifest = kvmctl.write({**POOLS, "disk/root": f"{disk}, size: 16MiB", **machine})
        for words, code in ((["apply", "--yes"], 0), (["plan", "--detailed-exitcode"], 0)):
            assert run([*words, "-c", sandbox.uri, "-f", manifest]) == code
        assert image_of(conn) == (f"{FOLDER}/{place}/root", image_format)
    assert sandbox.outside(f"{FOLDER}/p/root.old-raw").read_bytes() == before
    assert files(sandbox, "q") == ["root"]
    if machine == MACHINE:
        assert content(sandbox.outside(f"{FOLDER}/q/root"), "raw", tmp_path) == before
