"""Text to trees: libvirt's XML, and what users write of it."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from typing import Any


def parse(text: str) -> ET.Element:
    """Return the root element of libvirt's XML; its prefixes of namespaces are kept for writing."""
    if "xmlns:" in text:
        _keep_prefixes(text)
    return ET.fromstring(text)


def _keep_prefixes(text: str) -> None:
    """Register the prefixes that a text uses: ElementTree would write ns0, and people read what libvirt keeps."""
    parser: Any = ET.XMLPullParser(("start-ns",))
    parser.feed(text)
    for _event, (prefix, uri) in parser.read_events():
        if prefix and not re.fullmatch(r"ns\d+", prefix):  # those are ElementTree's own
            ET.register_namespace(prefix, uri)
