"""Disks filled from web servers, archives and volumes, on real libvirt; each download is one, however many want it."""

from __future__ import annotations

import gzip
import hashlib
import lzma
import random
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import zstandard

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Program, Web

MIB = 1 << 20
FOLDER = "/var/lib/libvirt/images/p"
POOL = {"pool/p": f"type: dir, path: {FOLDER}"}
CONTENT = random.Random(1).randbytes(MIB) + bytes(7 * MIB)  # noqa: S311 - the same in each process
SUM = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def program(kvmctl: Program, kept: Path) -> Program:
    """Return kvmctl with an empty place for downloads."""
    assert not kept.exists()
    return kvmctl


@pytest.fixture
def url(web_inside: Web) -> str:
    web_inside.files["/a.raw"], web_inside.etags["/a.raw"] = CONTENT, '"one"'
    return web_inside.url("/a.raw")


def names(sandbox: Any) -> list[str]:
    folder = sandbox.outside(FOLDER)
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def disk(source: str, more: str = "format: qcow2") -> str:
    return f"pool: p, {more}, source: {{{source}}}"


def on_a_secret(path: Path) -> None:
    """Make an image that has a secret of the host for its backing file."""
    subprocess.run(
        ["qemu-img", "create", "-q", "-f", "qcow2", "-b", "/etc/shadow", "-F", "raw", path, "1M"], check=True
    )


def holds(path: Path, image_format: str, content: bytes, folder: Path) -> bool:
    raw = folder / "as.raw"
    subprocess.run(["qemu-img", "convert", "-f", image_format, "-O", "raw", path, raw], check=True)
    return raw.read_bytes() == content


def test_url_becomes_a_disk_and_is_no_difference_later(
    program: Program, sandbox: Any, url: str, web_inside: Web, tmp_path: Path
) -> None:
    specs = {**POOL, "disk/a": disk(f"url: '{url}', format: raw, sha256: {SUM}")}
    assert "downloaded unless it is kept here already, and verified by its sha256" in program.apply(specs)
    assert holds(sandbox.outside(f"{FOLDER}/a"), "qcow2", CONTENT, tmp_path)
    assert names(sandbox) == ["a"]
    assert len(web_inside.asked) == 1
    program.apply({**specs, "disk/b": disk(f"url: '{url}', format: raw, sha256: {SUM}", "format: raw, size: 16MiB")})
    assert len(web_inside.asked) == 1
    other = {**POOL, "disk/a": disk(f"url: '{url}', format: raw, sha256: {SUM[::-1]}")}
    assert "never filled anew" in program.run("plan", specs=other).stdout


def test_ten_machines_on_one_base_fetch_convert_and_upload_it_once(
    program: Program, sandbox: Any, url: str, web_inside: Web
) -> None:
    base = {**POOL, "disk/base": disk(f"url: '{url}', format: raw, sha256: {SUM}")}
    overlays = {f"disk/d{n}": "pool: p, format: qcow2, backing: {disk: base}" for n in range(10)}
    machines = {
        f"vm/m{n}": f"type: qemu, memory: 64MiB, powerState: Off, disks: [{{target: vda, disk: d{n}, bus: virtio}}]"
        for n in range(10)
    }
    told = program.json("apply", "--yes", specs={**base, **overlays, **machines})
    assert len(web_inside.asked) == 1
    assert sum("qemu-img convert" in line for each in told["actions"] for line in each["equivalent"]) == 1
    assert names(sandbox) == sorted(["base", *(f"d{n}" for n in range(10))])
    assert all(sandbox.outside(f"{FOLDER}/d{n}").stat().st_blocks * 512 < MIB for n in range(10))


def test_ten_disks_with_one_url_fetch_it_once(program: Program, sandbox: Any, url: str, web_inside: Web) -> None:
    specs = {**POOL, **{f"disk/d{n}": disk(f"url: '{url}', format: raw, sha256: {SUM}") for n in range(10)}}
    program.apply(specs)
    assert len(web_inside.asked) == 1
    assert len(names(sandbox)) == 10


