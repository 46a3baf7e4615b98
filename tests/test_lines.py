"""libvirt's XML read line by line: the same tree as a parser's, or none."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from kvmctl.xmlio.lines import assemble

CASES = Path(__file__).parent / "cases"
LIVE = sorted(CASES.glob("*/*/*.xml"))


def plain(element: ET.Element) -> tuple[object, ...]:
    """Return all that an element says; mere white space is nothing."""
    text = element.text or ""
    return (element.tag, dict(element.attrib), text if text.strip() else "", [plain(child) for child in element])


@pytest.mark.parametrize("file", LIVE, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_a_definition_is_what_the_parser_finds(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    root = assemble(text)
    assert root is None or plain(root) == plain(ET.fromstring(text))


def test_nearly_all_that_libvirt_wrote_can_be_read_so() -> None:
    written = [text for file in LIVE if "type='" in (text := file.read_text(encoding="utf-8"))]
    read = [text for text in written if assemble(text) is not None]
    assert len(read) >= len(written) * 0.9 > 100, (len(read), len(written))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<a>",
        "</a>",
        "<a/>\n<b/>",
        "<a>\n  <b>\n  </a>\n</b>",
        "<a>\n  <b>1</c>\n</a>",
        "<a>\n</a>\n</a>",
        "<a x='1' x='2'/>",
        "<a>x &amp; y</a>",
        "<a x='&lt;'/>",
        "<a>two\nlines</a>",
        "<a><b/></a>",
        "<a><!-- said --></a>",
        '<a x="1"/>',
        "<a x='1'y='2'/>",
        "<a>\n  text\n</a>",
        "<q:a xmlns:q='urn:q'/>",
        "<a x='a\tb'/>",
        "<a>\r</a>",
    ],
)
def test_what_libvirt_does_not_write_is_left_to_the_parser(text: str) -> None:
    assert assemble(text) is None
