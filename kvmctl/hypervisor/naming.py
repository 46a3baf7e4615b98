"""The name that an XML definition gives its object, for messages."""

from __future__ import annotations

import re
from typing import Final

_NAME: Final = re.compile(r"<name>([^<]*)</name>")


def named(xml: str) -> str:
    """Return the first name in the XML, or `(without a name)`: what is wrong with it, libvirt says."""
    from html import unescape  # late: its tables of entities are large

    found = _NAME.search(xml)
    return unescape(found[1]) if found else "(without a name)"
