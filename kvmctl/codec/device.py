"""Notations of single devices: where graphics listen, what a serial port is, services, context ids, sockets."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final
from xml.etree.ElementTree import SubElement

from kvmctl.codec.element import ElementCodec
from kvmctl.codec.notation import Codec, notation
from kvmctl.codec.plain import Text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from xml.etree.ElementTree import Element

AUTO: Final = "auto"
_SERVICE: Final = r"[0-9]{1,5}|[a-z][a-z0-9_-]*"
_PORTS: Final = range(2**16)
_CONTEXTS: Final = range(3, 2**32)  # the first three are the hypervisor's, the loopback's and the host's


@notation
class Service(Codec[str]):
    """A TCP or UDP port, by its number or by the name that the host knows for it; kept as text, as libvirt does."""

    expects: str = "a port number or the name of a service, such as 4555 or telnet"
    name: str = "service"

    def parse(self, value: object) -> str:
        """Return the text."""
        return str(value) if type(value) is int and value in _PORTS else Text(_SERVICE).parse(value)

    def dump(self, value: str) -> object:
        """Return a number as one."""
        return int(value) if value.isdecimal() and str(int(value)) == value else value

    def read(self, text: str) -> str:
        """Return libvirt's text unjudged."""
        return text

    def schema(self) -> dict[str, Any]:
        """Return a port number, or text."""
        return {
            "type": ["integer", "string"],
            "minimum": _PORTS[0],
            "maximum": _PORTS[-1],
            "pattern": f"^(?:{_SERVICE})$",
        }


@notation
class UpperHex(Codec[str]):
    """A hexadecimal number of `digits` digits, in capitals, as libvirt prints the ids of USB redirection: `0x15E1`."""

    digits: int = 4
    name: str = "hexadecimal"

    @property
    def expects(self) -> str:  # type: ignore[override]
        """The notation, by an example."""
        return f'a hexadecimal number of {self.digits} digits in quotes, such as "0x{"15E1"[: self.digits]}"'

    def parse(self, value: object) -> str:
        """Return the canonical text."""
        if type(value) is not str or not re.fullmatch(f"0x[0-9a-fA-F]{{1,{self.digits}}}", value):
            raise ValueError
        return f"0x{int(value, 16):0{self.digits}X}"

    def read(self, text: str) -> str:
        """Return libvirt's text unjudged."""
        return text

    def schema(self) -> dict[str, Any]:
        """Return text of that many digits."""
        return {"type": "string", "pattern": f"^0x[0-9a-fA-F]{{1,{self.digits}}}$"}


_SERIAL_MODELS: Final[Mapping[str, tuple[str, str]]] = {
    "isa-serial": ("isa-serial", "isa-serial"),
    "usb-serial": ("usb-serial", "usb-serial"),
    "pci-serial": ("pci-serial", "pci-serial"),
    "spapr-vio-serial": ("spapr-vio-serial", "spapr-vty"),
    "system-serial": ("system-serial", ""),
    "pl011": ("system-serial", "pl011"),
    "16550a": ("system-serial", "16550a"),
    "sclp-serial": ("sclp-serial", ""),
    "sclpconsole": ("sclp-serial", "sclpconsole"),
    "sclplmconsole": ("sclp-serial", "sclplmconsole"),
    "isa-debug": ("isa-debug", "isa-debugcon"),
}
"""Of each word the type of the port's target and its model; '' where libvirt chooses one by the machine."""


@notation
class SerialModel(ElementCodec):
    """What kind of serial port the guest sees: one word for the type of libvirt's target and for the model in it."""

    name: str = "serial model"

    @property
    def expects(self) -> str:  # type: ignore[override]
        """The words."""
        return "one of " + ", ".join(_SERIAL_MODELS)

    def parse(self, value: object) -> str:
        """Return the word."""
        if not isinstance(value, str) or value not in _SERIAL_MODELS:
            raise ValueError
        return str(value)

    def read_element(self, element: Element) -> str | None:
        """Return the word for a target; None for a model that the notation doesn't know."""
        kind, model = element.get("type"), element.find("model")
        told = (kind, "" if model is None else model.get("name", ""))
        exact = next((word for word, pair in _SERIAL_MODELS.items() if pair == told), None)
        return exact or (None if told[1] else kind)

    def write_element(self, element: Element, value: str) -> None:
        """Make a target say its type and its model."""
        kind, name = _SERIAL_MODELS.get(value, (value, ""))
        element.set("type", kind)
        model = element.find("model")
        if model is not None and not name:
            element.remove(model)
        elif name:
            (SubElement(element, "model") if model is None else model).set("name", name)

    def same(self, have: str, want: str) -> bool:
        """Say whether `have` is `want`, or a model of that type."""
        return have == want or _SERIAL_MODELS.get(have, (have, ""))[0] == want

    def schema(self) -> dict[str, Any]:
        """Return an enumeration."""
        return {"enum": list(_SERIAL_MODELS)}


