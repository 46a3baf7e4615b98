"""Domains: listed, read, defined, started and stopped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from kvmctl.errors import HypervisorError
from kvmctl.hypervisor.connection import LONG_PATIENCE, Connection, Job
from kvmctl.hypervisor.entries import DomainEntry, DomainState
from kvmctl.hypervisor.failures import Code
from kvmctl.hypervisor.library import libvirt
from kvmctl.hypervisor.naming import named
from kvmctl.names import NAMESPACE, PREFIX
from kvmctl.parsing import parse

if TYPE_CHECKING:
    from collections.abc import Callable
    from xml.etree.ElementTree import Element

_STATES: Final = {
    libvirt.VIR_DOMAIN_PAUSED: DomainState.PAUSED,
    libvirt.VIR_DOMAIN_SHUTOFF: DomainState.OFF,
    libvirt.VIR_DOMAIN_CRASHED: DomainState.CRASHED,
    libvirt.VIR_DOMAIN_PMSUSPENDED: DomainState.ASLEEP,
}  # all others run: NOSTATE, RUNNING, BLOCKED, and SHUTDOWN, which is on its way down
_SHUTDOWN_MODES: Final = {
    "default": libvirt.VIR_DOMAIN_SHUTDOWN_DEFAULT,
    "acpi": libvirt.VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN,
    "agent": libvirt.VIR_DOMAIN_SHUTDOWN_GUEST_AGENT,
}
_BOTH: Final = libvirt.VIR_DOMAIN_AFFECT_LIVE | libvirt.VIR_DOMAIN_AFFECT_CONFIG


class Domains(Connection):
    """The calls about domains."""

    def domains(self) -> list[DomainEntry]:
        """Return all domains, by name, in five calls however many there are."""
        doing, ask = "list the domains", self.raw.listAllDomains
        every = self._ask(doing, ask, 0)
        paused, autostart, transient, saved = (
            {domain.name() for domain in self._ask(doing, ask, flag)}
            for flag in (
                libvirt.VIR_CONNECT_LIST_DOMAINS_PAUSED,
                libvirt.VIR_CONNECT_LIST_DOMAINS_AUTOSTART,
                libvirt.VIR_CONNECT_LIST_DOMAINS_TRANSIENT,
                libvirt.VIR_CONNECT_LIST_DOMAINS_MANAGEDSAVE,
            )
        )
        found = [
            DomainEntry(
                name := domain.name(),
                domain.UUIDString(),
                domain.ID() != -1,
                name in paused,
                name in autostart,
                name not in transient,
                name in saved,
                domain,
            )
            for domain in every
        ]
        return sorted(found, key=lambda domain: domain.name)

    def domain_xml(self, domain: DomainEntry | str, *, running: bool = False, secure: bool = False) -> str:
        """Return the definition in effect at the next start, or with `running` the one in effect now.

        `secure` includes passwords; a read-only connection is refused it. The answer must never be stored
        or shown.
        """
        job = self.domain_xml_job(domain, running=running, secure=secure)
        xml: str = self._ask(job.doing, job.function, *job.arguments)
        return xml

    def domain_xml_job(self, domain: DomainEntry | str, *, running: bool = False, secure: bool = False) -> Job:
        """Return the question behind `domain_xml`, for asking many side by side."""
        flags = 0 if running else libvirt.VIR_DOMAIN_XML_INACTIVE
        flags |= libvirt.VIR_DOMAIN_XML_SECURE if secure else 0
        name, handle = (domain, self._domain(domain)) if isinstance(domain, str) else (domain.name, domain.handle)
        return Job(f"read vm/{name}", handle.XMLDesc, (flags,))

    def domain_state(self, name: str) -> DomainState:
        """Return what a domain does; one that doesn't exist is off, as transient ones are once stopped."""
        try:
            state, _reason = self._ask(f"ask for the state of vm/{name}", self._domain(name).state)
        except HypervisorError as error:
            if error.code == Code.NO_DOMAIN:
                return DomainState.OFF
            raise
        return _STATES.get(state, DomainState.RUNNING)

    def define_domain(self, xml: str, *, validate: bool = True) -> None:
        """Define a domain, or change the definition of the one with the same name and UUID.

        What runs goes on as it is. `validate` checks the XML against libvirt's schema first: without it,
        unknown elements are dropped silently.
        """
        flags = libvirt.VIR_DOMAIN_DEFINE_VALIDATE if validate else 0
        self._ask(f"define vm/{named(xml)}", self.raw.defineXMLFlags, xml, flags)

    def undefine_domain(self, name: str, *, keep_firmware_state: bool = False) -> None:
        """Remove a domain's definition and what libvirt keeps beside it.

        That is its managed save, the metadata of its snapshots and checkpoints, its NVRAM and TPM state;
        `keep_firmware_state` leaves the files of NVRAM and TPM. Contents of disks are never touched.
        libvirt refuses flags that a driver doesn't know, so that only those are given for which something
        exists.
        """
        domain = self._domain(name)
        flags = self._remains(name, domain, keep=keep_firmware_state)
        self._ask(f"undefine vm/{name}", domain.undefineFlags, flags)

    def _remains(self, name: str, domain: Any, *, keep: bool) -> int:
        doing = f"look at what belongs to vm/{name}"
        flags = 0
        if self._ask(doing, domain.hasManagedSaveImage):
            flags |= libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE
        if self._count(doing, domain.snapshotNum):
            flags |= libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA
        if self._count(doing, lambda: len(domain.listAllCheckpoints())):
            flags |= libvirt.VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA
        root = parse(self._ask(doing, domain.XMLDesc, libvirt.VIR_DOMAIN_XML_INACTIVE))
        return flags | _firmware_flags(root, keep=keep)

    def _count(self, doing: str, function: Callable[[], int]) -> int:
        """Return a number of things that not every driver has."""
        try:
            return self._ask(doing, function)
        except HypervisorError as error:
            if error.code == Code.NO_SUPPORT:
                return 0
            raise

    def start_domain(self, name: str, *, paused: bool = False) -> None:
        """Start a domain, from its managed save where it has one; with `paused` its CPUs stand still."""
        flags = libvirt.VIR_DOMAIN_START_PAUSED if paused else 0
        self._ask(f"start vm/{name}", self._domain(name).createWithFlags, flags, patience=LONG_PATIENCE)

    def shutdown_domain(self, name: str, mode: str = "default") -> None:
        """Ask the guest to stop, by `acpi`, `agent` or libvirt's `default`; returns before it has."""
        self._ask(f"shut down vm/{name}", self._domain(name).shutdownFlags, _SHUTDOWN_MODES[mode])

    def destroy_domain(self, name: str) -> None:
        """Cut the power, after what QEMU has in its cache is written; the definition stays."""
        flags = libvirt.VIR_DOMAIN_DESTROY_GRACEFUL
        self._ask(f"stop vm/{name}", self._domain(name).destroyFlags, flags, patience=LONG_PATIENCE)

    def suspend_domain(self, name: str) -> None:
        """Let a domain's CPUs stand still; its memory stays."""
        self._ask(f"suspend vm/{name}", self._domain(name).suspend)

    def resume_domain(self, name: str) -> None:
        """Let a suspended domain's CPUs go on."""
        self._ask(f"resume vm/{name}", self._domain(name).resume)

    def set_domain_autostart(self, name: str, autostart: bool) -> None:
        """Set whether libvirt starts the domain when the host boots."""
        self._ask(f"set the autostart of vm/{name}", self._domain(name).setAutostart, int(autostart))

    def rename_domain(self, name: str, other: str) -> None:
        """Give a domain that is off another name; its UUID, autostart and snapshots stay."""
        self._ask(f"rename vm/{name}", self._domain(name).rename, other, 0)

    def set_memory_live(self, name: str, kib: int) -> None:
        """Move the balloon of a running guest to `kib` KiB; the guest follows in its own time.

        The definition isn't changed.
        """
        flags = libvirt.VIR_DOMAIN_AFFECT_LIVE
        self._ask(f"set the memory of vm/{name}", self._domain(name).setMemoryFlags, kib, flags)

    def set_vcpus_live(self, name: str, count: int, *, agent: bool = False) -> None:
        """Set the number of a running guest's CPUs; the definition isn't changed.

        Fewer than now may hang QEMU under software emulation (QEMU 7.2, TCG). With `agent` none is unplugged: the
        guest's agent takes them offline.
        """
        flags = libvirt.VIR_DOMAIN_VCPU_GUEST if agent else libvirt.VIR_DOMAIN_AFFECT_LIVE
        self._ask(f"set the vCPUs of vm/{name}", self._domain(name).setVcpusFlags, count, flags)

    def set_domain_title(self, name: str, title: str | None, *, live: bool) -> None:
        """Set the title, or with None remove it; with `live` in the running domain too."""
        self._set_metadata(name, libvirt.VIR_DOMAIN_METADATA_TITLE, title, live=live)

    def set_domain_description(self, name: str, description: str | None, *, live: bool) -> None:
        """Set the description, or with None remove it; with `live` in the running domain too."""
        self._set_metadata(name, libvirt.VIR_DOMAIN_METADATA_DESCRIPTION, description, live=live)

    def set_domain_mark(self, name: str, text: str, *, live: bool) -> None:
        """Set kvmctl's element in the metadata, and leave the others; with `live` in the running domain too."""
        self._set_metadata(name, libvirt.VIR_DOMAIN_METADATA_ELEMENT, text, PREFIX, NAMESPACE, live=live)

    def _set_metadata(  # noqa: PLR0913 - libvirt's own
        self, name: str, part: int, text: str | None, key: str | None = None, uri: str | None = None, *, live: bool
    ) -> None:
        flags = _BOTH if live else libvirt.VIR_DOMAIN_AFFECT_CONFIG
        self._ask(f"describe vm/{name}", self._domain(name).setMetadata, part, text, key, uri, flags)

    def block_resize(self, name: str, path: str, size: int) -> None:
        """Grow a disk of a running guest to `size` bytes; `path` is its source or its target (vda)."""
        flags = libvirt.VIR_DOMAIN_BLOCK_RESIZE_BYTES
        self._ask(f"resize {path} of vm/{name}", self._domain(name).blockResize, path, size, flags)

    def _domain(self, name: str) -> Any:
        return self._ask(f"find vm/{name}", self.raw.lookupByName, name)


_WITH_NVRAM: Final = ("os/nvram", "os[@firmware='efi']", "os/loader[@type='pflash']")


def _firmware_flags(root: Element, *, keep: bool) -> int:
    """Return the flags of `undefine` for the state of the machine's firmware and TPM."""
    flags = 0
    # Where libvirt chose the firmware, the inactive definition names no NVRAM although the file is there (libvirt 9.0).
    if any(root.find(place) is not None for place in _WITH_NVRAM):
        flags |= libvirt.VIR_DOMAIN_UNDEFINE_KEEP_NVRAM if keep else libvirt.VIR_DOMAIN_UNDEFINE_NVRAM
    if root.find("devices/tpm/backend[@type='emulator']") is not None:
        flags |= libvirt.VIR_DOMAIN_UNDEFINE_KEEP_TPM if keep else libvirt.VIR_DOMAIN_UNDEFINE_TPM
    return flags
