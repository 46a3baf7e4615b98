"""Images that a stranger built to do harm are refused, with the reason, before qemu-img reads them."""

from __future__ import annotations

import json
import os
import struct
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from kvmctl import images
from kvmctl.images import tool

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MIB = 1 << 20
SECRET = b"root:$6$of-this-host"


def qemu_img(*arguments: str | Path) -> None:
    subprocess.run(["qemu-img", *arguments], check=True, stdout=subprocess.DEVNULL)


def created(path: Path, fmt: str, *options: str) -> Path:
    qemu_img("create", "-f", fmt, *options, path, "64M")
    return path


def patched(path: Path, *changes: tuple[int, str, int]) -> Path:
    """Write numbers into a file's header: (offset, layout as of struct, value)."""
    with path.open("r+b") as file:
        for offset, layout, value in changes:
            file.seek(offset)
            file.write(struct.pack(layout, value))
    return path


def described(path: Path, text: str) -> Path:
    """Make a vmdk that is a description in text, and name the host's secret in it where it says SECRET."""
    secret = path.parent.parent / "elsewhere" / "secret"
    head = '# Disk DescriptorFile\nversion=1\nCID=11111111\nparentCID=ffffffff\ncreateType="monolithicFlat"\n'
    path.write_text(head + text.replace("SECRET", str(secret)))
    return path


def embedded(path: Path, old: bytes, new: bytes) -> Path:
    """Make a vmdk that carries its description within itself, and change that."""
    content = created(path, "vmdk").read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new + b" " * (len(old) - len(new))))
    return path


def extent(line: str) -> Callable[[Path], Path]:
    return lambda path: described(path, line)


def qcow2(*changes: tuple[int, str, int], options: tuple[str, ...] = ()) -> Callable[[Path], Path]:
    return lambda path: patched(created(path, "qcow2", *options), *changes)


def other(fmt: str, *changes: tuple[int, str, int]) -> Callable[[Path], Path]:
    return lambda path: patched(created(path, fmt), *changes)


def with_backing(fmt: str) -> Callable[[Path], Path]:
    def made(path: Path) -> Path:
        secret = path.parent.parent / "elsewhere" / "secret"
        qemu_img("create", "-f", fmt, "-b", secret, "-F", "raw", path, "1M")
        return path

    return made


def with_data_file(path: Path) -> Path:
    secret = path.parent.parent / "elsewhere" / "data"
    qemu_img("create", "-f", "qcow2", "-o", f"data_file={secret},data_file_raw=on", path, "1M")
    return path


