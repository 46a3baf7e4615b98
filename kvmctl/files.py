"""The files that a run reads, and their text; understanding it is `manifest`'s."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Final, NamedTuple

from kvmctl.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from io import FileIO
    from pathlib import Path

STDIN: Final = "<stdin>"
SETTINGS: Final = "kvmctl.yaml"
"""The file that names the project of the folder that it is in, and of those below."""
MOST_BYTES: Final = 64 * 2**20
_PIECE: Final = 2**16
_ENDINGS: Final = (".yaml", ".yml")
_ADDRESS: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_FETCH: Final = (
    "a server could say something else at each plan and apply, and nobody would have reviewed it; keep the file in "
    "git, or fetch it yourself, look at it, and name it, or pipe it to -f -"
)
_OTHER_ENCODINGS: Final = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}
# YAML's own line breaks beyond LF (NEL, LS, PS) are left out: an editor doesn't count them as lines.
UNPRINTABLE: Final = "[^\t\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
_PRINTABLE_ASCII: Final = bytes((9, 10, *range(0x20, 0x7F)))


class Source(NamedTuple):
    """The text of one file; lines end with LF."""

    file: str
    text: str


class Files(NamedTuple):
    """What was read of the files and folders that were named, and what could not be."""

    names: tuple[str, ...]
    sources: tuple[Source, ...]
    problems: tuple[Problem, ...]


def read_files(paths: Sequence[Path | str], stdin: str | None = None) -> Files:
    """Return the texts of files, of the *.yaml and *.yml in folders, hidden ones left out, and of `-`: `stdin`."""
    problems: list[Problem] = []
    sources = tuple(_sources(paths, stdin, problems))
    return Files(tuple(map(str, paths)), sources, tuple(problems))


def _sources(paths: Sequence[Path | str], stdin: str | None, problems: list[Problem]) -> Iterator[Source]:
    """Yield each file once, folders in sorted order; what can't be read is added to the problems."""
    read: set[tuple[int, int]] = set()
    for path in paths:
        if str(path) == "-":
            text = _clean(STDIN, stdin or "", problems)
            if text is not None:
                yield Source(STDIN, text)
            continue
        for file in _files(str(path), problems):
            text = _text(file, read, problems)
            if text is not None:
                yield Source(file, text)


def _files(path: str, problems: list[Problem]) -> list[str]:
    """Return the files of a path: itself, or the manifests in the folder; hidden ones and settings are left out."""
    if _ADDRESS.match(path):
        problems.append(Problem("is on the network, and manifests are not fetched from there", _FETCH, path))
        return []
    try:
        if not os.path.isdir(path):  # noqa: PTH112 - as below
            os.stat(path)  # noqa: PTH116 - as below
            return [path]
    except (OSError, ValueError) as error:
        problems.append(Problem(f"can't be read: {_reason(error)}", "name a file or a folder of manifests", path))
        return []
    found = []

    def report(error: OSError) -> None:
        problems.append(Problem(f"can't be read: {_reason(error)}", "check its permissions", str(error.filename)))

    for folder, names, files in os.walk(path, onerror=report):
        names[:] = sorted(name for name in names if not name.startswith("."))
        found += [
            os.path.normpath(os.path.join(folder, name))  # noqa: PTH118 - for 10,000 files Path costs more than reading them
            for name in sorted(files)
            if name.endswith(_ENDINGS) and not name.startswith(".") and name != SETTINGS
        ]
    if not found:
        problems.append(Problem("no manifests in this folder", "put files there that end in .yaml or .yml", path))
    return found


def _reason(error: Exception) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)


def _text(file: str, read: set[tuple[int, int]], problems: list[Problem]) -> str | None:
    """Return the text of a file; None where it was read before, under whatever name, or can't be."""
    try:
        with open(file, "rb", buffering=0) as stream:  # noqa: PTH123 - as above
            facts = os.fstat(stream.fileno())
            if (facts.st_dev, facts.st_ino) in read:
                return None
            read.add((facts.st_dev, facts.st_ino))
            data = _bytes(stream)
    except OSError as error:
        problems.append(Problem(f"can't be read: {_reason(error)}", "check the path and its permissions", file))
        return None
    if len(data) > MOST_BYTES:
        problems.append(Problem(f"larger than {MOST_BYTES // 2**20} MiB", "split it into several files", file))
        return None
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        problems.append(_undecodable(file, data, error))
        return None
    return _clean(file, text, problems)


def settings_text(file: str, problems: list[Problem]) -> str:
    """Return the text of a settings file, '' where it can't be read, which is added to the problems."""
    return _text(file, set(), problems) or ""


def _bytes(stream: FileIO) -> bytes:
    """Return what the file holds, a byte more than the most at most; a pipe gives it in pieces."""
    pieces = []
    left = MOST_BYTES + 1
    while left > 0 and (piece := stream.read(min(left, _PIECE))):
        pieces.append(piece)
        left -= len(piece)
    return b"".join(pieces)


def _undecodable(file: str, data: bytes, error: UnicodeDecodeError) -> Problem:
    other = _OTHER_ENCODINGS.get(data[:2], "")
    before = data[: error.start]
    line, column = before.count(b"\n") + 1, len(before) - before.rfind(b"\n")
    message = f"not UTF-8: the byte 0x{data[error.start]:02x} can't stand here"
    return Problem(
        message, f"it looks like {other}: save it as UTF-8" if other else "save it as UTF-8", file, line, column
    )


def _clean(file: str, text: str, problems: list[Problem]) -> str | None:
    """Return the text without byte order mark and carriage returns; None, and a problem, where it isn't printable."""
    text = text.removeprefix("\ufeff")
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if text.isascii() and not text.encode().translate(None, _PRINTABLE_ASCII):
        return text
    found = re.search(UNPRINTABLE, text)
    if found is None:
        return text
    line, column = text.count("\n", 0, found.start()) + 1, found.start() - text.rfind("\n", 0, found.start())
    code = f"U+{ord(found[0]):04X}"
    message = f"the character {code} can't stand in a manifest"
    problems.append(Problem(message, "take it away", file, line, column))
    return None
