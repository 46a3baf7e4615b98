"""Room for devices that are plugged into a running machine: PCI Express has a port for each, made when it started."""

from __future__ import annotations

from kvmctl import xmlio

WITHOUT_PORT = frozenset({"scsi", "usb"})
NO_ROOM = (
    "it has no free PCI Express port for another device while it runs; the definition gets one more for its next start"
)


class Ports:
    """The free ports of a running machine; `lacking` says whether one was asked for in vain.

    A machine on conventional PCI has room enough, and counts nothing. libvirt gives a PCI Express machine a port for
    each device that it is defined with and one to spare (libvirt: docs/pci-hotplug).
    """

    def __init__(self, running_xml: str) -> None:
        root = xmlio.parse(running_xml)
        controllers = root.findall("devices/controller[@type='pci']")
        self._limited = any(each.get("model") == "pcie-root" for each in controllers)
        ports = {int(each.get("index", "0")) for each in controllers if each.get("model") == "pcie-root-port"}
        taken = {int(each.get("bus", "0"), 16) for each in root.iterfind("devices/*/address[@type='pci']")}
        self._free = len(ports - taken)
        self.lacking = False

    def take(self) -> bool:
        """Take a port for one more device; False where none is left."""
        if self._limited and self._free <= 0:
            self.lacking = True
            return False
        self._free -= 1
        return True
