"""Plain values of a document as libyaml composes it; loaded where a document isn't plain enough to be read by lines."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from yaml import YAMLError
from yaml._yaml import CParser
from yaml.nodes import MappingNode

from kvmctl.manifest.lines import SurpriseError

if TYPE_CHECKING:
    from kvmctl.manifest.scalars import PlainWords

Resolve = Callable[[Any, Any, Any], Any]

# libyaml composes by recursion in C without a limit: 40,000 levels of nesting overflow the stack. A level takes a
# character at least, so that a short document can't; longer ones and those with anchors or tags go the careful way.
MOST_CHARACTERS: Final = 8192
_ODD: Final = ("&", "!")


class _Reader(CParser):
    """A composer whose nodes carry their value in the tag's place.

    CParser asks `resolve` for the tag of every node that has none; answering with the value saves a second pass over
    the scalars. The other two hooks serve path resolvers, which nobody uses here.
    """

    descend_resolver = operator.is_
    ascend_resolver = bool


def composed(text: str, words: PlainWords) -> object:
    """Return the value of the only document in the text, None when there is none.

    Raises SurpriseError, OddError or RecursionError; each means: ask `careful`.
    """
    if len(text) > MOST_CHARACTERS or any(mark in text for mark in _ODD):
        raise SurpriseError
    return valued(text, words)


def valued(text: str, words: PlainWords) -> object:
    """Return the value of a text, of whatever length and whatever it holds, as `composed` does."""
    reader = _Reader(text)
    reader.resolve = _resolver(words)  # type: ignore[attr-defined]
    try:
        node = reader.get_single_node()
    except YAMLError as error:
        raise SurpriseError from error
    return None if node is None else _build(node)


def _resolver(words: PlainWords) -> Resolve:
    """Return the function that gives scalars their values, and collections their node class."""

    def resolve(kind: Any, text: str | None, implicit: Any) -> Any:
        if text is None:
            return kind
        return words[text] if implicit[0] else text

    return resolve


def _build(node: Any) -> Any:
    """Return the value of a node: a node with a list in it is a collection, any other has its value as its tag."""
    held = node.value
    if type(held) is not list:
        return node.tag
    if node.tag is not MappingNode:
        return [item.tag if type(item.value) is str else _build(item) for item in held]
    built = {key.tag: item.tag if type(item.value) is str else _build(item) for key, item in held}
    if len(built) != len(held) or "<<" in built:
        raise SurpriseError  # duplicate keys, or a merge
    return built
