"""Limits, shares and pins of running domains and of their definitions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from kvmctl.hypervisor.connection import Connection
from kvmctl.hypervisor.devices import affecting
from kvmctl.live import LiveCall

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

_SETTERS: Final = {
    LiveCall.SCHEDULER: "setSchedulerParametersFlags",
    LiveCall.MEMORY_LIMITS: "setMemoryParameters",
    LiveCall.BLOCK_SHARES: "setBlkioParameters",
    LiveCall.NODES: "setNumaParameters",
    LiveCall.IOTUNE: "setBlockIoTune",
    LiveCall.BANDWIDTH: "setInterfaceParameters",
}


class Tuning(Connection):
    """The calls that tune a domain; `live` changes the running guest, `config` the definition."""

    def tune(self, name: str, call: LiveCall, parameters: Mapping[str, Any], *, device: str = "", live: bool) -> None:
        """Set parameters under libvirt's names, of the running guest or, if not `live`, of the definition.

        `device` is a disk's target or an interface's MAC address. Never both at once: libvirt-python asks for the
        parameters' types with the same flags, and libvirt refuses to tell of both (libvirt 9.0).
        """
        setter = getattr(self._found_for(name), _SETTERS[call])
        arguments = (*([device] if device else ()), dict(parameters), affecting(live, not live))
        self._ask(f"tune vm/{name} ({call.value})", setter, *arguments)

    def pin(  # noqa: PLR0913 - what libvirt's calls take
        self, name: str, call: LiveCall, number: int, cpus: Collection[int], *, live: bool, config: bool
    ) -> None:
        """Pin a virtual CPU, an I/O thread or the emulator's own threads to CPUs of the host."""
        domain, flags = self._found_for(name), affecting(live, config)
        mask = tuple(cpu in cpus for cpu in range(max(cpus) + 1))
        doing = f"pin threads of vm/{name} ({call.value})"
        match call:
            case LiveCall.PIN_VCPU:
                self._ask(doing, domain.pinVcpuFlags, number, mask, flags)
            case LiveCall.PIN_IOTHREAD:
                self._ask(doing, domain.pinIOThread, number, mask, flags)
            case _:
                self._ask(doing, domain.pinEmulator, mask, flags)

    def add_iothread(self, name: str, number: int, *, live: bool, config: bool) -> None:
        """Add the I/O thread with that number."""
        domain = self._found_for(name)
        self._ask(f"add I/O thread {number} of vm/{name}", domain.addIOThread, number, affecting(live, config))

    def delete_iothread(self, name: str, number: int, *, live: bool, config: bool) -> None:
        """Delete an I/O thread; libvirt refuses that of one that a disk uses."""
        domain = self._found_for(name)
        self._ask(f"delete I/O thread {number} of vm/{name}", domain.delIOThread, number, affecting(live, config))

    def _found_for(self, name: str) -> Any:
        return self._ask(f"find vm/{name}", self.raw.lookupByName, name)
