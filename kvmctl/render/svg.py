"""A topology as a picture that stands alone, on a page or in a file, light or dark as its reader likes."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

from kvmctl.inventory import Address
from kvmctl.render.layout import layout
from kvmctl.render.value import in_line

if TYPE_CHECKING:
    from kvmctl.render.layout import Layout, Slot
    from kvmctl.render.topology import Node, Topology

_MARGIN: Final = 12
_HEIGHT: Final = 40
_GAP: Final = 12
_SLOT: Final = 8
_BETWEEN: Final = 72
_LETTER: Final = 8
_PADDING: Final = 24
_LONGEST: Final = 32
_KIND_LINE: Final = 15
_NAME_LINE: Final = 31
_ROUND: Final = 6

_STYLE: Final = """
.kvmctl-topology { --ink: #1f2328; --quiet: #59636e; --box: #f6f8fa; --line: #8c959f;
  --new: #1a7f37; --changed: #9a6700; --gone: #cf222e; font-family: ui-monospace, monospace; }
@media (prefers-color-scheme: dark) { .kvmctl-topology { --ink: #f0f6fc; --quiet: #9198a1; --box: #161b22;
  --line: #6e7681; --new: #3fb950; --changed: #d29922; --gone: #f85149; } }
.kvmctl-topology rect { fill: var(--box); stroke: var(--line); }
.kvmctl-topology path { fill: none; stroke: var(--line); }
.kvmctl-topology text { fill: var(--ink); font-size: 13px; }
.kvmctl-topology .kind { fill: var(--quiet); font-size: 10px; }
.kvmctl-topology .outside rect { stroke-dasharray: 4; }
.kvmctl-topology .new rect { stroke: var(--new); stroke-width: 2; }
.kvmctl-topology .changed rect { stroke: var(--changed); stroke-width: 2; }
.kvmctl-topology .gone rect { stroke: var(--gone); stroke-width: 2; stroke-dasharray: 4; }
.kvmctl-topology .wrong rect { stroke: var(--gone); stroke-width: 3; }
"""


class _Spot(NamedTuple):
    """Where something stands: its left and right end, and the height of its middle."""

    left: int
    right: int
    middle: int


def text(drawn: Topology) -> str:
    """Return the picture; equal input gives equal bytes."""
    laid = layout(drawn)
    spots, width, height = _spots(laid)
    svg = ET.Element(
        "svg", {
            "xmlns": "http://www.w3.org/2000/svg", "class": "kvmctl-topology", "role": "img", "width": str(width),
            "height": str(height), "viewBox": f"0 0 {width} {height}",
        }
    )  # fmt: skip
    ET.SubElement(svg, "title").text = "What uses what"
    ET.SubElement(svg, "style").text = _STYLE
    for way in laid.ways:
        ET.SubElement(svg, "path", d=_line([spots[each] for each in way]))
    for node in drawn.nodes:
        _box(svg, node, spots[node.address])
    return ET.tostring(svg, encoding="unicode") + "\n"


def _spots(laid: Layout) -> tuple[dict[Address | Slot, _Spot], int, int]:
    """Return where everything stands, each column in the middle of the height, and how large the picture is."""
    heights = [sum(map(_height, column)) + _GAP * max(len(column) - 1, 0) for column in laid.columns]
    tallest = max(heights, default=0)
    spots: dict[Address | Slot, _Spot] = {}
    left = _MARGIN
    for column, height in zip(laid.columns, heights, strict=True):
        right = left + max(map(_width, column), default=0)
        top = _MARGIN + (tallest - height) // 2
        for item in column:
            spots[item] = _Spot(left, right, top + _height(item) // 2)
            top += _height(item) + _GAP
        left = right + _BETWEEN
    return spots, max(left - _BETWEEN, _MARGIN) + _MARGIN, tallest + 2 * _MARGIN


def _height(item: Address | Slot) -> int:
    return _HEIGHT if isinstance(item, Address) else _SLOT


def _width(item: Address | Slot) -> int:
    return len(_short(item.name)) * _LETTER + _PADDING if isinstance(item, Address) else 0


def _short(name: str) -> str:
    shown = in_line(name)
    return shown if len(shown) <= _LONGEST else f"{shown[: _LONGEST - 1]}…"


def _line(spots: list[_Spot]) -> str:
    """Return the way of an edge: straight through the columns that it passes, and curved between them."""
    parts = [f"M {spots[0].right} {spots[0].middle}"]
    for here, there in pairwise(spots):
        bend = (here.right + there.left) // 2
        parts.append(f"C {bend} {here.middle} {bend} {there.middle} {there.left} {there.middle}")
        parts.append(f"H {there.right}")
    return " ".join(parts[:-1])


def _box(svg: ET.Element, node: Node, spot: _Spot) -> None:
    group = ET.SubElement(svg, "g", {"class": node.state.value})
    top = spot.middle - _HEIGHT // 2
    ET.SubElement(group, "title").text = in_line(f"{node.address}: {node.state}")
    ET.SubElement(
        group, "rect", x=str(spot.left), y=str(top), width=str(spot.right - spot.left), height=str(_HEIGHT),
        rx=str(_ROUND),
    )  # fmt: skip
    inside = str(spot.left + _PADDING // 2)
    kind = ET.SubElement(group, "text", {"class": "kind", "x": inside, "y": str(top + _KIND_LINE)})
    kind.text = in_line(node.address.kind)
    name = ET.SubElement(group, "text", x=inside, y=str(top + _NAME_LINE))
    name.text = _short(node.address.name)
