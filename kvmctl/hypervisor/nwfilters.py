"""Network filters: listed, read, defined and removed."""

from __future__ import annotations

from typing import Any, Final

from kvmctl.errors import HypervisorError
from kvmctl.hypervisor.connection import Connection, Job
from kvmctl.hypervisor.entries import NwFilterEntry
from kvmctl.hypervisor.failures import Code
from kvmctl.hypervisor.library import libvirt
from kvmctl.hypervisor.naming import filter_named

BUILT_IN: Final = frozenset({
    "allow-arp", "allow-dhcp", "allow-dhcp-server", "allow-dhcpv6", "allow-dhcpv6-server", "allow-incoming-ipv4",
    "allow-incoming-ipv6", "allow-ipv4", "allow-ipv6", "clean-traffic", "clean-traffic-gateway", "no-arp-ip-spoofing",
    "no-arp-mac-spoofing", "no-arp-spoofing", "no-ip-multicast", "no-ip-spoofing", "no-ipv6-multicast",
    "no-ipv6-spoofing", "no-mac-broadcast", "no-mac-spoofing", "no-other-l2-traffic", "no-other-rarp-traffic",
    "qemu-announce-self", "qemu-announce-self-rarp",
})  # fmt: skip
"""The filters that libvirt 9.0 brings along."""


class NwFilters(Connection):
    """The calls about network filters."""

    def nwfilters(self) -> list[NwFilterEntry]:
        """Return all filters, by name, in one call; none where the driver knows no filters."""
        try:
            listed = self._ask("list the network filters", self.raw.listAllNWFilters, 0)
        except HypervisorError as error:
            if error.code == Code.NO_SUPPORT:
                return []
            raise
        found = [NwFilterEntry(name := each.name(), each.UUIDString(), name in BUILT_IN, each) for each in listed]
        return sorted(found, key=lambda each: each.name)

    def nwfilter_xml(self, name: str) -> str:
        """Return a filter's definition."""
        xml: str = self._ask(f"read nwfilter/{name}", self._nwfilter(name).XMLDesc, 0)
        return xml

    def nwfilter_xml_job(self, nwfilter: NwFilterEntry) -> Job:
        """Return the question behind `nwfilter_xml`, for asking many side by side."""
        return Job(f"read nwfilter/{nwfilter.name}", nwfilter.handle.XMLDesc, (0,))

    def define_nwfilter(self, xml: str, *, validate: bool = False) -> None:
        """Define a filter, or change the one with the same name and UUID: running guests that use it too, at once.

        Without validation, unless asked for: against libvirt's schema it takes twice as long for each attribute that a
        rule has more, an hour for one that has thirty, and all other calls wait (measured with libvirt 9.0).
        """
        flags = libvirt.VIR_NWFILTER_DEFINE_VALIDATE if validate else 0
        self._ask(f"define nwfilter/{filter_named(xml)}", self.raw.nwfilterDefineXMLFlags, xml, flags)

    def undefine_nwfilter(self, name: str) -> None:
        """Remove a filter; libvirt refuses it while a running guest uses it."""
        self._ask(f"undefine nwfilter/{name}", self._nwfilter(name).undefine)

    def _nwfilter(self, name: str) -> Any:
        return self._ask(f"find nwfilter/{name}", self.raw.nwfilterLookupByName, name)
