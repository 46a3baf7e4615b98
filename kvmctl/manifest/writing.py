"""Documents written as YAML, as a person would have: short groups in one line, long text as a block."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any, Final

import yaml

from kvmctl.files import UNPRINTABLE
from kvmctl.manifest.scalars import OddError, plain

if TYPE_CHECKING:
    from collections.abc import Sequence

_WIDTH: Final = 120
_INDENT: Final = 2


class _Dumper(yaml.SafeDumper):
    """Quotes all text that the loader, or a reader of YAML 1.1, would take for something else without quotes."""

    def ignore_aliases(self, _data: object) -> bool:
        """Write everything out: nobody edits anchors that a program made."""
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        """Indent lists below their names, as people do."""
        del indentless
        super().increase_indent(flow, indentless=False)


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=_style(text))


def _style(text: str) -> str | None:
    """Return how a text is written: as it stands, in quotes, or as a block where it has several lines."""
    if re.search(UNPRINTABLE, text):
        return '"'
    if "\n" in text.strip("\n"):
        # A block can't tell spaces at the ends of lines, nor begin with one (yaml.org/spec/1.2.2, section 8.1).
        fits = not re.search(r"[ \t]$|\A\s|\t", text, re.MULTILINE)
        return "|" if fits else '"'
    return None if _stays_text(text) else "'"


def _stays_text(text: str) -> bool:
    try:
        return type(plain(text)) is str
    except OddError:
        return False


_Dumper.add_representer(str, _text)


def dump(documents: Sequence[dict[str, Any]]) -> str:
    """Return the documents as one YAML stream, keys in their given order; loading it gives them back."""
    parts = []
    for document in documents:
        node = _Dumper(io.StringIO(), sort_keys=False).represent_data(document)
        _lay_out(node, 0)
        parts.append(yaml.serialize(node, Dumper=_Dumper, allow_unicode=True, width=10 * _WIDTH))
    return "---\n".join(parts)


def _lay_out(node: yaml.Node, level: int) -> int:
    """Choose flow style for groups that fit in a line; return the width in one line, or more than fits."""
    match node:
        case yaml.MappingNode():
            widths = [len(key.value) + 2 + _lay_out(value, level + 1) for key, value in node.value]
            is_short = level > 1 or (level == 1 and all(isinstance(value, yaml.ScalarNode) for _, value in node.value))
        case yaml.SequenceNode():
            widths = [_lay_out(item, level + 1) for item in node.value]
            is_short = not any(isinstance(item, yaml.MappingNode) for item in node.value)
        case yaml.ScalarNode():
            return _WIDTH if node.style == "|" else len(node.value) + 2 * bool(node.style)
        case _:
            raise TypeError(node)
    width = sum(widths) + 2 * len(widths)
    node.flow_style = not node.value or (is_short and level > 0 and width + _INDENT * level + len("key: ") * 2 < _WIDTH)
    return width if node.flow_style else _WIDTH
