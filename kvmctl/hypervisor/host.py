"""What the host is and offers."""

from __future__ import annotations

from kvmctl.hypervisor import capabilities
from kvmctl.hypervisor.connection import LONG_PATIENCE, Connection


class Host(Connection):
    """The calls about the host itself."""

    def hostname(self) -> str:
        """Return the host's name, as libvirt there knows it."""
        name: str = self._ask("ask for the host's name", self.raw.getHostname)
        return name

    def libvirt_version(self) -> str:
        """Return the version of the host's libvirt, such as 9.0.0."""
        return _version(self._ask("ask for libvirt's version", self.raw.getLibVersion))

    def hypervisor_version(self) -> str:
        """Return the version of the host's hypervisor (QEMU), such as 7.2.19."""
        return _version(self._ask("ask for the hypervisor's version", self.raw.getVersion))

    def capabilities(self) -> capabilities.Capabilities:
        """Return what the host offers (https://libvirt.org/formatcaps.html); the first time is slow."""
        doing = "ask for the host's capabilities"
        return capabilities.parsed(self._ask(doing, self.raw.getCapabilities, patience=LONG_PATIENCE))

    def domain_capabilities(
        self,
        *,
        emulator: str | None = None,
        arch: str | None = None,
        machine: str | None = None,
        type: str | None = None,  # noqa: A002 - libvirt's own word for it
    ) -> str:
        """Return the XML of what one emulator offers (https://libvirt.org/formatdomaincaps.html)."""
        xml: str = self._ask(
            f"ask what {emulator or arch or 'the emulator'} offers",
            self.raw.getDomainCapabilities, emulator, arch, machine, type, 0, patience=LONG_PATIENCE,
        )  # fmt: skip
        return xml


def _version(number: int) -> str:
    """Return libvirt's number of a version (1,000,000 a major, 1,000 a minor) as people write it."""
    return f"{number // 1_000_000}.{number // 1_000 % 1_000}.{number % 1_000}"
