"""The quick reader: one valid document to plain values, without places. What it doesn't expect, `careful` explains.

Documents in YAML's plainest form are read line by line, which takes half of libyaml's time, and all others by libyaml.
"""

from __future__ import annotations

from kvmctl.manifest.lines import Lines, SurpriseError
from kvmctl.manifest.scalars import OddError, PlainWords


class Quick:
    """A reader of many documents, which remembers words and lines."""

    def __init__(self) -> None:
        self._words = PlainWords()
        self._lines = Lines(self._words)

    def read(self, text: str) -> object:
        """Return the value of the only document in the text, None when there is none.

        Raises SurpriseError, OddError or RecursionError; each means: ask `careful`.
        """
        try:
            return self._lines.read(text)
        except (SurpriseError, OddError):
            from kvmctl.manifest.composing import composed

            return composed(text, self._words)
