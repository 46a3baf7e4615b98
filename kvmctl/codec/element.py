"""Notations of a whole element: one word of YAML for what libvirt spreads over several attributes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from kvmctl.codec.notation import Codec, notation
from kvmctl.codec.plain import Text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from xml.etree.ElementTree import Element


class ElementCodec(Codec[str]):
    """A notation that reads and writes an element instead of the text at one place of it.

    Values are the canonical text: what `read_element` gives is what `parse` gives for the same meaning.
    """

    def read_element(self, element: Element) -> str | None:
        """Return the value that an element says; None where it says nothing, or what the notation can't."""
        raise NotImplementedError

    def write_element(self, element: Element, value: str) -> None:
        """Make an element say the value."""
        raise NotImplementedError

    def schema(self) -> dict[str, Any]:
        """Return text in the format, which is named after the notation."""
        return {"type": "string", "format": f"kvmctl-{self.name.lower().replace(' ', '-')}"}


@notation
class Document(Text):
    """A partial libvirt document; how one is read, compared and merged is `xmlio`'s."""

    expects: str = "a partial libvirt document as text, such as <domain><devices><hub type='usb'/></devices></domain>"
    name: str = "XML"


def _hex(digits: int) -> str:
    return rf"(?:0x)?([0-9a-fA-F]{{1,{digits}}})"


_NUMBER: Final = r"([0-9]{1,10})"
_FORMS: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "pci": (rf"{_hex(8)}:{_hex(2)}:{_hex(2)}\.([0-7])", ("domain", "bus", "slot", "function")),
    "drive": (rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}\.{_NUMBER}", ("controller", "bus", "target", "unit")),
    "usb": (rf"{_NUMBER}\.([0-9]+(?:\.[0-9]+){{0,3}})", ("bus", "port")),
    "virtio-serial": (rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}", ("controller", "bus", "port")),
    "ccid": (rf"{_NUMBER}\.{_NUMBER}", ("controller", "slot")),
    "ccw": (rf"{_hex(2)}\.([0-3])\.{_hex(4)}", ("cssid", "ssid", "devno")),
    "spapr-vio": (_hex(16), ("reg",)),
    "isa": (_hex(8), ("iobase",)),
    "dimm": (rf"{_NUMBER}(?:@{_hex(16)})?", ("slot", "base")),
    "virtio-mmio": ("", ()),
    "unassigned": ("", ()),
}
"""Of each type of address the notation behind its name, and the attributes that its parts stand for."""

_WIDTHS: Final = {
    "domain": 4, "bus": 2, "slot": 2, "function": 1, "cssid": 1, "ssid": 1, "devno": 4, "reg": 1, "iobase": 1,
    "base": 1,
}  # fmt: skip
_HEXADECIMAL: Final = {
    **dict.fromkeys(("pci", "ccw", "spapr-vio", "isa"), frozenset(_WIDTHS)),
    "dimm": frozenset({"base"}),
}
_MULTIFUNCTION: Final = "+multifunction"
_OPTIONAL: Final = frozenset({"base"})
_END: Final = "none"


