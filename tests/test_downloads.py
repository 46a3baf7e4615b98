"""Files from a web server on loopback: fetched once, gone on with, verified, unpacked, kept."""

from __future__ import annotations

import gzip
import hashlib
import lzma
import os
import random
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
import zstandard

from kvmctl.downloads import Cache, DownloadError, Sums, find_sum, packing, transfer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Web

MIB = 1 << 20
CONTENT = random.Random(1).randbytes(3 * MIB) + bytes(MIB)  # noqa: S311 - the same in each process: tests are named by its sum
SUM = hashlib.sha256(CONTENT).hexdigest()
SUM512 = hashlib.sha512(CONTENT).hexdigest()
FETCH = """
import sys
from kvmctl.downloads import Cache, Sums
told = lambda doing, done, total: print(doing, done, total, flush=True)
print(Cache().fetched(sys.argv[1], Sums(sys.argv[2]), told)[0])
"""


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "FIRST_PAUSE", 0.01)


@pytest.fixture
def cache(kept: Path) -> Cache:
    return Cache(kept)


@pytest.fixture
def image(web: Web) -> str:
    """Serve a file and return its URL."""
    web.files["/a.raw"], web.etags["/a.raw"] = CONTENT, '"one"'
    return web.url("/a.raw")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_fetched_once_and_kept_by_its_content(cache: Cache, web: Web, image: str) -> None:
    heard: list[tuple[str, int, int]] = []
    path, sums = cache.fetched(image, Sums(SUM), lambda *told: heard.append(told))
    assert (path.read_bytes(), path.name, sums.sha256) == (CONTENT, SUM, SUM)
    assert heard[-1] == ("downloading", 4 * MIB, 4 * MIB)
    assert [done for _, done, _ in heard] == sorted(done for _, done, _ in heard)
    assert path.stat().st_mode & 0o777 == 0o400
    assert names(cache.folder / "partial") == []
    assert cache.fetched(image, Sums(SUM))[0] == path
    assert cache.fetched(web.url("/elsewhere"), Sums(SUM))[0] == path
    assert len(web.asked) == 1


def test_without_a_sum_the_server_is_asked_for_another_version(cache: Cache, web: Web, image: str) -> None:
    first, _ = cache.fetched(image, Sums())
    assert cache.fetched(image, Sums())[0] == first
    assert web.answered == [200, 304]
    assert web.requests("/a.raw")[1]["if-none-match"] == '"one"'
    web.files["/a.raw"], web.etags["/a.raw"] = b"new", '"two"'
    second, sums = cache.fetched(image, Sums())
    assert second.read_bytes() == b"new"
    assert sums.sha256 == hashlib.sha256(b"new").hexdigest()
    assert first.read_bytes() == CONTENT


@pytest.mark.parametrize("wanted", [Sums(SUM[::-1]), Sums("", SUM512[::-1]), Sums(SUM, SUM512[::-1])])
def test_wrong_sum_leaves_nothing(cache: Cache, image: str, wanted: Sums) -> None:
    with pytest.raises(DownloadError, match=r"has sha(256|512) [0-9a-f]+, not [0-9a-f]+; nothing was made of it"):
        cache.fetched(image, wanted)
    assert names(cache.folder / "files") == names(cache.folder / "partial") == names(cache.folder / "urls") == []


def test_sha512_alone_is_enough_to_ask_nobody_again(cache: Cache, web: Web, image: str) -> None:
    cache.fetched(image, Sums("", SUM512))
    cache.fetched(image, Sums("", SUM512))
    cache.fetched(image, Sums(SUM, SUM512))
    assert len(web.asked) == 1


def test_kept_file_that_was_changed_is_fetched_anew(cache: Cache, web: Web, image: str) -> None:
    path, _ = cache.fetched(image, Sums(SUM))
    path.chmod(0o600)
    with path.open("r+b") as file:
        file.write(b"evil")
    assert cache.fetched(image, Sums(SUM))[0].read_bytes() == CONTENT
    assert len(web.asked) == 2


@pytest.mark.parametrize("cut", [1, 1000, MIB, 4 * MIB - 1])
def test_cut_connection_is_gone_on_with(cache: Cache, web: Web, image: str, cut: int) -> None:
    web.faults["/a.raw"] = [("cut", cut)]
    path, _ = cache.fetched(image, Sums(SUM))
    assert path.read_bytes() == CONTENT
    again = web.requests("/a.raw")[1]
    assert (again["range"], again["if-range"]) == (f"bytes={cut}-", '"one"')
    assert web.sent == 4 * MIB


