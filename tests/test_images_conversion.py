"""Conversions by real qemu-img: same content, still sparse, whole or not there at all."""

from __future__ import annotations

import os
import random
import shlex
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from kvmctl import images
from kvmctl.images import ConvertOptions

if TYPE_CHECKING:
    from pathlib import Path

MIB = 1 << 20
WRITABLE = [each.name for each in images.formats(writable=True)]


def allocated(path: Path) -> int:
    return path.stat().st_blocks * 512


def to_qcow2(source: Path, target: Path, *, overwrite: bool = False, size: int | None = None) -> images.ImageInfo:
    return images.convert(source, target, source_format="raw", target_format="qcow2", overwrite=overwrite, size=size)


@pytest.fixture(scope="session")
def sparse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a raw image of 256 MiB that holds 16 MiB of data in 16 places."""
    path = tmp_path_factory.mktemp("images") / "sparse.raw"
    noise = random.Random(1)  # noqa: S311 - the same bytes each time, not secret ones
    with path.open("wb") as file:
        file.truncate(256 * MIB)
        for place in range(16):
            file.seek(place * 16 * MIB)
            file.write(noise.randbytes(MIB))
    return path


@pytest.mark.parametrize("fmt", WRITABLE)
def test_round_trip_keeps_content_and_holes(tmp_path: Path, sparse: Path, fmt: str) -> None:
    there = images.convert(sparse, tmp_path / "there", source_format="raw", target_format=fmt)
    back = images.convert(tmp_path / "there", tmp_path / "back", source_format=fmt, target_format="raw")
    assert there.virtual_size == back.virtual_size == 256 * MIB
    assert images.checksum(tmp_path / "back") == images.checksum(sparse)
    assert allocated(tmp_path / "back") <= 1.01 * allocated(sparse)
    assert images.verify_same(sparse, "raw", tmp_path / "there", fmt).same
    assert sorted(each.name for each in tmp_path.iterdir()) == ["back", "there"]


@pytest.mark.parametrize("fmt", WRITABLE)
def test_no_larger_than_qemu_img_makes_it(tmp_path: Path, sparse: Path, fmt: str) -> None:
    command = ["qemu-img", "convert", "-f", "raw", "-O", fmt, str(sparse), str(tmp_path / "plain")]
    subprocess.run(command, check=True)
    ours = images.convert(sparse, tmp_path / "ours", source_format="raw", target_format=fmt)
    assert ours.allocation <= 1.02 * allocated(tmp_path / "plain")


@pytest.mark.parametrize("fmt", WRITABLE)
def test_target_can_be_larger(tmp_path: Path, sparse: Path, fmt: str) -> None:
    grown = images.convert(sparse, tmp_path / "grown", source_format="raw", target_format=fmt, size=512 * MIB)
    assert grown.virtual_size == 512 * MIB
    assert grown.allocation <= 1.2 * allocated(sparse)
    compared = images.verify_same(sparse, "raw", tmp_path / "grown", fmt)
    assert (compared.same, compared.grown_by) == (True, 256 * MIB)


def test_smaller_target_is_refused(tmp_path: Path, sparse: Path) -> None:
    with pytest.raises(images.ImageError, match=f"holds {256 * MIB} bytes, .* of {MIB}; cutting a disk off"):
        to_qcow2(sparse, tmp_path / "a", size=MIB)
    assert not list(tmp_path.iterdir())


def test_progress_rises_to_one_hundred(tmp_path: Path, sparse: Path) -> None:
    heard: list[float] = []

    def hear(percent: float) -> None:
        assert (percent == 100) == (tmp_path / "a").exists()
        heard.append(percent)

    images.convert(sparse, tmp_path / "a", source_format="raw", target_format="qcow2", progress=hear)
    assert heard == sorted(set(heard))
    assert heard[0] == 0
    assert heard[-1] == 100
    assert len(heard) > 10


def test_existing_target_stays(tmp_path: Path, sparse: Path) -> None:
    (tmp_path / "a").write_bytes(b"precious")
    with pytest.raises(images.ImageError, match="a: exists already"):
        to_qcow2(sparse, tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == b"precious"
    assert to_qcow2(sparse, tmp_path / "a", overwrite=True).format == "qcow2"


def test_target_that_appears_meanwhile_stays(tmp_path: Path, sparse: Path) -> None:
    def appear(_: float) -> None:
        (tmp_path / "a").write_bytes(b"precious")

    with pytest.raises(images.ImageError, match="a: exists already"):
        images.convert(sparse, tmp_path / "a", source_format="raw", target_format="qcow2", progress=appear)
    assert (tmp_path / "a").read_bytes() == b"precious"
    assert [each.name for each in tmp_path.iterdir()] == ["a"]


def test_link_and_folder_are_never_overwritten(tmp_path: Path, sparse: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    (tmp_path / "folder").mkdir()
    for name in ("link", "folder"):
        with pytest.raises(images.ImageError, match="exists already"):
            to_qcow2(sparse, tmp_path / name)
        with pytest.raises(images.ImageError, match="isn't a plain file"):
            to_qcow2(sparse, tmp_path / name, overwrite=True)


def test_source_is_not_its_own_target(tmp_path: Path) -> None:
    images.create(tmp_path / "a", "raw", MIB)
    (tmp_path / "b").hardlink_to(tmp_path / "a")
    for name in ("a", "b"):
        with pytest.raises(images.ImageError, match="is both source and target"):
            to_qcow2(tmp_path / "a", tmp_path / name, overwrite=True)


def test_missing_folder_and_source(tmp_path: Path, sparse: Path) -> None:
    with pytest.raises(images.ImageError, match="its folder doesn't exist; make it: mkdir -p"):
        to_qcow2(sparse, tmp_path / "none" / "a")
    with pytest.raises(images.ImageError, match="no such image"):
        to_qcow2(tmp_path / "none", tmp_path / "a")


def test_permissions_are_no_wider_than_the_source(tmp_path: Path) -> None:
    images.create(tmp_path / "a", "raw", MIB)
    for mode, expected in ((0o600, 0o600), (0o444, 0o644), (0o640, 0o640)):
        (tmp_path / "a").chmod(mode)
        to_qcow2(tmp_path / "a", tmp_path / "b", overwrite=True)
        umask = os.umask(0o22)
        os.umask(umask)
        assert (tmp_path / "b").stat().st_mode & 0o777 == expected & ~umask | 0o600


def test_vmdk_names_itself_rightly(tmp_path: Path, sparse: Path) -> None:
    images.convert(sparse, tmp_path / "disk.vmdk", source_format="raw", target_format="vmdk")
    assert b'SPARSE "disk.vmdk"' in (tmp_path / "disk.vmdk").read_bytes()[:MIB]


@pytest.mark.parametrize(
    ("fmt", "options"),
    [
        ("qcow2", ConvertOptions(compress=True)),
        ("qcow2", ConvertOptions(compress=True, compression="zstd")),
        ("vmdk", ConvertOptions(compress=True)),
        ("qcow2", ConvertOptions(cluster_size=2 * MIB, preallocation="metadata", coroutines=16)),
        ("qcow2", ConvertOptions(preallocation="falloc", out_of_order=True)),
        ("raw", ConvertOptions(preallocation="full", target_cache="writeback", source_cache="none")),
        ("vhdx", ConvertOptions(cluster_size=MIB)),
        ("vpc", ConvertOptions(preallocation="metadata")),
        ("vdi", ConvertOptions(preallocation="metadata")),
    ],
)
def test_options_keep_the_content(tmp_path: Path, fmt: str, options: ConvertOptions) -> None:
    (tmp_path / "a").write_bytes(b"data" * MIB + bytes(8 * MIB))
    for size in (None, 32 * MIB):
        made = images.convert(
            tmp_path / "a",
            tmp_path / "b",
            source_format="raw",
            target_format=fmt,
            options=options,
            size=size,
            overwrite=True,
        )
        assert images.verify_same(tmp_path / "a", "raw", tmp_path / "b", fmt).same
        if options.compress:
            assert made.allocation < MIB
        if options.preallocation in {"falloc", "full"}:
            assert made.allocation >= made.virtual_size
        if options.cluster_size:
            assert made.cluster_size == options.cluster_size


@pytest.mark.parametrize(
    ("fmt", "changes", "message"),
    [
        ("raw", {"compress": True}, "'raw' can't be compressed; formats that can: qcow2, vmdk"),
        ("vmdk", {"compression": "zstd"}, "compression 'zstd' isn't known for 'vmdk'"),
        (
            "qcow2",
            {"compression": "lzma"},
            "compression 'lzma' isn't known for 'qcow2'; qcow2 has zlib and zstd",
        ),
        ("raw", {"cluster_size": 65536}, "format 'raw' has no cluster size"),
        (
            "raw",
            {"preallocation": "metadata"},
            "preallocation 'metadata' isn't known for 'raw'; choose one of off,",
        ),
        ("raw", {"target_cache": "fast"}, "target cache 'fast' isn't known"),
        ("raw", {"coroutines": 17}, "17 coroutines are not between 1 and 16"),
        ("qcow2", {"compress": True, "out_of_order": True}, "compression excludes"),
        ("luks", {}, "format 'luks' can't be written; choose one of raw"),
    ],
)
def test_impossible_options(tmp_path: Path, fmt: str, changes: dict[str, object], message: str) -> None:
    images.create(tmp_path / "a", "raw", MIB)
    options = replace(ConvertOptions(), **changes)  # type: ignore[arg-type]
    with pytest.raises(images.ImageError) as caught:
        images.convert(tmp_path / "a", tmp_path / "b", source_format="raw", target_format=fmt, options=options)
    assert message in str(caught.value)


def test_equivalent_commands_do_the_same(tmp_path: Path, sparse: Path) -> None:
    source = tmp_path / "it's a source.raw"
    source.symlink_to(sparse)
    for size in (None, 300 * MIB):
        target = tmp_path / f"by hand {size}"
        commands = images.equivalent_convert(source, target, source_format="raw", target_format="qcow2", size=size)
        assert not target.exists()
        for command in commands:
            subprocess.run(["sh", "-c", command], check=True, stdout=subprocess.DEVNULL)
        assert images.info(target, "qcow2").virtual_size == (size or 256 * MIB)
        assert images.verify_same(source, "raw", target, "qcow2").same


def test_equivalent_text() -> None:
    assert images.equivalent_convert("/i/a b.raw", "/i/a.qcow2", source_format="raw", target_format="qcow2") == [
        "qemu-img convert -p -m 8 -f raw -O qcow2 '/i/a b.raw' /i/a.qcow2"
    ]
    assert images.equivalent_create("/i/a", "qcow2", backing="/i/b", backing_format="raw") == [
        "qemu-img create -q -f qcow2 -b /i/b -F raw /i/a"
    ]
    assert shlex.split(images.equivalent_create("/i/a", "vpc", MIB)[0])[-4:] == [
        "-o",
        "force_size=on",
        "/i/a",
        "1048576",
    ]


def test_create_refuses(tmp_path: Path) -> None:
    images.create(tmp_path / "a", "raw", MIB)
    with pytest.raises(images.ImageError, match="exists already"):
        images.create(tmp_path / "a", "raw", MIB)
    with pytest.raises(images.ImageError, match="neither size nor backing file"):
        images.create(tmp_path / "b", "raw")
    with pytest.raises(images.ImageError, match="has no stated format"):
        images.create(tmp_path / "b", "qcow2", backing=tmp_path / "a")
    with pytest.raises(images.ImageError, match=f"1024 bytes are fewer than the {MIB} of its backing file"):
        images.create(tmp_path / "b", "qcow2", 1024, backing=tmp_path / "a", backing_format="raw")
    with pytest.raises(images.ImageError, match=r"b: can't be made: qemu-img: .*/b: Unsupported VDI image size"):
        images.create(tmp_path / "b", "vdi", 1 << 60)
    assert [each.name for each in tmp_path.iterdir()] == ["a"]
