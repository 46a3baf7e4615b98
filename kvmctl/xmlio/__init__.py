"""Models ↔ libvirt's XML: reads what an element says, and writes changes onto an existing tree, touching no more."""

from kvmctl.parsing import parse
from kvmctl.xmlio.excerpt import parse_excerpt
from kvmctl.xmlio.overlay import beyond, flat, merge, same
from kvmctl.xmlio.partial import beside, overlay_of
from kvmctl.xmlio.places import elements, is_nothing
from kvmctl.xmlio.reading import read, read_row
from kvmctl.xmlio.saying import says
from kvmctl.xmlio.writing import contradicted, new_element, remove, serialize, write

__all__ = [
    "beside",
    "beyond",
    "contradicted",
    "elements",
    "flat",
    "is_nothing",
    "merge",
    "new_element",
    "overlay_of",
    "parse",
    "parse_excerpt",
    "read",
    "read_row",
    "remove",
    "same",
    "says",
    "serialize",
    "write",
]