def test_connection_that_is_cut_again_and_again_gets_there(cache: Cache, web: Web, image: str) -> None:
    web.faults["/a.raw"] = [("cut", 300_000)] * 13
    assert cache.fetched(image, Sums(SUM))[0].read_bytes() == CONTENT
    assert web.sent == 4 * MIB


def test_file_that_changes_meanwhile_is_fetched_whole(cache: Cache, web: Web, image: str) -> None:
    web.faults["/a.raw"] = [("cut", MIB)]
    old = web.files["/a.raw"]

    def change(sent: int) -> None:
        if sent >= MIB - (1 << 16):
            web.files["/a.raw"], web.etags["/a.raw"] = old[::-1], '"two"'

    web.gate = change
    path, _ = cache.fetched(image, Sums())
    assert path.read_bytes() == old[::-1]
    assert web.answered == [200, 200]


def test_server_without_versions_is_asked_for_the_rest_only_where_a_sum_tells(
    cache: Cache, web: Web, image: str
) -> None:
    del web.etags["/a.raw"]
    web.faults["/a.raw"] = [("cut", MIB)]
    assert cache.fetched(image, Sums(SUM))[0].read_bytes() == CONTENT
    assert "if-range" not in web.requests("/a.raw")[1]


def test_beginning_of_another_file_is_noticed_and_fetched_anew(cache: Cache, web: Web, image: str) -> None:
    del web.etags["/a.raw"]
    stop(cache, image, SUM, MIB)
    [partial] = [path for path in (cache.folder / "partial").iterdir() if path.suffix != ".json"]
    with partial.open("r+b") as file:
        file.write(b"other")
    assert cache.fetched(image, Sums(SUM))[0].read_bytes() == CONTENT


def test_whole_partial_file_is_only_checked(cache: Cache, web: Web, image: str) -> None:
    stop(cache, image, SUM, 4 * MIB)
    before = web.sent
    assert cache.fetched(image, Sums(SUM))[0].read_bytes() == CONTENT
    assert web.answered == [200, 416]
    assert web.sent == before


def stop(cache: Cache, url: str, sha256: str, at: int) -> None:
    """End a download after so many bytes."""

    def hear(_doing: str, done: int, _total: int) -> None:
        if done >= at:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cache.fetched(url, Sums(sha256), hear)


@pytest.mark.parametrize("moment", range(10))
def test_killed_download_is_gone_on_with(cache: Cache, kept: Path, web: Web, image: str, moment: int) -> None:
    at = moment * 4 * MIB // 10
    reached = threading.Event()

    def gate(sent: int) -> None:
        if sent >= at and not reached.is_set():
            reached.set()
            released.wait(30)

    released, web.gate = threading.Event(), gate
    environment = {**os.environ, "XDG_CACHE_HOME": str(kept.parent)}
    with subprocess.Popen(
        [sys.executable, "-c", FETCH, image, SUM], env=environment, stdout=subprocess.PIPE
    ) as fetching:
        assert reached.wait(30)
        fetching.kill()
    released.set()
    web.gate = lambda _sent: None
    assert names(cache.folder / "files") == []
    assert cache.fetched(image, Sums(SUM))[0].read_bytes() == CONTENT
    assert names(cache.folder / "partial") == []


def test_failures_of_the_server_pass(cache: Cache, web: Web, image: str) -> None:
    web.faults["/a.raw"] = [503, 500, 429]
    assert cache.fetched(image, Sums(SUM))[0].read_bytes() == CONTENT
    assert web.answered == [503, 500, 429, 200]


def test_server_that_is_never_there_is_given_up(cache: Cache, web: Web, image: str) -> None:
    web.faults["/a.raw"] = [503] * 20
    with pytest.raises(DownloadError, match=r"answered 503 Service Unavailable, 6 times; what was fetched is kept"):
        cache.fetched(image, Sums(SUM))
    web.close()
    with pytest.raises(DownloadError, match=r"there was no connection to it \(.*refused.*\), 6 times"):
        cache.fetched(image, Sums(SUM))


def test_missing_file_is_told_at_once(cache: Cache, web: Web) -> None:
    with pytest.raises(DownloadError, match=r"/none: 404 Not Found; check the address"):
        cache.fetched(web.url("/none"), Sums(SUM))
    assert len(web.asked) == 1


