"""One file over HTTP into a partial file: redirects, proxies, retries, and gone on with where it was cut.

Source: RFC 9110, sections 13 (If-Range, If-None-Match) and 14 (ranges); proxies come from HTTPS_PROXY, HTTP_PROXY and
NO_PROXY, as httpx reads them.
"""

from __future__ import annotations

import json
import os
import re
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from kvmctl.downloads.error import DownloadError
from kvmctl.downloads.sums import Hasher, Sums

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from kvmctl.downloads.hearing import Hear

ATTEMPTS: Final = 6
"""How often it is tried without getting a single byte further."""
FIRST_PAUSE: Final = 0.5
LONGEST_PAUSE: Final = 30.0
_PATIENCE: Final = 60.0
_CONNECTING: Final = 20.0
_PIECE: Final = 1 << 20
_AGAIN: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_OK, _PARTIAL, _UNCHANGED, _NO_SUCH_RANGE = 200, 206, 304, 416
_RANGE: Final = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")
_MOST_TEXT: Final = 4 << 20
_MOST_REDIRECTS: Final = 10


@dataclass(frozen=True, slots=True)
class Version:
    """Which version of a file a server has: its ETag and Last-Modified, '' where it says none."""

    etag: str = ""
    modified: str = ""

    @property
    def for_range(self) -> str:
        """What If-Range may hold: a strong ETag, else the date."""
        return self.etag if self.etag and not self.etag.startswith("W/") else self.modified

    def unless_changed(self) -> dict[str, str]:
        """Return the headers that ask for the file only if it is another version."""
        if self.etag:
            return {"If-None-Match": self.etag}
        return {"If-Modified-Since": self.modified} if self.modified else {}


class Partial:
    """A file that is not whole yet, and beside it which version of the URL's content it is the beginning of."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._note = path.with_suffix(".json")

    def begun(self) -> tuple[int, Version]:
        """Return how much is there, and of which version; nothing where that isn't known."""
        try:
            told = json.loads(self._note.read_text(encoding="utf-8"))
            return self.path.stat().st_size, Version(str(told["etag"]), str(told["modified"]))
        except (OSError, ValueError, KeyError, TypeError):
            return 0, Version()

    def begin(self, version: Version) -> None:
        """Start anew with a version."""
        self.remove()
        self._note.write_text(json.dumps({"etag": version.etag, "modified": version.modified}), encoding="utf-8")

    def remove(self) -> None:
        """Forget what is there."""
        self.path.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came of it: the version and the sums of the whole file; `sums` is None where it is what one had before."""

    version: Version
    sums: Sums | None


class Fetch:
    """The fetching of one URL into a partial file; a new one goes on with what a killed one left."""

    def __init__(self, url: str, partial: Partial, wanted: Sums, hear: Hear) -> None:
        self.url = url
        self.partial = partial
        self.hear = hear
        self.resumed = False
        self._wanted = wanted
        self._hasher = Hasher(wanted)
        self._done = 0
        self._version = Version()

    def run(self, known: Version) -> Fetched:
        """Return what came; of `known` is asked only whether there is another version by now."""
        self._go_on()
        failures = 0
        while True:
            before = self._done
            try:
                return self._attempt(known)
            except _Retry as retry:
                failures = failures + 1 if self._done <= before else 1
                if failures >= ATTEMPTS:
                    raise DownloadError(f"{self.url}: {retry.reason}, {ATTEMPTS} times", retry.hint) from retry
                self.hear(f"waiting, since {retry.reason}", self._done, 0)
                time.sleep(min(LONGEST_PAUSE, max(retry.pause, FIRST_PAUSE * 2 ** (failures - 1))))

    def _go_on(self) -> None:
        """Hash what is there already; what nobody can say the version of is fetched anew, unless a sum will tell."""
        size, self._version = self.partial.begun()
        if not size or not (self._version.for_range or self._wanted):
            self.partial.remove()
            return
        with self.partial.path.open("rb") as file:
            while piece := file.read(_PIECE):
                self._hasher.update(piece)
        self._done, self.resumed = size, True

    def _attempt(self, known: Version) -> Fetched:
        asked = {"Accept-Encoding": "identity"}
        if self._done:
            asked["Range"] = f"bytes={self._done}-"
            if self._version.for_range:
                asked["If-Range"] = self._version.for_range
        else:
            asked |= known.unless_changed()
        with _answer(self.url, asked) as answer:
            if answer.status_code == _UNCHANGED and not self._done:
                return Fetched(known, None)
            if answer.status_code == _NO_SUCH_RANGE:
                if answer.headers.get("content-range") == f"bytes */{self._done}":
                    return Fetched(self._version, self._hasher.sums())
                self._restart(Version())
                raise _Retry("the server has less than it had")
            total = self._placed(answer)
            _must_have_room(self.partial.path, total - self._done)
            self._receive(answer, total)
        return Fetched(self._version, self._hasher.sums())

    def _placed(self, answer: Any) -> int:
        """Take note of where what comes belongs; return how large the whole is, 0 where the server doesn't say."""
        version = Version(answer.headers.get("etag", ""), answer.headers.get("last-modified", ""))
        if answer.status_code == _PARTIAL:
            told = _RANGE.fullmatch(answer.headers.get("content-range", ""))
            if not told or int(told[1]) != self._done:
                self._restart(Version())
                raise _Retry("the server sent another part than the one it was asked for")
            return 0 if told[2] == "*" else int(told[2])
        if answer.status_code != _OK:
            raise DownloadError(f"{self.url}: {_told(answer)}", "check the address, and who may read it")
        self._restart(version)
        return int(answer.headers.get("content-length") or 0)

    def _restart(self, version: Version) -> None:
        self.partial.begin(version)
        self._version, self._done, self.resumed = version, 0, False
        self._hasher = Hasher(self._wanted)

    def _receive(self, answer: Any, total: int) -> None:
        with self.partial.path.open("ab") as file:
            for piece in _pieces(answer):
                file.write(piece)
                self._hasher.update(piece)
                self._done += len(piece)
                self.hear("downloading", self._done, total)
        if total and self._done < total:
            raise _Retry("the connection was cut")