@notation
class DeviceAddress(ElementCodec):
    """Where a device sits in the machine: `pci:0000:01:00.0`, `drive:0.0.0.1`, `usb:0.2`, `virtio-serial:0.0.1`."""

    expects: str = (
        "a device address such as pci:0000:01:00.0 (+multifunction behind it where it is one), drive:0.0.0.1 "
        "(controller, bus, target, unit), usb:0.2, virtio-serial:0.0.1, ccid:0.0, ccw:fe.0.0001, spapr-vio:0x1000, "
        "isa:0x505, dimm:0@0x100000000, virtio-mmio or unassigned"
    )
    name: str = "device address"

    def parse(self, value: object) -> str:
        """Return the canonical text: PCI numbers as lspci writes them."""
        if type(value) is not str:
            raise ValueError
        kind, _, rest = value.partition(":")
        if kind not in _FORMS:
            raise ValueError
        multifunction = kind == "pci" and rest.endswith(_MULTIFUNCTION)
        pattern, names = _FORMS[kind]
        match = re.fullmatch(pattern, rest.removesuffix(_MULTIFUNCTION) if kind == "pci" else rest)
        if match is None:
            raise ValueError
        parts = {name: text for name, text in zip(names, match.groups(), strict=True) if text is not None}
        return _text(kind, {name: _canonical(kind, name, text) for name, text in parts.items()}, multi=multifunction)

    def read_element(self, element: Element) -> str | None:
        """Return the text of an address of a type that the notation knows, with no attributes beyond it."""
        kind = element.get("type", "")
        if kind not in _FORMS or len(element):
            return None
        names = _FORMS[kind][1]
        beyond = element.attrib.keys() - {"type", "multifunction", *names}
        given = [name for name in names if element.get(name) is not None]
        if beyond or element.get("multifunction", "on") != "on" or {*names} - {*given} - _OPTIONAL:
            return None
        parts = {name: _canonical(kind, name, element.get(name, "").removeprefix("0x")) for name in given}
        return _text(kind, parts, multi=element.get("multifunction") == "on")

    def write_element(self, element: Element, value: str) -> None:
        """Make an element say the address, as libvirt prints it."""
        kind, _, rest = value.partition(":")
        pattern, names = _FORMS[kind]
        match = re.fullmatch(pattern, rest.removesuffix(_MULTIFUNCTION))
        element.attrib.clear()
        element.set("type", kind)
        for name, text in zip(names, match.groups() if match else (), strict=True):
            if text is not None:
                element.set(name, f"0x{text}" if name in _HEXADECIMAL.get(kind, ()) else text)
        if rest.endswith(_MULTIFUNCTION):
            element.set("multifunction", "on")

    def schema(self) -> dict[str, Any]:
        """Return text of one of the forms."""
        forms = [
            (f"{kind}:{pattern}" if pattern else kind) + (rf"(?:{re.escape(_MULTIFUNCTION)})?" if kind == "pci" else "")
            for kind, (pattern, _) in _FORMS.items()
        ]
        return {"type": "string", "pattern": f"^(?:{'|'.join(forms)})$"}


def _canonical(kind: str, name: str, text: str) -> str:
    """Return a part of an address as libvirt writes it, without the 0x."""
    if name not in _HEXADECIMAL.get(kind, ()):
        return ".".join(str(int(part)) for part in text.split("."))
    return f"{int(text, 16):0{_WIDTHS[name]}x}"


def _text(kind: str, parts: Mapping[str, str], *, multi: bool) -> str:
    values = list(parts.values())
    match kind:
        case "pci":
            domain, bus, slot, function = values
            return f"pci:{domain}:{bus}:{slot}.{function}{_MULTIFUNCTION if multi else ''}"
        case "spapr-vio" | "isa":
            return f"{kind}:0x{values[0]}"
        case "dimm":
            return f"dimm:{'@0x'.join(values)}"
        case "virtio-mmio" | "unassigned":
            return kind
        case _:
            return f"{kind}:{'.'.join(values)}"


@notation
class PciPlace(DeviceAddress):
    """A PCI address of the host, `0000:00:1f.2`, in an element that needn't say that it is one."""

    expects: str = "a PCI address such as 0000:00:1f.2"
    name: str = "PCI address"

    def parse(self, value: object) -> str:
        """Return the address as lspci writes it."""
        if type(value) is not str or "+" in value:
            raise ValueError
        return super().parse(f"pci:{value}").removeprefix("pci:")

    def read_element(self, element: Element) -> str | None:
        """Return the address; None where a part of it is missing."""
        names = _FORMS["pci"][1]
        if any(element.get(name) is None for name in names):
            return None
        parts = {name: _canonical("pci", name, element.get(name, "").removeprefix("0x")) for name in names}
        return _text("pci", parts, multi=False).removeprefix("pci:")

    def write_element(self, element: Element, value: str) -> None:
        """Make an element say the address, as libvirt prints it."""
        super().write_element(element, f"pci:{value}")
        del element.attrib["type"]

    def schema(self) -> dict[str, Any]:
        """Return text of that form."""
        return {"type": "string", "pattern": f"^(?:{_FORMS['pci'][0]})$"}


@notation
class EndOfChain(ElementCodec):
    """`none` for an element that says nothing: libvirt's mark that a chain ends above it."""

    expects: str = "none, or nothing"
    name: str = "end of chain"

    def parse(self, value: object) -> str:
        """Return the word."""
        if value != _END:
            raise ValueError
        return _END

    def read_element(self, element: Element) -> str | None:
        """Return the word for an element without attributes and children, None for others."""
        return None if element.attrib or len(element) else _END

    def write_element(self, element: Element, value: str) -> None:  # noqa: ARG002 - there is but one value
        """Empty the element."""
        element.clear()

    def schema(self) -> dict[str, Any]:
        """Return the word."""
        return {"enum": [_END]}
