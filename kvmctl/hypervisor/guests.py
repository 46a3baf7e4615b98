"""What runs inside a guest, as far as libvirt can tell from outside: its addresses, its agent, its console."""

from __future__ import annotations

import base64
import ipaddress
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from kvmctl.errors import HypervisorError
from kvmctl.hypervisor.connection import COPY_PATIENCE, Connection
from kvmctl.hypervisor.failures import Code
from kvmctl.hypervisor.library import libvirt, libvirt_qemu

if TYPE_CHECKING:
    from collections.abc import Iterator

_SOURCES: Final = {
    "lease": libvirt.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_LEASE,
    "agent": libvirt.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_AGENT,
    "ARP": libvirt.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_ARP,
}
"""Who knows a guest's addresses: the DHCP server of a libvirt network, the guest itself, and the host's neighbours."""
_AGENT_SECONDS: Final = 5
_PIECE: Final = 64 * 1024


class Told(NamedTuple):
    """What one source says of a guest's addresses: the addresses, or what is wrong with asking."""

    source: str
    addresses: tuple[str, ...] = ()
    problem: str = ""

    def __str__(self) -> str:
        return f"{self.source}: {', '.join(self.addresses) or self.problem or 'none'}"


class Guests(Connection):
    """The calls about guests; none of them waits longer than a few seconds for one."""

    def guest_addresses(self, name: str) -> tuple[Told, ...]:
        """Return what each source says; a read-only connection may not ask the agent."""
        domain = self._guest(name)
        sources = {word: number for word, number in _SOURCES.items() if word != "agent" or not self.readonly}
        return tuple(self._told(name, domain, word, number) for word, number in sources.items())

    def _told(self, name: str, domain: Any, word: str, number: int) -> Told:
        try:
            held = self._ask(f"ask {word} for the addresses of vm/{name}", domain.interfaceAddresses, number, 0)
        except HypervisorError as error:
            return Told(word, problem=str(error.__cause__ or error.message))
        return Told(word, tuple(_usable(held or {})))

    def guest_file(self, name: str, path: str) -> bytes | None:
        """Return what a guest's agent reads from a file; None where the guest has none of that path."""
        try:
            handle = self._agent(name, "guest-file-open", path=path, mode="r")
        except HypervisorError as error:
            if error.code == Code.INTERNAL_ERROR:  # the agent's own errors; that it doesn't answer has another code
                return None
            raise
        try:
            told = self._agent(name, "guest-file-read", handle=handle, count=_PIECE)
        finally:
            self._agent(name, "guest-file-close", handle=handle)
        return base64.b64decode(told["buf-b64"])

    def _agent(self, name: str, verb: str, **arguments: Any) -> Any:
        import json

        words = json.dumps({"execute": verb, "arguments": arguments})
        ask = libvirt_qemu.qemuAgentCommand
        answer = self._ask(f"have the agent of vm/{name} do {verb}", ask, self._guest(name), words, _AGENT_SECONDS, 0)
        return json.loads(answer)["return"]

    def open_console(self, name: str, device: str | None = None, *, force: bool = False) -> Console:
        """Return the text console of a running domain; `force` takes it from whoever has it."""
        domain, doing = self._guest(name), f"open the console of vm/{name}"
        stream = self._ask(doing, self.raw.newStream, 0)
        flags = libvirt.VIR_DOMAIN_CONSOLE_FORCE if force else libvirt.VIR_DOMAIN_CONSOLE_SAFE
        try:
            self._ask(doing, domain.openConsole, device, stream, flags)
        except HypervisorError as error:
            if force or error.code != Code.ARGUMENT_UNSUPPORTED:
                raise
            self._ask(doing, domain.openConsole, device, stream, 0)  # a driver that can't tell who else has it
        return Console(self, stream, f"the console of vm/{name}")

    def ask_console(self, doing: str, function: Any, *arguments: Any) -> Any:
        """Return what a call on a console's stream returns, which takes as long as the guest is silent."""
        return self._ask(doing, function, *arguments, patience=COPY_PATIENCE)

    def _guest(self, name: str) -> Any:
        return self._ask(f"find vm/{name}", self.raw.lookupByName, name)


class Console:
    """An open console; one thread may read while another one writes."""

    def __init__(self, guests: Guests, stream: Any, name: str) -> None:
        self._guests = guests
        self._stream = stream
        self._name = name

    def read(self) -> bytes:
        """Return what the guest says next; nothing once it has stopped."""
        data: bytes = self._guests.ask_console(f"read {self._name}", self._stream.recv, _PIECE)
        return data

    def write(self, data: bytes) -> None:
        """Type something."""
        while data:
            data = data[self._guests.ask_console(f"write to {self._name}", self._stream.send, data) :]

    def close(self) -> None:
        """Leave the console; the guest goes on."""
        self._guests.ask_console(f"close {self._name}", self._stream.abort)


def _usable(interfaces: dict[str, Any]) -> Iterator[str]:
    """Yield the addresses by which others reach a guest, those of version 4 first; of a link alone they are no use."""
    found = [ipaddress.ip_address(each["addr"]) for held in interfaces.values() for each in held.get("addrs") or ()]
    for address in sorted(dict.fromkeys(found), key=lambda each: (each.version, each.packed)):
        if not (address.is_loopback or address.is_link_local or address.is_unspecified):
            yield str(address)
