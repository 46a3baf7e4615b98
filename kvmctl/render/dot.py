"""A topology in the language of Graphviz."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kvmctl.render.topology import State
from kvmctl.render.value import in_line

if TYPE_CHECKING:
    from kvmctl.render.topology import Topology

_SHAPES: Final = {"disk": "cylinder", "pool": "folder", "network": "ellipse", "secret": "hexagon"}
_STYLES: Final = {
    State.OUTSIDE: "style=dashed", State.CHANGED: 'color="#bf8700"', State.NEW: 'color="#1a7f37"',
    State.GONE: 'color="#cf222e", style=dashed', State.WRONG: 'color="#cf222e", penwidth=3',
}  # fmt: skip


def text(drawn: Topology) -> str:
    """Return the graph: users on the left, what they use on the right."""
    lines = ["digraph kvmctl {", "  rankdir=LR;", "  node [shape=box];"]
    for node in drawn.nodes:
        shape = _SHAPES.get(node.address.kind)
        styles = ", ".join(filter(None, (f"shape={shape}" if shape else "", _STYLES.get(node.state, ""))))
        lines.append(f"  {_quoted(str(node.address))}{f' [{styles}]' if styles else ''};")
    lines += [f"  {_quoted(str(user))} -> {_quoted(str(used))};" for user, used in drawn.edges]
    return "\n".join([*lines, "}"]) + "\n"


def _quoted(said: str) -> str:
    """Return a text in quotes; Graphviz takes a backslash within for an escape of its own."""
    escaped = in_line(said).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
