"""Checksums: those that a file must have, those it has, and files that list them.

Such a file is what sha256sum writes (`SUM  NAME`, GNU), or what `sha256sum --tag` and BSD's tools do
(`SHA256 (NAME) = SUM`), or a sum alone. What surrounds the lines, such as a signature, is passed over.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Final

from kvmctl.downloads.error import DownloadError

_GNU: Final = re.compile(r"\\?([0-9a-fA-F]{128}|[0-9a-fA-F]{64}) [ *](.+)")
_BSD: Final = re.compile(r"SHA(256|512) ?\((.+)\) ?= ?([0-9a-fA-F]{128}|[0-9a-fA-F]{64})")
_ALONE: Final = re.compile(r"[0-9a-fA-F]{128}|[0-9a-fA-F]{64}")
_SHA256_DIGITS: Final = 64
_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class Sums:
    """The sums that a file must have, in lower-case hex; '' where none is asked for."""

    sha256: str = ""
    sha512: str = ""

    def __bool__(self) -> bool:
        """Whether any is asked for."""
        return bool(self.sha256 or self.sha512)

    def check(self, place: str, found: Sums) -> None:
        """Return when a file has the sums; else a DownloadError says both."""
        for name in ("sha256", "sha512"):
            wanted, has = getattr(self, name), getattr(found, name)
            if wanted and wanted != has:
                raise DownloadError(
                    f"{place}: has {name} {has}, not {wanted}; nothing was made of it",
                    "it isn't the file that was meant: correct the sum, or find out who changed the file",
                )


class Hasher:
    """Hashes what passes; sha512 only where it is asked for."""

    def __init__(self, wanted: Sums) -> None:
        self._sha256 = hashlib.sha256()
        self._sha512 = hashlib.sha512() if wanted.sha512 else None

    def update(self, piece: bytes) -> None:
        """Take the next bytes."""
        self._sha256.update(piece)
        if self._sha512 is not None:
            self._sha512.update(piece)

    def sums(self) -> Sums:
        """Return the sums of what has passed."""
        return Sums(self._sha256.hexdigest(), self._sha512.hexdigest() if self._sha512 else "")


def find_sum(listing: str, name: str, place: str) -> Sums:
    """Return the sums that a checksums file (found at `place`) lists for a file's name; DownloadError for none."""
    listed = dict.fromkeys(_listed(listing))
    found = [sums for of, sums in listed if of == name]
    if not found and len(listed) == 1:
        found = [sums for of, sums in listed if not of]
    if not found:
        others = ", ".join(sorted({of for of, _ in listed if of})[:_SHOWN])
        raise DownloadError(f"{place}: lists no sum for {name}", f"it lists {others}" if others else "is it one?")
    sha256, sha512 = ({each for sums in found if (each := getattr(sums, kind))} for kind in ("sha256", "sha512"))
    if len(sha256) > 1 or len(sha512) > 1:
        raise DownloadError(f"{place}: lists different sums for {name}", "write the right one as sha256 or sha512")
    return Sums("".join(sha256), "".join(sha512))


def _listed(listing: str) -> list[tuple[str, Sums]]:
    """Return the lines of a checksums file as (name without folders, sums)."""
    found = []
    for line in (each.strip() for each in listing.splitlines()):
        if gnu := _GNU.fullmatch(line):
            found.append((gnu[2].rpartition("/")[2], _sums(gnu[1])))
        elif bsd := _BSD.fullmatch(line):
            found.append((bsd[2].rpartition("/")[2], _sums(bsd[3])))
        elif _ALONE.fullmatch(line):
            found.append(("", _sums(line)))
    return found


def _sums(digits: str) -> Sums:
    digits = digits.lower()
    return Sums(sha256=digits) if len(digits) == _SHA256_DIGITS else Sums(sha512=digits)