@notation
class Listen(ElementCodec):
    """Where graphics listen: an address, `network:NAME`, `socket:PATH`, or a bare `socket`, `address` or `none`.

    libvirt says it in a `listen` element and, for addresses and for VNC's sockets, in an attribute too.
    """

    expects: str = (
        "an address or host name, address (the one of the host's configuration), none, network: and a network's name, "
        "socket: and an absolute path, or socket"
    )
    name: str = "listen"
    pattern: str = r"socket:/.+|network:.+|(?!socket:|network:)[^\s/]+"

    def parse(self, value: object) -> str:
        """Return the text."""
        return Text(self.pattern).parse(value)

    def read_element(self, element: Element) -> str | None:
        """Return what the first listen element says, or else the attributes; None where graphics don't listen."""
        first = element.find("listen")
        kind = "address" if first is None else first.get("type", "address")
        place = {"address": "address", "network": "network", "socket": "socket"}.get(kind, "")
        told = None if first is None else first.get(place)
        match kind:
            case "address":
                told = told or element.get("listen")
                path = element.get("socket") if first is None else None
                return told or (f"socket:{path}" if path else None if first is None else kind)
            case "network" | "socket" if told:
                return f"{kind}:{told}"
            case _:
                return kind

    def write_element(self, element: Element, value: str) -> None:
        """Make graphics say it in both places."""
        for attribute in ("listen", "socket"):
            element.attrib.pop(attribute, None)
        first = element.find("listen")
        first = SubElement(element, "listen") if first is None else first
        first.attrib.clear()
        kind, _, told = value.partition(":") if value.startswith(("network:", "socket:")) else (value, "", "")
        if kind not in ("address", "network", "socket", "none"):
            kind, told = "address", value
            element.set("listen", value)
        first.set("type", kind)
        if told:
            first.set(kind, told)
        if kind == "socket" and told and element.get("type") == "vnc":
            element.set("socket", told)
            for attribute in (
                "port",
                "autoport",
                "websocket",
            ):  # libvirt's schema allows no ports beside a socket (9.0)
                element.attrib.pop(attribute, None)

    def schema(self) -> dict[str, Any]:
        """Return text of that form."""
        return {"type": "string", "pattern": f"^(?:{self.pattern})$"}


@notation
class ContextId(ElementCodec):
    """The address of a vsock: a number, or `auto` for one that libvirt picks at each start."""

    expects: str = "a context id from 3 to 4294967295, or auto"
    name: str = "context id"

    def parse(self, value: object) -> str:
        """Return the text."""
        if value == AUTO or (type(value) is int and value in _CONTEXTS):
            return str(value)
        raise ValueError

    def dump(self, value: str) -> object:
        """Return a number as one."""
        return int(value) if value.isdecimal() else value

    def read_element(self, element: Element) -> str | None:
        """Return auto or the number; the number that a running guest was given isn't its definition's."""
        return AUTO if element.get("auto") == "yes" else element.get("address")

    def write_element(self, element: Element, value: str) -> None:
        """Make a cid say it."""
        element.attrib.clear()
        element.set("auto", "yes" if value == AUTO else "no")
        if value != AUTO:
            element.set("address", value)

    def schema(self) -> dict[str, Any]:
        """Return a number, or the word."""
        return {
            "type": ["integer", "string"],
            "minimum": _CONTEXTS[0],
            "maximum": _CONTEXTS[-1],
            "pattern": f"^{AUTO}$",
        }


@notation
class SocketPath(ElementCodec):
    """The `path` of an element that may be there without one: `auto` for one that libvirt picks."""

    expects: str = "an absolute path on the host, starting with /, or auto"
    name: str = "socket"

    def parse(self, value: object) -> str:
        """Return the text."""
        return Text(f"/.+|{AUTO}").parse(value)

    def read_element(self, element: Element) -> str | None:
        """Return the path, or auto."""
        return element.get("path") or AUTO

    def write_element(self, element: Element, value: str) -> None:
        """Make the element say it."""
        element.attrib.pop("path", None)
        if value != AUTO:
            element.set("path", value)

    def schema(self) -> dict[str, Any]:
        """Return an absolute path, or the word."""
        return {"type": "string", "pattern": f"^(?:/.+|{AUTO})$"}
