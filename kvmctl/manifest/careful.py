"""The careful reader: one document to plain values, with every problem in it, and the place of each value."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import yaml
from yaml._yaml import CParser
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from kvmctl.errors import Problem
from kvmctl.inventory import path_text
from kvmctl.manifest import syntax
from kvmctl.manifest.scalars import OddError, Scalar, plain, printable, shortened

Path = tuple[str | int, ...]

MOST_LEVELS: Final = 64
MOST_REPEATS: Final = 10_000  # nodes that aliases may repeat in one document: no manifest needs a hundredth of it
_TOO_DEEP: Final = (f"the document nests deeper than {MOST_LEVELS} levels", "write it flatter")
_STANDARD: Final = "tag:yaml.org,2002:"
_MERGE: Final = "<<"
_COLLECTION_TAGS: Final[dict[type[Node], str]] = {MappingNode: _STANDARD + "map", SequenceNode: _STANDARD + "seq"}


class _DeepError(Exception):
    """The document nests too deeply; carries the node at the limit."""

    def __init__(self, node: Node) -> None:
        super().__init__()
        self.node = node


class _Reader(CParser):
    """A composer that stops at a depth, and leaves the tag of a node None unless the document states one."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.level = 0

    def resolve(self, _kind: object, _text: object, _implicit: object) -> None:
        """Leave the tag open."""

    def descend_resolver(self, parent: Node | None, _index: object) -> None:
        """Count a level more."""
        self.level += 1
        if self.level > MOST_LEVELS and parent is not None:
            raise _DeepError(parent)

    def ascend_resolver(self) -> None:
        """Count a level less."""
        self.level -= 1


@dataclass
class Reading:
    """A document read with care: its `value`, its `problems`, and its `root` node (None where it couldn't be composed).

    Values that are problems themselves are None in `value`; `blamed` holds their paths.
    """

    file: str
    line: int
    text: str
    value: object = None
    root: Node | None = None
    problems: list[Problem] = field(default_factory=list)
    blamed: set[Path] = field(default_factory=set)

    def blame(self, path: Path, message: str, hint: str, mark: Any = None) -> None:
        """Add a problem; its place is the mark's, else that of the path's value."""
        line, column = self.counted(mark) if mark else self.place(path)
        self.blamed.add(path)
        self.problems.append(Problem(message, hint, self.file, line, column, path_text(path)))

    def place(self, path: Path, *, at_key: bool = False) -> tuple[int, int]:
        """Return (line, column), from 1, of the value at a path or of its key; of what is around if there is none."""
        node, key, complete = self.root, None, True
        for part in path:
            below = _below(node, part)
            if below is None:
                complete = isinstance(node, ScalarNode)  # the short form of what the path leads into
                break
            key, node = below
        found = key if key is not None and (at_key or not complete) else node
        return (self.line, 1) if found is None else self.counted(found.start_mark)

    def counted(self, mark: Any) -> tuple[int, int]:
        """Return (line, column) in the file, from 1, of a mark in the document."""
        return self.line + mark.line, mark.column + 1

    def node(self, path: Path) -> Any:
        """Return the node at a path, or the nearest one around."""
        node = self.root
        for part in path:
            below = _below(node, part)
            if below is None:
                break
            node = below[1]
        return node

    def shown(self, path: Path, value: object) -> str:
        """Return the value at a path as it stands in the file."""
        node = self.node(path)
        if isinstance(node, ScalarNode) and not isinstance(value, dict | list):
            text = printable(node.value)
            return (text or "nothing") if _is_plain(node) else f'"{text}"'
        return "a mapping" if isinstance(value, dict) else "a list"


def _below(node: Node | None, part: str | int) -> tuple[Node | None, Node] | None:
    """Return (key, value) of one step of a path; key is None in a list."""
    if isinstance(node, SequenceNode) and isinstance(part, int) and part < len(node.value):
        return None, node.value[part]
    if not isinstance(node, MappingNode):
        return None
    # The last one counts: of duplicate keys it is the one that is blamed.
    found = [(key, value) for key, value in node.value if isinstance(key, ScalarNode) and key.value == part]
    if found:
        return found[-1]
    merged = (
        _below(source, part)
        for key, value in node.value
        if isinstance(key, ScalarNode) and key.value == _MERGE
        for source in (value.value if isinstance(value, SequenceNode) else [value])
        if source is not node
    )
    return next((found for found in merged if found is not None), None)


def _is_plain(node: ScalarNode) -> bool:
    return not node.style


def read(text: str, file: str, line: int) -> Reading:
    """Return the reading of the only document in the text, which starts at a line (from 1) of a file."""
    reading = Reading(file, line, text)
    try:
        reading.root = _Reader(text).get_single_node()
    except _DeepError as error:
        reading.blame((), *_TOO_DEEP, error.node.start_mark)
    except yaml.YAMLError as error:
        mark = syntax.mark_of(error)
        reading.blame((), *(_TOO_DEEP if _is_deep(text, mark) else syntax.explain(text, error)), mark)
    if reading.root is not None:
        _Builder(reading).build()
    return reading


