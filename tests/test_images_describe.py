"""What images.info says of real images, and how it refuses what is none."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from kvmctl import images
from kvmctl.images import tool
from kvmctl.images.formats import by_name

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MIB = 1 << 20
WRITABLE = [each.name for each in images.formats(writable=True)]


def qemu_img(*arguments: str | Path) -> None:
    subprocess.run(["qemu-img", *arguments], check=True, stdout=subprocess.DEVNULL)


@pytest.mark.parametrize("fmt", WRITABLE)
def test_info_tells_format_and_size(tmp_path: Path, fmt: str) -> None:
    made = images.create(tmp_path / "disk", fmt, 64 * MIB)
    assert made == images.info(tmp_path / "disk", fmt)
    assert (made.path, made.format, made.virtual_size) == (tmp_path / "disk", fmt, 64 * MIB)
    assert made.allocation == (tmp_path / "disk").stat().st_blocks * 512
    assert made.allocation < 4 * MIB
    assert (made.backing_file, made.data_file, made.extents, made.snapshots) == (None, None, (), 0)


@pytest.mark.parametrize("fmt", [name for name in WRITABLE if name != "raw"])
def test_unstated_format_is_guessed_and_sniffed(tmp_path: Path, fmt: str) -> None:
    images.create(tmp_path / "disk", fmt, 64 * MIB)
    assert images.info(tmp_path / "disk").format == fmt
    assert images.sniff(tmp_path / "disk") == fmt


def test_fixed_vhd_is_known_by_its_end(tmp_path: Path) -> None:
    qemu_img("create", "-f", "vpc", "-o", "subformat=fixed", tmp_path / "disk", "4M")
    assert images.sniff(tmp_path / "disk") == "vpc"


def test_info_tells_backing_cluster_and_snapshots(tmp_path: Path) -> None:
    images.create(tmp_path / "below", "raw", MIB)
    made = images.create(tmp_path / "above", "qcow2", backing=tmp_path / "below", backing_format="raw")
    assert (made.backing_file, made.backing_format) == (str(tmp_path / "below"), "raw")
    assert (made.virtual_size, made.cluster_size) == (MIB, 65536)
    qemu_img("snapshot", "-c", "one", tmp_path / "above")
    qemu_img("snapshot", "-c", "two", tmp_path / "above")
    assert images.info(tmp_path / "above", "qcow2").snapshots == 2


def test_info_tells_encryption(tmp_path: Path) -> None:
    secret = ("--object", "secret,id=s,data=word", "-o", "encrypt.format=aes,encrypt.key-secret=s")
    qemu_img("create", "-f", "qcow2", *secret, tmp_path / "disk", "1M")
    assert images.info(tmp_path / "disk", "qcow2").encrypted


def test_image_in_use_is_read(tmp_path: Path) -> None:
    images.create(tmp_path / "disk", "qcow2", MIB)
    command = ["qemu-io", "-f", "qcow2", str(tmp_path / "disk")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        holder.stdin.write(b"write 0 512\n")
        holder.stdin.flush()
        assert b"wrote" in holder.stdout.readline()
        assert images.info(tmp_path / "disk", "qcow2").virtual_size == MIB
        holder.stdin.close()


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(images.ImageError) as caught:
        images.info(tmp_path / "none.raw")
    assert caught.value.message == f"{tmp_path}/none.raw: no such image"
    assert "the manifest's folder" in caught.value.hint


def test_empty_file(tmp_path: Path) -> None:
    (tmp_path / "disk").touch()
    with pytest.raises(images.ImageError, match="is empty, not an image"):
        images.info(tmp_path / "disk")


def test_folder_fifo_and_no_name(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(images.ImageError, match="is a folder, not an image"):
        images.info(tmp_path)
    with pytest.raises(images.ImageError, match="neither a file nor a block device"):
        images.info(tmp_path / "pipe")
    with pytest.raises(images.ImageError, match="is no file name"):
        images.info("a\0b")


@pytest.fixture
def nobody() -> Iterator[None]:
    """Take root's rights away, which reads everything."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(65534)
    yield
    os.seteuid(before)


def test_unreadable_file(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    (tmp_path / "disk").write_bytes(b"x")
    (tmp_path / "disk").chmod(0)
    request.getfixturevalue("nobody")
    with pytest.raises(images.ImageError, match="can't be read: Permission denied; check owner and mode"):
        images.info(tmp_path / "disk")


def test_wrong_format_names_the_right_one(tmp_path: Path) -> None:
    images.create(tmp_path / "disk", "vmdk", MIB)
    with pytest.raises(images.ImageError) as caught:
        images.info(tmp_path / "disk", "qcow2")
    assert "can't read it as qcow2: Could not open" in caught.value.message
    assert "Image is not in qcow2 format" in caught.value.message
    assert caught.value.hint == "the content looks like 'vmdk': write format: vmdk"


def test_text_is_no_image(tmp_path: Path) -> None:
    (tmp_path / "disk").write_text("404 Not Found")
    with pytest.raises(images.ImageError) as caught:
        images.info(tmp_path / "disk", "qcow2")
    assert "has no signature of qcow2" in caught.value.hint


def test_damaged_image(tmp_path: Path) -> None:
    images.create(tmp_path / "disk", "qcow2", MIB)
    with (tmp_path / "disk").open("r+b") as file:
        file.seek(20)
        file.write(b"\xff\xff\xff\xff")
    with pytest.raises(images.ImageError, match="damaged"):
        images.info(tmp_path / "disk", "qcow2")


def test_unknown_format_has_a_suggestion(tmp_path: Path) -> None:
    with pytest.raises(images.ImageError, match="unknown image format 'qcw2'; did you mean 'qcow2'"):
        images.info(tmp_path / "disk", "qcw2")
    with pytest.raises(images.ImageError, match="known formats: raw, qcow2"):
        by_name("#")


@pytest.mark.parametrize("name", ["nbd:disk", "json:{}", 'json:{"driver":"nbd"}', "-f", "a,b=c d", "file:x", "ü\n"])
def test_any_name_is_a_file_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    images.create(name, "qcow2", MIB)
    assert [each.name for each in tmp_path.iterdir()] == [name]
    assert images.info(name, "qcow2").path == tmp_path / name
    # A vmdk has its own name within, where a line break makes a description that nobody understands.
    to = "vdi" if "\n" in name else "vmdk"
    images.convert(name, f"{name}2", source_format="qcow2", target_format=to)
    assert images.verify_same(name, "qcow2", f"{name}2", to).same
    assert (tmp_path / f"{name}2").exists()


def test_missing_qemu_img_names_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images.create(tmp_path / "disk", "qcow2", MIB)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(images.ImageError, match="qemu-img is not installed; apt-get install qemu-utils"):
        images.info(tmp_path / "disk", "qcow2")


def test_memory_is_limited(tmp_path: Path) -> None:
    images.create(tmp_path / "disk", "raw", MIB)
    arguments = ["bench", "-c", "100000000", "-f", "raw", str(tmp_path / "disk")]
    ended = tool.run(arguments, memory=MIB)
    assert ended.code != 0
    assert ended.complaint


def test_time_is_limited(tmp_path: Path) -> None:
    images.create(tmp_path / "disk", "raw", MIB)
    with pytest.raises(images.ImageError, match=r"gave no answer within 0.1 s"):
        tool.run(["bench", "-c", "100000000", "-f", "raw", str(tmp_path / "disk")], seconds=0.1)