def test_redirects_are_followed_but_not_in_circles(cache: Cache, web: Web, image: str) -> None:
    web.redirects |= {"/latest": "/mirror", "/mirror": image, "/round": "/round"}
    assert cache.fetched(web.url("/latest"), Sums(SUM))[0].read_bytes() == CONTENT
    with pytest.raises(DownloadError, match=r"/round: .*redirects"):
        cache.fetched(web.url("/round"), Sums())


def test_from_https_nobody_leads_on_to_http() -> None:
    with pytest.raises(DownloadError, match="leads on to an address of http://"):
        transfer._refuse_downgrade("https://a.example/x", ["https", "http"])
    transfer._refuse_downgrade("http://a.example/x", ["http", "https"])


def test_proxy_of_the_environment_is_used(cache: Cache, web: Web, image: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert image
    monkeypatch.setenv("HTTP_PROXY", web.url(""))
    path, _ = cache.fetched("http://images.example/a.raw", Sums(SUM))
    assert path.read_bytes() == CONTENT
    assert web.asked[-1][0] == "http://images.example/a.raw"


def test_ten_at_once_are_one_download(cache: Cache, web: Web, image: str) -> None:
    web.gate = lambda sent: time.sleep(0.2) if not sent else None
    with ThreadPoolExecutor(10) as pool:
        found = {path for path, _ in pool.map(lambda _: cache.fetched(image, Sums(SUM)), range(10))}
    assert [path.name for path in found] == [SUM]
    assert len(web.asked) == 1


def test_other_processes_wait_too(cache: Cache, kept: Path, web: Web, image: str) -> None:
    assert cache.folder == kept
    environment = {**os.environ, "XDG_CACHE_HOME": str(kept.parent)}
    command = [sys.executable, "-c", FETCH, image, SUM]
    started = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    told = [process.communicate(timeout=60)[0].splitlines()[-1] for process in started]
    assert set(told) == {str(kept / "files" / SUM)}
    assert len(web.asked) == 1


def test_too_little_room_is_said_before_anything_is_fetched(cache: Cache, web: Web) -> None:
    class Endless(bytes):
        def __len__(self) -> int:
            return 1 << 62

    web.files["/huge"] = Endless(b"x")
    with pytest.raises(DownloadError, match=r"has \d+ MiB left, and 4398046511104 MiB are to come"):
        cache.fetched(web.url("/huge"), Sums(SUM))


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "xz": lambda content: lzma.compress(content, preset=0),
    "gz": lambda content: gzip.compress(content, 1),
    "zst": lambda content: zstandard.ZstdCompressor().compress(content),
}


@pytest.mark.parametrize("archive", PACKERS)
def test_archive_is_unpacked_once_with_holes(cache: Cache, tmp_path: Path, archive: str) -> None:
    packed = tmp_path / "packed"
    content = CONTENT + bytes(8 * MIB) + b"end"
    packed.write_bytes(PACKERS[archive](content))
    path = cache.unpacked(packed, "0" * 64, archive)
    assert path.read_bytes() == content
    assert path.stat().st_blocks * 512 < 4 * MIB
    packed.unlink()
    assert cache.unpacked(packed, "0" * 64, archive) == path
    assert names(cache.folder / "partial") == []


@pytest.mark.parametrize("archive", PACKERS)
def test_archive_of_several_streams(cache: Cache, tmp_path: Path, archive: str) -> None:
    packed = tmp_path / "packed"
    packed.write_bytes(PACKERS[archive](b"one ") + PACKERS[archive](b"") + PACKERS[archive](b"two"))
    assert cache.unpacked(packed, "0" * 64, archive).read_bytes() == b"one two"


@pytest.mark.parametrize("archive", PACKERS)
def test_damaged_archive_leaves_nothing(cache: Cache, tmp_path: Path, archive: str) -> None:
    packed = tmp_path / "packed"
    whole = PACKERS[archive](CONTENT)
    packed.write_bytes(whole[:-100])
    with pytest.raises(DownloadError, match="is cut off within the archive"):
        cache.unpacked(packed, "0" * 64, archive)
    packed.write_bytes(b"no archive at all" * 10)
    with pytest.raises(DownloadError, match=f"can't be unpacked as {archive}"):
        cache.unpacked(packed, "0" * 64, archive)
    assert names(cache.folder / "partial") == names(cache.folder / "unpacked") == []


