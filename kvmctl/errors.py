"""What can go wrong, said once: problems, exceptions and the exit codes that they end in."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes of every command; the README explains them to users."""

    OK = 0
    ERROR = 1
    CHANGES = 2
    REFUSED = 3
    PARTIAL = 4


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with the input, with its place and what to write instead.

    `line` and `column` count from 1 and are 0 where no place in a file is to blame. `field` is the dotted
    path in the document, such as `spec.disks[vda].cache`.
    """

    message: str
    hint: str = ""
    file: str = ""
    line: int = 0
    column: int = 0
    field: str = ""

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line, self.column) if part)
        head = " ".join(part for part in (f"{place}:" if place else "", f"{self.field}:" if self.field else "") if part)
        body = f"{head} {self.message}" if head else self.message
        return f"{body}; {self.hint}" if self.hint else body

    @property
    def sort_key(self) -> tuple[str, int, int, str, str]:
        """The order in which problems are reported: by file, then place, then field."""
        return (self.file, self.line, self.column, self.field, self.message)


class KvmctlError(Exception):
    """The root of all errors that kvmctl raises on purpose; `hint` says what to do next."""

    exit_code = ExitCode.ERROR

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    @property
    def problems(self) -> tuple[Problem, ...]:
        """The problems to report; one, unless a subclass collects more."""
        return (Problem(self.message, self.hint),)

    def __str__(self) -> str:
        return f"{self.message}; {self.hint}" if self.hint else self.message


class ManifestError(KvmctlError):
    """Manifests that can't be used; carries every problem found in all files of the run."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__(f"{len(problems)} problem{'s' if len(problems) != 1 else ''} in the manifests")
        self._problems = tuple(sorted(problems, key=lambda problem: problem.sort_key))

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Every problem, ordered by file and place."""
        return self._problems


class UsageError(KvmctlError):
    """A command line that can't be carried out as it was written."""


class RefusedError(KvmctlError):
    """Something that kvmctl could do but was not allowed to; nothing was changed."""

    exit_code = ExitCode.REFUSED


class HypervisorError(KvmctlError):
    """libvirt said no; carries libvirt's own message and error code (virErrorNumber, 0 when unknown)."""

    def __init__(self, message: str, hint: str = "", code: int = 0) -> None:
        super().__init__(message, hint)
        self.code = code


def plural(count: int, noun: str) -> str:
    """Return `1 action`, `2 actions`: the count with its noun in the right number."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