@pytest.mark.parametrize(
    ("ending", "pack"),
    [
        ("xz", lambda content: lzma.compress(content, preset=0)),
        ("gz", lambda content: gzip.compress(content, 1)),
        ("zst", lambda content: zstandard.ZstdCompressor().compress(content)),
    ],
)
def test_archive_is_unpacked_on_the_way(
    program: Program, sandbox: Any, web_inside: Web, ending: str, pack: Callable[[bytes], bytes]
) -> None:
    packed, tmp_path = pack(CONTENT), program.folder
    web_inside.files[f"/a.raw.{ending}"] = packed
    (tmp_path / "local").write_bytes(packed)
    sums = f"sha256: {hashlib.sha256(packed).hexdigest()}"
    remote = f"url: '{web_inside.url(f'/a.raw.{ending}')}', format: raw, {sums}"
    program.apply(
        {**POOL, "disk/a": disk(remote), "disk/b": disk(f"path: local, archive: {ending}, format: raw, {sums}")}
    )
    for name in ("a", "b"):
        assert holds(sandbox.outside(f"{FOLDER}/{name}"), "qcow2", CONTENT, tmp_path)


@pytest.mark.parametrize("listing", [f"{SUM}  a.raw\n", f"SHA256 (a.raw) = {SUM}\n"])
def test_list_of_checksums_beside_the_image(
    program: Program, sandbox: Any, url: str, web_inside: Web, listing: str
) -> None:
    web_inside.files["/SHA256SUMS"] = listing.encode()
    sums = web_inside.url("/SHA256SUMS")
    program.apply({**POOL, "disk/a": disk(f"url: '{url}', format: raw, checksums: '{sums}'")})
    assert names(sandbox) == ["a"]


def test_list_of_checksums_on_this_machine_and_what_it_refuses(program: Program, sandbox: Any, url: str) -> None:
    (program.folder / "SUMS").write_text(f"{SUM[::-1]}  a.raw\n")
    specs = {**POOL, "disk/a": disk(f"url: '{url}', format: raw, checksums: SUMS")}
    told = program.run("apply", "--yes", specs=specs, code=4)
    assert f"has sha256 {SUM}, not {SUM[::-1]}" in told.stdout + told.stderr
    assert names(sandbox) == []
    (program.folder / "SUMS").write_text(f"{SUM}  a.raw\n")
    program.apply(specs)
    assert names(sandbox) == ["a"]


def test_hostile_image_from_the_web_is_refused_when_it_is_there(
    program: Program, sandbox: Any, web_inside: Web, tmp_path: Path
) -> None:
    evil = tmp_path / "evil"
    subprocess.run(
        ["qemu-img", "create", "-q", "-f", "qcow2", "-b", "/etc/shadow", "-F", "raw", evil, "1M"], check=True
    )
    web_inside.files["/evil.qcow2"] = evil.read_bytes()
    specs = {**POOL, "disk/a": disk(f"url: '{web_inside.url('/evil.qcow2')}', format: qcow2")}
    told = program.run("apply", "--yes", specs=specs, code=4)
    assert "has a backing file, '/etc/shadow'" in told.stdout + told.stderr
    assert names(sandbox) == []


def test_source_that_is_larger_than_the_disk_is_refused_when_it_is_there(
    program: Program, sandbox: Any, url: str
) -> None:
    specs = {**POOL, "disk/a": disk(f"url: '{url}', format: raw, sha256: {SUM}", "format: qcow2, size: 1MiB")}
    told = program.run("apply", "--yes", specs=specs, code=4)
    assert "don't fit the wanted size of 1048576" in told.stdout + told.stderr
    assert names(sandbox) == []


