"""Checksums that skip holes are those of the whole file; comparisons see what differs."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

import pytest

from kvmctl import images

if TYPE_CHECKING:
    from pathlib import Path

MIB = 1 << 20


def holed(path: Path, *, size: int, data: list[tuple[int, int]]) -> Path:
    with path.open("wb") as file:
        file.truncate(size)
        for place, length in data:
            file.seek(place)
            file.write(os.urandom(length))
    return path


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
@pytest.mark.parametrize(
    ("size", "data"),
    [
        (0, []),
        (1, []),
        (5 * MIB + 3, []),
        (3, [(0, 3)]),
        (9 * MIB + 1, [(0, 1), (4 * MIB + 5, 2 * MIB)]),
        (8 * MIB, [(6 * MIB, 2 * MIB)]),
        (8 * MIB, [(0, 8 * MIB)]),
    ],
)
def test_checksum_is_the_whole_files(tmp_path: Path, algorithm: str, size: int, data: list[tuple[int, int]]) -> None:
    path = holed(tmp_path / "a", size=size, data=data)
    heard: list[float] = []
    expected = hashlib.new(algorithm, path.read_bytes()).hexdigest()
    assert images.checksum(path, algorithm, heard.append) == expected
    assert heard == sorted(set(heard))
    assert heard[-1] == 100


def test_checksum_refuses(tmp_path: Path) -> None:
    with pytest.raises(images.ImageError, match="unknown checksum algorithm 'md5'; choose one of sha256, sha512"):
        images.checksum(tmp_path / "a", "md5")
    with pytest.raises(images.ImageError, match="no such image"):
        images.checksum(tmp_path / "a")


def test_file_cut_while_it_is_read(tmp_path: Path) -> None:
    path = holed(tmp_path / "a", size=8 * MIB, data=[(0, 8 * MIB)])
    with pytest.raises(images.ImageError, match="it was longer before"):
        images.checksum(path, progress=lambda _: os.truncate(path, MIB))


def test_comparison(tmp_path: Path) -> None:
    one = holed(tmp_path / "one", size=4 * MIB, data=[(MIB, MIB)])
    images.convert(one, tmp_path / "two", source_format="raw", target_format="qcow2", size=8 * MIB)
    same = images.verify_same(one, "raw", tmp_path / "two", "qcow2")
    assert (same.same, same.size_a, same.size_b, same.grown_by) == (True, 4 * MIB, 8 * MIB, 4 * MIB)
    assert "Images are identical." in same.detail


def test_difference(tmp_path: Path) -> None:
    one = holed(tmp_path / "one", size=4 * MIB, data=[(MIB, MIB)])
    other = holed(tmp_path / "other", size=4 * MIB, data=[(MIB, MIB)])
    different = images.verify_same(one, "raw", other, "raw")
    assert not different.same
    assert f"Content mismatch at offset {MIB}" in different.detail


def test_growth_that_is_not_zeros_is_a_difference(tmp_path: Path) -> None:
    one = holed(tmp_path / "one", size=MIB, data=[])
    other = holed(tmp_path / "other", size=2 * MIB, data=[(MIB, MIB)])
    assert not images.verify_same(one, "raw", other, "raw").same


def test_comparison_of_what_is_no_image(tmp_path: Path) -> None:
    one = holed(tmp_path / "one", size=MIB, data=[])
    with pytest.raises(images.ImageError, match="can't read it as qcow2"):
        images.verify_same(one, "raw", one, "qcow2")