@pytest.mark.parametrize("archive", PACKERS)
def test_bomb_is_stopped(cache: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, archive: str) -> None:
    monkeypatch.setattr(packing, "MOST_UNPACKED", 16 * MIB)
    packed = tmp_path / "packed"
    packed.write_bytes(PACKERS[archive](bytes(64 * MIB)))
    with pytest.raises(DownloadError, match="holds more than"):
        cache.unpacked(packed, "0" * 64, archive)
    assert names(cache.folder / "partial") == names(cache.folder / "unpacked") == []


LISTING = f"""-----BEGIN PGP SIGNED MESSAGE-----
{SUM} *other.raw
{"1" * 64}  images/web.qcow2
SHA512 (web.qcow2) = {"2" * 128}
SHA256 (bsd.img) = {"3" * 64}
"""


@pytest.mark.parametrize(
    ("listing", "name", "sums"),
    [
        (LISTING, "web.qcow2", Sums("1" * 64, "2" * 128)),
        (LISTING, "bsd.img", Sums("3" * 64)),
        (LISTING, "other.raw", Sums(SUM)),
        ("A" * 64 + "\n", "any.raw", Sums("a" * 64)),
        (f"{SUM}  a b.raw\r\n", "a b.raw", Sums(SUM)),
    ],
)
def test_lists_of_sums_are_read(listing: str, name: str, sums: Sums) -> None:
    assert find_sum(listing, name, "SUMS") == sums


@pytest.mark.parametrize(
    ("listing", "message"),
    [
        (LISTING, "SUMS: lists no sum for a.raw; it lists bsd.img, other.raw, web.qcow2"),
        ("<html>404</html>", "SUMS: lists no sum for a.raw; is it one"),
        (f"{'1' * 64}  a.raw\n{'2' * 64}  b/a.raw\n", "SUMS: lists different sums for a.raw"),
        (f"{'1' * 64}\n{'2' * 64}\n", "SUMS: lists no sum"),
        (f"{'1' * 63}  a.raw\n", "SUMS: lists no sum"),
    ],
)
def test_lists_without_the_sum_are_refused(listing: str, message: str) -> None:
    with pytest.raises(DownloadError, match=message):
        find_sum(listing, "a.raw", "SUMS")


def test_prune_spares_what_is_used(cache: Cache, web: Web, image: str) -> None:
    web.files["/b.raw"] = b"b"
    used, _ = cache.fetched(image, Sums(SUM))
    idle, _ = cache.fetched(web.url("/b.raw"), Sums())
    assert {(each.path, each.urls) for each in cache.kept()} == {(used, (image,)), (idle, (web.url("/b.raw"),))}
    assert cache.prune(time.time() - 3600) == []
    with cache.held(used):
        assert [each.path for each in cache.prune(time.time() + 1)] == [idle]
    assert [each.path for each in cache.prune(time.time() + 1)] == [used]
    assert cache.kept() == []


def test_unused_folder_needs_no_room(tmp_path: Path) -> None:
    assert Cache(tmp_path / "none").kept() == []
    (tmp_path / "file").touch()
    with pytest.raises(DownloadError, match="can't be made: Not a directory; set XDG_CACHE_HOME"):
        Cache(tmp_path / "file").fetched("http://127.0.0.1:1/a", Sums(SUM))


def told_by(kvmctl: Any, *words: str) -> str:
    result: str = kvmctl.run("image", *words).stdout
    return result


def test_list_and_prune_on_the_command_line(kvmctl: Any, cache: Cache, web: Web, image: str) -> None:
    assert told_by(kvmctl, "list") == f"0 files, 0B, in {cache.folder}\n"
    cache.fetched(image, Sums(SUM))
    assert f"{SUM[:12]} " in told_by(kvmctl, "list")
    assert image in told_by(kvmctl, "list")
    [told] = kvmctl.json("image", "list")["images"]
    assert (told["path"], told["urls"], told["whole"]) == (str(cache.folder / "files" / SUM), [image], True)
    assert told_by(kvmctl, "prune") == "0 files removed, 0B\n"
    assert "is not a duration" in kvmctl.run("image", "prune", "--unused-for", "soon", code=1).stderr
    assert "1 file removed" in told_by(kvmctl, "prune", "--all")
    assert cache.kept() == []
    assert len(web.asked) == 1