@pytest.mark.parametrize("kind", ["zlib", "zstd"])
def test_image_is_packed_where_that_is_said(program: Program, sandbox: Any, tmp_path: Path, kind: str) -> None:
    (tmp_path / "a.raw").write_bytes(b"data" * MIB)
    specs = {**POOL, "disk/a": disk("path: a.raw, format: raw", f"format: qcow2, compression: {kind}")}
    assert "qemu-img convert -p -c" in program.run("plan", "-o", "commands", specs=specs).stdout
    program.apply(specs)
    made = sandbox.outside(f"{FOLDER}/a")
    assert holds(made, "qcow2", b"data" * MIB, tmp_path)
    assert made.stat().st_blocks * 512 < MIB


def test_packing_is_refused_where_libvirt_copies(program: Program, conn: Any, tmp_path: Path) -> None:
    (tmp_path / "a.raw").write_bytes(b"data" * MIB)
    specs = {**POOL, "disk/a": disk("path: a.raw, format: raw", "format: qcow2, compression: zstd")}
    argv = [*program.argv("apply", "--yes", "-c", program.box.uri, "-f", program.write(specs))]
    ended = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
    assert "pool/p is not a folder of this machine, and libvirt packs nothing" in ended.stdout
    assert conn.storagePoolLookupByName("p").listVolumes() == []


def test_volume_is_copied_whole_when_it_is_what_the_manifest_says(
    program: Program, conn: Any, sandbox: Any, tmp_path: Path
) -> None:
    program.apply(POOL)
    (sandbox.outside(FOLDER) / "golden.raw").write_bytes(CONTENT)
    source = "volume: {pool: p, name: golden.raw}, format: raw"
    told = program.apply({**POOL, "disk/a": disk(source, "format: qcow2, size: 16MiB")})
    assert "spec.source" in told
    assert holds(sandbox.outside(f"{FOLDER}/a"), "qcow2", CONTENT + bytes(8 * MIB), tmp_path)
    assert conn.storagePoolLookupByName("p").storageVolLookupByName("a").info()[1] == 16 * MIB
    # A guest writes a header that names a file of the host onto its raw disk; libvirt would believe it.
    golden = sandbox.outside(FOLDER) / "golden.raw"
    golden.unlink()
    subprocess.run(
        ["qemu-img", "create", "-q", "-f", "qcow2", "-b", "/etc/shadow", "-F", "raw", golden, "1M"], check=True
    )
    refused = program.run("apply", "--yes", specs={**POOL, "disk/b": disk(source)}, code=1)
    assert "libvirt takes p/golden.raw for qcow2, and spec.source.format is raw" in refused.stdout + refused.stderr
    specs = {**POOL, "disk/b": disk(source.replace("format: raw", "format: qcow2"))}
    refused = program.run("apply", "--yes", specs=specs, code=1)
    assert "p/golden.raw has a backing file, /etc/shadow" in refused.stdout + refused.stderr


def test_progress_tells_how_much_came_of_how_much(program: Program, url: str, web_inside: Web) -> None:
    specs = {**POOL, "disk/a": disk(f"url: '{url}', format: raw, sha256: {SUM}")}
    script = "import kvmctl.cli.progress as p; p.EVERY_SECONDS = 0.0; from kvmctl.cli import main; main()"
    command = [*program.argv()[:3], "-c", script, "apply", "--yes", "-f", program.write(specs)]
    told = program.box.run(command, cwd=str(program.folder), timeout=120).stderr
    assert "disk/a: create 100 %, downloading 8MiB of 8MiB" in told
    assert "disk/a: create 100 %, converting" in told
    assert len(web_inside.asked) == 1


def test_runbook_fetches_checks_unpacks_and_converts(program: Program) -> None:
    source = f"url: 'https://images.example/a.raw.xz', format: raw, sha256: {SUM}"
    told = program.run("plan", "-o", "commands", specs={**POOL, "disk/a": disk(source)}).stdout
    expected = [
        "curl -fL -C - -o /var/tmp/a.download https://images.example/a.raw.xz",
        f"echo '{SUM}  /var/tmp/a.download' | sha256sum -c",
        "xz -dc /var/tmp/a.download > /var/tmp/a.unpacked",
    ]
    places = [told.index(line) for line in expected]
    assert places == sorted(places)