def with_data_file_in_json(path: Path) -> Path:
    # As CVE-2024-4467 has it: the name is no path but a description that opens another protocol.
    name = b'json:{"driver":"nbd","server.type":"inet","server.host":"127.0.0.1"}'
    made = patched(created(path, "qcow2"), (72, ">Q", 1 << 2))
    header = struct.unpack(">I", made.read_bytes()[100:104])[0]
    extension = struct.pack(">II", 0x44415441, len(name)) + name.ljust(-(-len(name) // 8) * 8, b"\0") + b"\0" * 8
    with made.open("r+b") as file:
        file.seek(header)
        file.write(extension)
    return made


BAD: dict[str, tuple[str, Callable[[Path], Path], str]] = {
    "qcow2-backing": ("qcow2", with_backing("qcow2"), r"has a backing file, '.*elsewhere/secret'"),
    "qcow2-data-file": ("qcow2", with_data_file, r"keeps its data in another file, '.*elsewhere/data'"),
    "qcow2-data-file-json": ("qcow2", with_data_file_in_json, r"keeps its data in another file, 'json:\{"),
    "qcow2-data-file-unnamed": ("qcow2", qcow2((72, ">Q", 1 << 2)), r"keeps its data in another file, ''"),
    "qcow2-unknown-feature": ("qcow2", qcow2((72, ">Q", 1 << 9)), r"features that are not known \(bits 0x200\)"),
    "qcow2-corrupt": ("qcow2", qcow2((72, ">Q", 1 << 1)), "marked as corrupt"),
    "qcow2-version": ("qcow2", qcow2((4, ">I", 9)), "it is of version 9"),
    "qcow2-huge": ("qcow2", qcow2((24, ">Q", 1 << 60), (36, ">I", 1 << 31)), "a disk of 1152921504606846976 bytes"),
    "qcow2-size-without-tables": ("qcow2", qcow2((24, ">Q", 1 << 45)), r"its table of 1 entries can't hold the 35184"),
    "qcow2-clusters-small": ("qcow2", qcow2((20, ">I", 2)), r"clusters of 2\^2 bytes"),
    "qcow2-clusters-large": ("qcow2", qcow2((20, ">I", 63)), r"clusters of 2\^63 bytes"),
    "qcow2-counts": ("qcow2", qcow2((96, ">I", 60)), r"counts of 2\^60 bits"),
    "qcow2-l1-absurd": ("qcow2", qcow2((36, ">I", 1 << 30)), "its first-level table would have 8589934592 bytes"),
    "qcow2-l1-outside": ("qcow2", qcow2((40, ">Q", 1 << 50)), "its first-level table would end at byte 11258999068"),
    "qcow2-refcounts-absurd": ("qcow2", qcow2((56, ">I", 1 << 20)), "its table of reference counts would have 68719"),
    "qcow2-refcounts-outside": ("qcow2", qcow2((48, ">Q", 1 << 62)), "its table of reference counts would end at"),
    "qcow2-snapshots": ("qcow2", qcow2((60, ">I", 1 << 31)), "claims 2147483648 snapshots"),
    "qcow2-snapshots-outside": ("qcow2", qcow2((60, ">I", 9), (64, ">Q", 1 << 40)), "its table of snapshots would end"),
    "qcow2-cut": ("qcow2", lambda path: cut(qcow2()(path), 90), "ends within its header"),
    "qcow-backing": ("qcow", with_backing("qcow"), r"has a backing file, '.*elsewhere/secret'"),
    "qcow-clusters": ("qcow", other("qcow", (32, ">B", 60)), r"clusters of 2\^60 bytes"),
    "qed-backing": ("qed", with_backing("qed"), r"has a backing file, '.*elsewhere/secret'"),
    "qed-table": ("qed", other("qed", (8, "<I", 1 << 30)), "clusters of 65536 bytes are outside"),
    "vdi-table": ("vdi", other("vdi", (384, "<I", 1 << 31)), "its table of blocks would have 8589934592 bytes"),
    "vdi-huge": ("vdi", other("vdi", (368, "<Q", 1 << 62)), "its 64 blocks of 1048576 bytes can't hold"),
    "vdi-difference": ("vdi", other("vdi", (76, "<I", 4)), "it is of type 4"),
    "vpc-difference": ("vpc", other("vpc", (60, ">I", 4)), "holds only what differs from another image"),
    "vpc-table": ("vpc", other("vpc", (512 + 28, ">I", 1 << 30)), "its table of blocks would have 4294967296 bytes"),
    "vpc-table-outside": ("vpc", other("vpc", (512 + 16, ">Q", 1 << 50)), "its table of blocks would end at byte"),
    "parallels-table": ("parallels", other("parallels", (32, "<I", 1 << 31)), "its table of clusters would have 8589"),
    "parallels-nothing": ("parallels", other("parallels", (28, "<I", 0)), "its clusters are of no size"),
    "vmdk-absolute": ("vmdk", extent('RW 2048 FLAT "SECRET" 0\n'), "outside its folder"),
    "vmdk-upward": ("vmdk", extent('RW 1 FLAT "../elsewhere/secret" 0\n'), "outside its folder"),
    "vmdk-protocol": ("vmdk", extent('RW 1 FLAT "nbd:127.0.0.1:10809" 0\n'), "outside its folder"),
    "vmdk-broken-line": ("vmdk", extent('RW\n1\nFLAT "SECRET" 0\n'), "line that isn't understood"),
    "vmdk-sparse-extent": ("vmdk", extent('RW 1 SPARSE "here.vmdk"\n'), "files of type SPARSE"),
    "vmdk-parent": ("vmdk", extent('parentFileNameHint="SECRET"\n'), "has a backing file, '.*secret'"),
    "vmdk-parent-within": (
        "vmdk", lambda path: embedded(path, b"# The Disk Data Base", b"parentFileNameHint=/"), "has a backing file"),
    "vmdk-kind-within": (
        "vmdk", lambda path: embedded(path, b"monolithicSparse", b"monolithicFlat"), "files of type SPARSE"),
    "vmdk-no-sectors": ("vmdk", other("vmdk", (12, "<Q", 0)), "its 0 sectors in grains"),
    "vmdk-huge": ("vmdk", other("vmdk", (12, "<Q", 1 << 50)), "claims to be a disk of 576460752303423488 bytes"),
    "vmdk-grains": ("vmdk", other("vmdk", (20, "<Q", 1 << 40)), "grains of 1099511627776 are outside"),
    "vmdk-tables": ("vmdk", other("vmdk", (56, "<Q", 1 << 40)), "its directory of grains would end at byte"),
    "vmdk-description-elsewhere": ("vmdk", other("vmdk", (28, "<Q", 7)), "Wrong descriptor location|isn't understood"),
    "vmdk-old": ("vmdk", lambda path: written(path, b"COWD" + bytes(600)), "from before 2004"),
    "vmdk-any-text": ("vmdk", lambda path: written(path, SECRET * 40), "line that isn't understood"),
}  # fmt: skip


def cut(path: Path, size: int) -> Path:
    os.truncate(path, size)
    return path


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """Return a folder for an image, beside one with a file that no image may reach."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "secret").write_bytes(SECRET.ljust(MIB, b"\0"))
    (tmp_path / "here").mkdir()
    return tmp_path / "here"


@pytest.mark.parametrize("name", BAD)
def test_hostile_image_is_refused_before_qemu_img_reads_it(
    here: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    fmt, make, reason = BAD[name]
    image = make(here / "disk")
    monkeypatch.setenv("PATH", str(here))  # there is no qemu-img, so that calling it would be the error
    with pytest.raises(images.ImageError, match=reason) as caught:
        images.convert(image, here / "result", source_format=fmt, target_format="raw")
    assert caught.value.message.startswith(str(image))
    assert caught.value.hint
    assert [each.name for each in here.iterdir()] == ["disk"]


def test_hostile_vhdx_is_refused(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = created(here / "disk", "vhdx")
    size = struct.pack("<Q", 64 * MIB)
    content = image.read_bytes()
    assert size in content
    image.write_bytes(content.replace(size, struct.pack("<Q", 1 << 60)))
    monkeypatch.setenv("PATH", str(here))
    with pytest.raises(images.ImageError, match="claims to be a disk of 1152921504606846976 bytes"):
        images.inspect(image, "vhdx")


@pytest.mark.parametrize(
    ("fmt", "options"),
    [
        *((each.name, ()) for each in images.formats(writable=True)),
        ("qcow2", ("-o", "extended_l2=on,cluster_size=128k")),
        ("qcow2", ("-o", "compat=0.10")),
        ("qcow2", ("-o", "cluster_size=512")),
        ("qcow2", ("-o", "cluster_size=2M,preallocation=metadata,lazy_refcounts=on")),
        ("vmdk", ("-o", "subformat=streamOptimized")),
        ("vmdk", ("-o", "subformat=monolithicFlat")),
        ("vdi", ("-o", "static=on")),
        ("vpc", ("-o", "subformat=fixed")),
        ("vhdx", ("-o", "subformat=fixed")),
    ],
)
def test_honest_image_passes(here: Path, fmt: str, options: tuple[str, ...]) -> None:
    image = created(here / "disk", fmt, *options)
    images.inspect(image, fmt)
    found = images.convert(image, here / "result", source_format=fmt, target_format="raw")
    assert 64 * MIB <= found.virtual_size < 65 * MIB


def test_vmdk_whose_tables_are_said_to_be_at_its_end_is_read_to_there(here: Path) -> None:
    image = patched(created(here / "disk", "vmdk"), (56, "<Q", (1 << 64) - 1))
    with pytest.raises(images.ImageError, match="Header and footer signature do not match"):
        images.inspect(image, "vmdk")


def test_info_reads_no_data_file_and_no_foreign_extent(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = with_data_file(here / "disk")
    monkeypatch.setenv("PATH", str(here))
    with pytest.raises(images.ImageError, match="keeps its data in another file"):
        images.info(image)
    vmdk = described(here / "disk.vmdk", 'RW 2048 FLAT "SECRET" 0\n')
    with pytest.raises(images.ImageError, match="outside its folder"):
        images.info(vmdk)


def test_conversion_that_stands_still_is_stopped(here: Path) -> None:
    image = created(here / "disk", "raw")
    with pytest.raises(images.ImageError, match=r"got no further for 0\.1 s, and was stopped"):
        tool.follow(["bench", "-c", "100000000", "-f", "raw", str(image)], lambda _percent: None, stalled=0.1)


def test_plan_names_the_field_of_a_hostile_source(kvmctl: Any, here: Path) -> None:
    with_backing("qcow2")(here / "evil.qcow2")
    specs = {
        "pool/default": "type: dir, path: /var/lib/libvirt/images",
        "disk/a": "pool: default, format: qcow2, source: {path: here/evil.qcow2, format: qcow2}",
    }
    told = kvmctl.run("plan", "-o", "json", specs=specs, code=1)
    [problem] = json.loads(told.stdout)["problems"]
    assert problem["field"] == "spec.source.path"
    assert "has a backing file" in problem["message"]


def test_format_is_stated_by_the_name_or_the_user_and_never_by_the_content(kvmctl: Any, tmp_path: Path) -> None:
    created(tmp_path / "a.img", "qcow2")
    told = kvmctl.run("image", "convert", "a.img", "b.raw", code=1).stderr
    assert "does not state its format; if it is what it seems: --from qcow2" in told
    (tmp_path / "guest.raw").write_bytes((tmp_path / "a.img").read_bytes())
    kvmctl.run("image", "convert", "guest.raw", "c.raw")
    # A raw image is a whole number of sectors.
    assert (tmp_path / "c.raw").read_bytes().rstrip(b"\0") == (tmp_path / "a.img").read_bytes().rstrip(b"\0")
