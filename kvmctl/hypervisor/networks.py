"""Networks: listed, read, defined, started and stopped."""

from __future__ import annotations

from typing import Any, Final

from kvmctl.errors import HypervisorError
from kvmctl.hypervisor.connection import LONG_PATIENCE, Connection, Job
from kvmctl.hypervisor.entries import NetworkEntry
from kvmctl.hypervisor.failures import Code
from kvmctl.hypervisor.library import libvirt
from kvmctl.hypervisor.naming import named
from kvmctl.names import NAMESPACE, PREFIX

_COMMANDS: Final = {
    "delete": libvirt.VIR_NETWORK_UPDATE_COMMAND_DELETE,
    "modify": libvirt.VIR_NETWORK_UPDATE_COMMAND_MODIFY,
    "add-first": libvirt.VIR_NETWORK_UPDATE_COMMAND_ADD_FIRST,
    "add-last": libvirt.VIR_NETWORK_UPDATE_COMMAND_ADD_LAST,
}
_SECTIONS: Final = {
    "ip-dhcp-host": libvirt.VIR_NETWORK_SECTION_IP_DHCP_HOST,
    "ip-dhcp-range": libvirt.VIR_NETWORK_SECTION_IP_DHCP_RANGE,
    "forward-interface": libvirt.VIR_NETWORK_SECTION_FORWARD_INTERFACE,
    "portgroup": libvirt.VIR_NETWORK_SECTION_PORTGROUP,
    "dns-host": libvirt.VIR_NETWORK_SECTION_DNS_HOST,
    "dns-txt": libvirt.VIR_NETWORK_SECTION_DNS_TXT,
    "dns-srv": libvirt.VIR_NETWORK_SECTION_DNS_SRV,
}


class Networks(Connection):
    """The calls about networks."""

    def networks(self) -> list[NetworkEntry]:
        """Return all networks, by name, in four calls however many there are."""
        doing, ask = "list the networks", self.raw.listAllNetworks
        every = self._ask(doing, ask, 0)
        active, autostart, persistent = (
            {network.name() for network in self._ask(doing, ask, flag)}
            for flag in (
                libvirt.VIR_CONNECT_LIST_NETWORKS_ACTIVE,
                libvirt.VIR_CONNECT_LIST_NETWORKS_AUTOSTART,
                libvirt.VIR_CONNECT_LIST_NETWORKS_PERSISTENT,
            )
        )
        found = [
            NetworkEntry(
                name := network.name(),
                network.UUIDString(),
                name in active,
                name in autostart,
                name in persistent,
                network,
            )
            for network in every
        ]
        return sorted(found, key=lambda network: network.name)

    def network_xml(self, network: NetworkEntry | str, *, running: bool = False) -> str:
        """Return the definition in effect at the next start, or with `running` the one in effect now."""
        job = self.network_xml_job(network, running=running)
        xml: str = self._ask(job.doing, job.function, *job.arguments)
        return xml

    def network_xml_job(self, network: NetworkEntry | str, *, running: bool = False) -> Job:
        """Return the question behind `network_xml`, for asking many side by side."""
        flags = 0 if running or self.has_one_definition else libvirt.VIR_NETWORK_XML_INACTIVE
        name, handle = (network, self._network(network)) if isinstance(network, str) else (network.name, network.handle)
        return Job(f"read network/{name}", handle.XMLDesc, (flags,))

    def define_network(self, xml: str, *, validate: bool = True) -> None:
        """Define a network, or change the definition of the one with the same name and UUID.

        What runs goes on as it is.
        """
        flags = libvirt.VIR_NETWORK_DEFINE_VALIDATE if validate else 0
        self._ask(f"define network/{named(xml)}", self.raw.networkDefineXMLFlags, xml, flags)

    def set_network_mark(self, name: str, text: str, *, live: bool) -> bool:
        """Set kvmctl's element in the metadata, with `live` in the running network too; False where libvirt can't.

        Networks have calls for their metadata since libvirt 9.7.
        """
        network = self._network(name)
        if not hasattr(network, "setMetadata"):
            return False
        flags = libvirt.VIR_NETWORK_UPDATE_AFFECT_CONFIG | (libvirt.VIR_NETWORK_UPDATE_AFFECT_LIVE if live else 0)
        part = libvirt.VIR_NETWORK_METADATA_ELEMENT
        try:
            self._ask(f"describe network/{name}", network.setMetadata, part, text, PREFIX, NAMESPACE, flags)
        except HypervisorError as error:
            if error.code == Code.NO_SUPPORT:  # an older libvirtd, or another driver
                return False
            raise
        return True

    def undefine_network(self, name: str) -> None:
        """Remove a network's definition; a running one goes on until it is stopped."""
        self._ask(f"undefine network/{name}", self._network(name).undefine)

    def start_network(self, name: str) -> None:
        """Start a network: its bridge, its addresses, its DHCP and DNS server."""
        self._ask(f"start network/{name}", self._network(name).create, patience=LONG_PATIENCE)

    def stop_network(self, name: str) -> None:
        """Stop a network; its bridge goes, and its guests stay cut off until they are plugged in again."""
        self._ask(f"stop network/{name}", self._network(name).destroy, patience=LONG_PATIENCE)

    def update_network(  # noqa: PLR0913 - as virsh net-update has them
        self, name: str, command: str, section: str, xml: str, *, parent: int, live: bool, config: bool
    ) -> None:
        """Change one item of a network's lists, in what runs (`live`), in the definition (`config`), or in both.

        `command` and `section` are virsh's words; `parent` is the position of the address that the item is below.
        """
        flags = (libvirt.VIR_NETWORK_UPDATE_AFFECT_LIVE if live else 0) | (
            libvirt.VIR_NETWORK_UPDATE_AFFECT_CONFIG if config else 0
        )
        update = self._network(name).update
        doing = f"{command} {section} of network/{name}"
        self._ask(doing, update, _COMMANDS[command], _SECTIONS[section], parent, xml, flags)

    def network_ports(self, name: str) -> frozenset[str] | None:
        """Return the UUIDs of the ports that interfaces have on a running network; None where there are no such.

        They go when the network is stopped, and the interfaces that had them stay cut off (libvirt 9.0).
        """
        try:
            ports = self._ask(f"list the ports of network/{name}", self._network(name).listAllPorts)
        except HypervisorError as error:
            if error.code in (Code.NO_SUPPORT, Code.NO_NETWORK, Code.OPERATION_INVALID):
                return None
            raise
        return frozenset(port.UUIDString() for port in ports)

    def network_leases(self, name: str) -> dict[str, str]:
        """Return the address that each MAC address has been lent by a running network."""
        leases = self._ask(f"list the leases of network/{name}", self._network(name).DHCPLeases)
        return {lease["mac"]: lease["ipaddr"] for lease in leases if lease["mac"]}

    def set_network_autostart(self, name: str, autostart: bool) -> None:
        """Set whether libvirt starts the network when the host boots."""
        doing = f"set the autostart of network/{name}"
        self._ask(doing, self._network(name).setAutostart, int(autostart))

    def _network(self, name: str) -> Any:
        return self._ask(f"find network/{name}", self.raw.networkLookupByName, name)
