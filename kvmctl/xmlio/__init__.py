"""Models ↔ libvirt's XML: reads what an element says, and writes changes onto an existing tree, touching no more."""

from kvmctl.xmlio.places import elements, is_nothing
from kvmctl.xmlio.reading import parse, read
from kvmctl.xmlio.writing import new_element, remove, serialize, write

__all__ = ["elements", "is_nothing", "new_element", "parse", "read", "remove", "serialize", "write"]