class _Retry(Exception):  # noqa: N818 - not an error yet
    """That something may be over the next time; `pause` is how many seconds the server wants to be left alone."""

    def __init__(self, reason: str, pause: float = 0.0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.pause = pause
        self.hint = "what was fetched is kept: apply again to go on with it"


@contextmanager
def _answer(url: str, headers: Mapping[str, str]) -> Iterator[Any]:
    """Give the answer to a GET, its body unread; _Retry for what may pass, DownloadError for what won't."""
    import httpx

    limits = httpx.Timeout(_PATIENCE, connect=_CONNECTING)
    try:
        with (
            httpx.Client(follow_redirects=True, max_redirects=_MOST_REDIRECTS, timeout=limits) as client,
            client.stream("GET", url, headers=dict(headers)) as answer,
        ):
            if answer.status_code in _AGAIN:
                raise _Retry(
                    f"the server answered {_told(answer)}", _asked_pause(answer.headers.get("retry-after", ""))
                )
            _refuse_downgrade(url, [each.url.scheme for each in (*answer.history, answer)])
            yield answer
    except httpx.TransportError as error:
        if isinstance(error, httpx.UnsupportedProtocol):
            raise DownloadError(f"{url}: {error}", "write an address that starts with https://") from error
        raise _Retry(f"there was no connection to it ({error or type(error).__name__})") from error
    except (httpx.InvalidURL, httpx.TooManyRedirects) as error:
        raise DownloadError(f"{url}: {error}", "check the address") from error


def _refuse_downgrade(url: str, schemes: list[str]) -> None:
    if "http" in schemes and schemes[0] == "https":
        raise DownloadError(
            f"{url}: leads on to an address of http://, where what comes could be changed on the way",
            "write the address that it ends at, with a checksum",
        )


def _told(answer: Any) -> str:
    return f"{answer.status_code} {answer.reason_phrase}".rstrip()


def _asked_pause(text: str) -> float:
    """Return how many seconds Retry-After asks for; dates are not worth the trouble."""
    return float(text) if text.isdigit() else 0.0


def _pieces(answer: Any) -> Iterator[bytes]:
    """Yield the body as it was sent; a cut one ends in _Retry."""
    import httpx

    try:
        yield from answer.iter_raw()
    except httpx.TransportError as error:
        raise _Retry(f"the connection was cut ({error or type(error).__name__})") from error


def _must_have_room(path: Path, size: int) -> None:
    left = os.statvfs(path.parent)
    room = left.f_bavail * left.f_frsize
    if size > room:
        raise DownloadError(
            f"{path.parent}: has {room >> 20} MiB left, and {size >> 20} MiB are to come",
            "make room (kvmctl image prune), or set XDG_CACHE_HOME to a larger place",
        )


def text_of(url: str, hear: Hear) -> str:
    """Return the text behind a URL, such as a list of checksums."""
    for attempt in range(ATTEMPTS):
        try:
            with _answer(url, {}) as answer:
                if answer.status_code != _OK:
                    raise DownloadError(f"{url}: {_told(answer)}", "check the address, and who may read it")
                found = bytearray()
                for piece in answer.iter_bytes(_PIECE):
                    found += piece
                    if len(found) > _MOST_TEXT:
                        raise DownloadError(f"{url}: is too large for a list of checksums", "check the address")
                return found.decode("utf-8", "replace")
        except _Retry as retry:
            hear(f"waiting, since {retry.reason}", 0, 0)
            time.sleep(max(retry.pause, FIRST_PAUSE * 2**attempt))
            reason = retry.reason
    raise DownloadError(f"{url}: {reason}, {ATTEMPTS} times", "is the server up? apply again")
