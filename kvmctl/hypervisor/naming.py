"""The name that an XML definition gives its object, for messages."""

from __future__ import annotations

import re
from typing import Final

_NAME: Final = re.compile(r"<name>([^<]*)</name>")
_FILTER: Final = re.compile(r"""<filter\b[^>]*?\sname=(["'])(.*?)\1""")


def named(xml: str) -> str:
    """Return the first name in the XML, or `(without a name)`: what is wrong with it, libvirt says."""
    found = _NAME.search(xml)
    return _plain(found[1]) if found else "(without a name)"


def filter_named(xml: str) -> str:
    """Return the name of the network filter that the XML defines, an attribute of its."""
    found = _FILTER.search(xml)
    return _plain(found[2]) if found else "(without a name)"


def _plain(text: str) -> str:
    from html import unescape  # late: its tables of entities are large

    return unescape(text)
