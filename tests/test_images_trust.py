"""Images that name other files are refused before anything is copied."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from kvmctl import images

if TYPE_CHECKING:
    from pathlib import Path

MIB = 1 << 20


def qemu_img(*arguments: str | Path) -> None:
    subprocess.run(["qemu-img", *arguments], check=True, stdout=subprocess.DEVNULL)


def convert(source: Path, source_format: str, *, allow_backing: bool = False) -> images.ImageInfo:
    return images.convert(
        source,
        source.with_name("result"),
        source_format=source_format,
        target_format="raw",
        allow_backing=allow_backing,
    )


def flat_vmdk(folder: Path, extent: Path | str) -> Path:
    qemu_img("create", "-f", "vmdk", "-o", "subformat=monolithicFlat", folder / "disk.vmdk", "1M")
    described = (folder / "disk.vmdk").read_text()
    assert '"disk-flat.vmdk"' in described
    (folder / "disk.vmdk").write_text(described.replace("disk-flat.vmdk", str(extent)))
    return folder / "disk.vmdk"


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "secret").write_bytes(b"s" * MIB)
    (tmp_path / "here").mkdir()
    return tmp_path / "elsewhere" / "secret"


@pytest.fixture
def here(tmp_path: Path, secret: Path) -> Path:
    assert secret.exists()
    return tmp_path / "here"


def test_backing_file_is_refused_unless_allowed(here: Path, secret: Path) -> None:
    qemu_img("create", "-f", "qcow2", "-b", secret, "-F", "raw", here / "disk")
    with pytest.raises(
        images.ImageError, match=r"has a backing file, '.*secret'.*image convert --allow-backing --from qcow2 disk"
    ):
        convert(here / "disk", "qcow2")
    assert not (here / "result").exists()
    convert(here / "disk", "qcow2", allow_backing=True)
    assert (here / "result").read_bytes() == secret.read_bytes()


def test_backing_file_that_would_be_probed_is_refused(here: Path, secret: Path) -> None:
    qemu_img("create", "-f", "qcow2", "-b", secret, "-F", "raw", here / "disk")
    stated = (here / "disk").read_bytes()
    # The header extension that holds the format gets a number that no reader knows (qcow2 specification).
    (here / "disk").write_bytes(stated.replace(b"\xe2\x79\x2a\xca", b"\x12\x34\x56\x78"))
    with pytest.raises(images.ImageError, match="doesn't state the format of its backing file"):
        convert(here / "disk", "qcow2", allow_backing=True)


def test_backing_file_json_is_only_named(here: Path) -> None:
    qemu_img("create", "-f", "qcow2", here / "disk", "1M")
    qemu_img(
        "rebase",
        "-u",
        "-f",
        "qcow2",
        "-b",
        'json:{"driver":"nbd","host":"127.0.0.1"}',
        "-F",
        "raw",
        here / "disk",
    )
    with pytest.raises(images.ImageError, match="has a backing file, 'json:"):
        convert(here / "disk", "qcow2")


def test_data_file_is_refused(here: Path) -> None:
    qemu_img("create", "-f", "qcow2", "-o", f"data_file={here}/data,data_file_raw=on", here / "disk", "1M")
    with pytest.raises(images.ImageError, match=r"keeps its data in another file, '.*data'"):
        convert(here / "disk", "qcow2", allow_backing=True)


def test_encrypted_image_is_refused(here: Path) -> None:
    secret = ("--object", "secret,id=s,data=word", "-o", "encrypt.format=aes,encrypt.key-secret=s")
    qemu_img("create", "-f", "qcow2", *secret, here / "disk", "1M")
    with pytest.raises(images.ImageError, match="is encrypted"):
        convert(here / "disk", "qcow2")


def test_vmdk_in_one_folder_is_accepted(here: Path) -> None:
    disk = flat_vmdk(here, "disk-flat.vmdk")
    (here / "disk-flat.vmdk").write_bytes(b"d" * MIB)
    assert images.info(disk, "vmdk").extents == (f"{here}/disk-flat.vmdk",)
    convert(disk, "vmdk")
    assert (here / "result").read_bytes() == b"d" * MIB


def test_vmdk_with_absolute_extent_is_refused(here: Path, secret: Path) -> None:
    with pytest.raises(images.ImageError, match=r"outside its folder, in '.*elsewhere/secret'"):
        convert(flat_vmdk(here, secret), "vmdk")


@pytest.mark.usefixtures("secret")
def test_vmdk_with_relative_escape_is_refused(here: Path) -> None:
    with pytest.raises(images.ImageError, match="outside its folder"):
        convert(flat_vmdk(here, "../elsewhere/secret"), "vmdk")


def test_vmdk_with_linked_extent_is_refused(here: Path, secret: Path) -> None:
    (here / "extent").symlink_to(secret)
    with pytest.raises(images.ImageError, match="outside its folder"):
        convert(flat_vmdk(here, "extent"), "vmdk")


def test_raw_stated_is_raw_whatever_it_holds(here: Path, secret: Path) -> None:
    # A guest wrote a qcow2 header with a backing file onto its raw disk.
    qemu_img("create", "-f", "qcow2", "-b", secret, "-F", "raw", here / "disk")
    content = (here / "disk").read_bytes()
    convert(here / "disk", "raw")
    assert (here / "result").read_bytes().rstrip(b"\0") == content.rstrip(b"\0")
    assert images.info(here / "disk", "raw").backing_file is None
