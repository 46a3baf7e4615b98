"""A topology in Mermaid's notation, which GitHub and GitLab draw within Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kvmctl.render.topology import State
from kvmctl.render.value import in_line

if TYPE_CHECKING:
    from kvmctl.render.topology import Topology

_SHAPES: Final = {"disk": ("[(", ")]"), "pool": ("[[", "]]"), "network": ("([", "])"), "secret": ("{{", "}}")}
_BOX: Final = ("[", "]")
_CLASSES: Final = {
    State.OUTSIDE: "stroke-dasharray:4", State.CHANGED: "stroke:#bf8700,stroke-width:2px",
    State.NEW: "stroke:#1a7f37,stroke-width:2px", State.GONE: "stroke:#cf222e,stroke-dasharray:4",
    State.WRONG: "stroke:#cf222e,stroke-width:3px",
}  # fmt: skip
_PLAIN: Final = " /.-_"


def text(drawn: Topology) -> str:
    """Return the flowchart: users on the left, what they use on the right."""
    names = {node.address: f"n{at}" for at, node in enumerate(drawn.nodes)}
    lines = ["flowchart LR"]
    for node in drawn.nodes:
        before, after = _SHAPES.get(node.address.kind, _BOX)
        kind = f":::{node.state}" if node.state in _CLASSES else ""
        lines.append(f'  {names[node.address]}{before}"{_quoted(str(node.address))}"{after}{kind}')
    lines += [f"  {names[user]} --> {names[used]}" for user, used in drawn.edges]
    used_states = {node.state for node in drawn.nodes}
    lines += [f"  classDef {state} {style}" for state, style in _CLASSES.items() if state in used_states]
    return "\n".join(lines) + "\n"


def _quoted(said: str) -> str:
    """Return a text with what could end it, or be taken for HTML, written as Mermaid's numbers."""
    return "".join(each if each.isalnum() or each in _PLAIN else f"#{ord(each)};" for each in in_line(said))
