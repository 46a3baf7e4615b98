"""Documents written as YAML, as a person would have."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import yaml

from kvmctl.manifest.scalars import OddError, plain
from kvmctl.manifest.sources import UNPRINTABLE

if TYPE_CHECKING:
    from collections.abc import Sequence


class _Dumper(yaml.SafeDumper):
    """Quotes all text that the loader, or a reader of YAML 1.1, would take for something else without quotes."""

    def ignore_aliases(self, _data: object) -> bool:
        """Write everything out: nobody edits anchors that a program made."""
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = '"' if re.search(UNPRINTABLE, text) else None if _stays_text(text) else "'"
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


def _stays_text(text: str) -> bool:
    try:
        return type(plain(text)) is str
    except OddError:
        return False


_Dumper.add_representer(str, _text)


def dump(documents: Sequence[dict[str, Any]]) -> str:
    """Return the documents as one YAML stream, keys in their given order; loading it gives them back."""
    return yaml.dump_all(
        documents, Dumper=_Dumper, sort_keys=False, default_flow_style=False, allow_unicode=True, width=110
    )
