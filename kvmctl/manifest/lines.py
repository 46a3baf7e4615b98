"""Documents in YAML's plainest form, read line by line: most lines of a fleet's manifests are alike, and are read once.

This knows a line that is a whole entry (`key:`, `key: value`, `- value`, `- key: value`), and of values words, text in
quotes without escapes, and flow collections of these. Whatever else there is, and whatever it is in doubt about, it
leaves to libyaml; what it does read, it reads as that one (tests/test_manifest_lines.py).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvmctl.manifest.scalars import PlainWords

_WORD: Final = r"[A-Za-z0-9/][A-Za-z0-9/._+-]*(?: [A-Za-z0-9/._+-]+)*"
_QUOTED: Final = r'"[ !#-\[\]-~]*"' + r"|'[ -&(-~]*'"
_KEY: Final = r"[A-Za-z][A-Za-z0-9_-]{0,99}"
_LINE: Final = re.compile(rf"( *)(- )?(?:({_KEY}):(?: ([^ ].*))?|([^ ].*))")
_TOKEN: Final = re.compile(rf"({_KEY}): |({_QUOTED})|({_WORD})|([\[\]{{}}])|, ?")
_SCALAR: Final = re.compile(rf"({_QUOTED})|{_WORD}")
_COMMENT: Final = " #"
_QUOTES: Final = ("'", '"')
_MOST_REMEMBERED: Final = 4096
_DEEPEST: Final = 16
_NO_KEYS: Final[tuple[int, dict[str, Any]]] = (-1, {})  # what a list is to a line that has a key and begins no item


class SurpriseError(Exception):
    """The document needs a more careful reader."""


class _Line(NamedTuple):
    """What a line says: where it begins, whether it begins a list's item, its key ('' for none) and its value."""

    indent: int
    is_item: bool
    key: str
    value: Any
    is_open: bool