def _is_deep(text: str, mark: Any) -> bool:
    """Say whether more brackets than levels are open at a mark: libyaml looks ahead for a colon, and gives up first.

    From version 0.2.6 on its scanner stops at 1,000 levels, before the composer has seen any of them.
    """
    before = text[: mark.index] if mark is not None else ""
    return sum(before.count(each) for each in "[{") - sum(before.count(each) for each in "]}") > MOST_LEVELS


class _RepeatedTooOftenError(Exception):
    """Aliases repeat more than a manifest ever needs."""


class _Builder:
    """Builds the value of a composed document and blames what no manifest may hold."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self.seen: set[int] = set()
        self.around: set[int] = set()
        self.repeats = 0

    def build(self) -> None:
        """Set the reading's value."""
        root = self.reading.root
        try:
            self.reading.value = None if root is None else self._value(root, ())
        except _RepeatedTooOftenError:
            message = f"the document's aliases repeat more than {MOST_REPEATS} values"
            self.reading.blame((), message, "write the values out, without anchors")

    def _value(self, node: Node, path: Path) -> object:
        if id(node) in self.around:
            self._blame(path, node, "an alias stands within its own anchor", "write the value out")
            return None
        if id(node) in self.seen:
            self.repeats += 1
            if self.repeats > MOST_REPEATS:
                raise _RepeatedTooOftenError
        self.seen.add(id(node))
        if isinstance(node, ScalarNode):
            return self._scalar(node, path)
        if node.tag not in (None, _COLLECTION_TAGS.get(type(node))):
            self._blame_tag(node, path)
            return None
        self.around.add(id(node))
        value = self._mapping(node, path) if isinstance(node, MappingNode) else self._list(node, path)
        self.around.discard(id(node))
        return value

    def _list(self, node: Node, path: Path) -> list[object]:
        return [self._value(item, (*path, index)) for index, item in enumerate(node.value)]

    def _scalar(self, node: ScalarNode, path: Path) -> Scalar:
        if node.tag is not None and node.tag not in ("!", _STANDARD + "str"):
            self._blame_tag(node, path)
            return None
        if node.tag is not None or not _is_plain(node):
            return str(node.value)
        try:
            return plain(node.value)
        except OddError as error:
            self._blame(path, node, error.message, error.hint)
            return None

    def _mapping(self, node: MappingNode, path: Path) -> dict[str, object]:
        built: dict[str, object] = {}
        first: dict[str, Node] = {}
        merges = []
        for key, item in node.value:
            name = self._key(key, path)
            if name is None:
                continue
            if name == _MERGE and _is_plain(key):
                merges.append(item)
                continue
            if name in first:
                line, column = self.reading.counted(first[name].start_mark)
                hint = f"it stands at {self.reading.file}:{line}:{column} too; keep one"
                self._blame((*path, name), key, f'duplicate key "{name}"', hint)
            first[name] = key
            built[name] = self._value(item, (*path, name))
        for item in merges:
            for name, value in self._merged(item, path).items():
                built.setdefault(name, value)
        return built

    def _merged(self, item: Node, path: Path) -> dict[str, object]:
        """Return what a merge key brings; of several sources the first that has a name counts (yaml.org/type/merge)."""
        found: dict[str, object] = {}
        for source in item.value if isinstance(item, SequenceNode) else [item]:
            value = self._value(source, path) if isinstance(source, MappingNode) else None
            if not isinstance(value, dict):
                self._blame(
                    (*path, _MERGE), source, "<< merges a mapping, and this is none", "write << : *anchor of a mapping"
                )
                continue
            for name, each in value.items():
                found.setdefault(name, each)
        return found

    def _key(self, key: Node, path: Path) -> str | None:
        if not isinstance(key, ScalarNode):
            hint = syntax.TEMPLATE if isinstance(key, MappingNode) else "write a word before the colon"
            self._blame(path, key, "a key must be text, and this one is a mapping or a list", hint)
            return None
        if key.tag is not None:
            self._blame_tag(key, path)
            return None
        try:
            value = plain(key.value) if _is_plain(key) else key.value
        except OddError as error:
            self._blame((*path, key.value), key, error.message, f'write "{key.value}" in quotes')
            return None
        if type(value) is str:
            return value
        seen = shortened(key.value) or "nothing"
        self._blame(path, key, f"a key must be text, and {seen} is none", f'write "{key.value}" in quotes')
        return None

    def _blame_tag(self, node: Node, path: Path) -> None:
        tag = str(node.tag).replace(_STANDARD, "!!")
        self._blame(path, node, f"the tag {shortened(tag)} means nothing to kvmctl", "take it away")

    def _blame(self, path: Path, node: Node, message: str, hint: str) -> None:
        self.reading.blame(path, message, hint, node.start_mark)
