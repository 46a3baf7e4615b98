"""Devices of domains: plugged in, changed and taken out."""

from __future__ import annotations

from typing import Any, Final

from kvmctl.hypervisor.connection import Connection
from kvmctl.hypervisor.library import libvirt

_LIVE: Final = libvirt.VIR_DOMAIN_AFFECT_LIVE
_CONFIG: Final = libvirt.VIR_DOMAIN_AFFECT_CONFIG
_SENT: Final = 5  # of an interface's counters, as the guest sees them: four of what it received come first


class Devices(Connection):
    """The calls about a domain's devices; `live` changes the running guest, `config` the definition."""

    def attach_device(self, name: str, xml: str, *, live: bool, config: bool) -> None:
        """Plug in the device that the XML describes."""
        domain = self._of(name)
        self._ask(f"attach a device to vm/{name}", domain.attachDeviceFlags, xml, affecting(live, config))

    def detach_device(self, name: str, xml: str, *, live: bool, config: bool) -> None:
        """Take out the device that the XML describes.

        Live, this only asks the guest to let go of it: `wait_for_device_gone` tells when it has.
        """
        domain = self._of(name)
        self._ask(f"detach a device from vm/{name}", domain.detachDeviceFlags, xml, affecting(live, config))

    def update_device(self, name: str, xml: str, *, live: bool, config: bool) -> None:
        """Change a device in place: a CD-ROM's medium, the link of an interface, the listener of graphics."""
        domain = self._of(name)
        self._ask(f"change a device of vm/{name}", domain.updateDeviceFlags, xml, affecting(live, config))

    def packets_from_guest(self, name: str, device: str) -> int:
        """Return how many packets a running guest has sent through a device of the host, such as vnet0."""
        told = self._ask(f"read the counters of {device} of vm/{name}", self._of(name).interfaceStats, device)
        return int(told[_SENT])

    def _of(self, name: str) -> Any:
        return self._ask(f"find vm/{name}", self.raw.lookupByName, name)


def affecting(live: bool, config: bool) -> int:
    """Return libvirt's flags for a change of the running guest, of the definition, or of both."""
    return (_LIVE if live else 0) | (_CONFIG if config else 0)