class Lines:
    """A reader that remembers the lines that it has understood."""

    def __init__(self, words: PlainWords) -> None:
        self._words = words
        self._lines: dict[str, _Line | None] = {}
        self._keys: dict[str, str] = {}

    def read(self, text: str) -> object:
        """Return the value of a document; raises SurpriseError where it has to be read by libyaml."""
        block, lines = _Block(), self._lines
        column, here = 0, block.root
        for line in text.removeprefix("---\n").split("\n"):
            held = lines[line] if line in lines else self._remember(line)
            if held is None:
                continue
            indent, is_item, key, value, is_open = held
            if indent == column and key and not is_open and not is_item and not block.waiting:
                if key in here:
                    raise SurpriseError
                here[key] = value
            else:
                column, here = block.add(held)
        if not block.root:
            raise SurpriseError
        return block.root

    def _remember(self, line: str) -> _Line | None:
        held = self._understand(line)
        if len(self._lines) < _MOST_REMEMBERED:
            self._lines[line] = held
        return held

    def _understand(self, line: str) -> _Line | None:
        """Return what a line says, None for a blank one or a comment."""
        bare = line.lstrip(" ")
        if not bare or bare[0] == "#":
            return None
        if _COMMENT in line and not any(quote in line for quote in _QUOTES):
            line = line[: line.index(_COMMENT)].rstrip(" ")
        found = _LINE.fullmatch(line)
        if found is None:
            raise SurpriseError
        spaces, dash, key, beside, alone = found.groups()
        text = beside or alone
        if alone and not dash:
            raise SurpriseError
        value = self._value(text) if text else None
        return _Line(len(spaces), bool(dash), self._key(key) if key else "", value, is_open=not text)

    def _value(self, text: str) -> Any:
        """Return the value that a text is, all of it."""
        if text[0] == "{" and text[-1] == "}" and (built := self._pairs(text[1:-1].split(", "))):
            return built
        tokens = _tokens(text)
        value = self._next(tokens, next(tokens), _DEEPEST)
        if next(tokens, None) is not None:
            raise SurpriseError
        return value

    def _pairs(self, parts: list[str]) -> dict[str, Any] | None:
        """Return the mapping that parts of a text are, each a key and a scalar; None where they may be more."""
        built = {}
        for part in parts:
            key, _, text = part.partition(": ")
            found = _SCALAR.fullmatch(text)
            if found is None:
                return None
            built[self._key(key)] = text[1:-1] if found[1] else self._words[text]
        return built if len(built) == len(parts) else None

    def _next(self, tokens: Iterator[re.Match[str]], token: re.Match[str], depth: int) -> Any:
        """Return the value that begins with a token."""
        key, quoted, word, bracket = token.groups()
        if quoted:
            return quoted[1:-1]
        if word:
            return self._words[word]
        if key or not bracket or bracket in "]}" or not depth:
            raise SurpriseError
        return self._list(tokens, depth - 1) if bracket == "[" else self._mapping(tokens, depth - 1)

    def _list(self, tokens: Iterator[re.Match[str]], depth: int) -> list[Any]:
        found: list[Any] = []
        token = _after(tokens)
        while token[0] != "]":
            found.append(self._next(tokens, token, depth))
            token = _separated(tokens, "]")
        return found

    def _mapping(self, tokens: Iterator[re.Match[str]], depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        token = _after(tokens)
        while token[0] != "}":
            key = self._key(token[1])
            if key in found:
                raise SurpriseError
            found[key] = self._next(tokens, _after(tokens), depth)
            token = _separated(tokens, "}")
        return found

    def _key(self, key: str | None) -> str:
        """Return a key that is a word, and text to all readers of YAML."""
        if key in self._keys:
            return self._keys[key]
        if not key or not re.fullmatch(_KEY, key) or type(self._words[key]) is not str:
            raise SurpriseError
        return self._keys.setdefault(key, key)


def _tokens(text: str) -> Iterator[re.Match[str]]:
    """Yield the tokens of a text."""
    place = 0
    while place < len(text):
        found = _TOKEN.match(text, place)
        if found is None:
            raise SurpriseError
        yield found
        place = found.end()


def _after(tokens: Iterator[re.Match[str]]) -> re.Match[str]:
    token = next(tokens, None)
    if token is None:
        raise SurpriseError
    return token


def _separated(tokens: Iterator[re.Match[str]], end: str) -> re.Match[str]:
    """Return the token that ends a collection, or the one after the comma."""
    token = _after(tokens)
    if token[0] == end:
        return token
    if token[0].rstrip() != ",":
        raise SurpriseError
    token = _after(tokens)
    if token[0] == end:
        raise SurpriseError
    return token


class _Block:
    """A document as its lines build it: the collections that are open, each with the column of its entries."""

    def __init__(self) -> None:
        self.root: dict[str, Any] = {}
        self.waiting = ""
        self._open: list[tuple[int, Any]] = [(0, self.root)]

    def add(self, line: _Line) -> tuple[int, Any]:
        """Add an entry to the collection at its column; return the mapping that is open then, with its column."""
        if self.waiting:
            self._begin(line)
        opened = self._open
        while opened[-1][0] > line.indent or (not line.is_item and type(opened[-1][1]) is list):
            opened.pop()
            if not opened:
                raise SurpriseError
        column, holder = opened[-1]
        if column != line.indent or line.is_item is not (type(holder) is list):
            raise SurpriseError
        if line.is_item:
            if not line.key:
                holder.append(line.value)
                return _NO_KEYS
            holder.append({})
            column, holder = column + len("- "), holder[-1]
            opened.append((column, holder))
        if line.key in holder:
            raise SurpriseError
        holder[line.key] = line.value
        self.waiting = line.key if line.is_open else ""
        return column, holder

    def _begin(self, line: _Line) -> None:
        """Give the key that has no value yet the collection that begins with a line, where one does."""
        column, holder = self._open[-1]
        if line.indent > column or (line.indent == column and line.is_item):
            holder[self.waiting] = [] if line.is_item else {}
            self._open.append((line.indent, holder[self.waiting]))
        self.waiting = ""
