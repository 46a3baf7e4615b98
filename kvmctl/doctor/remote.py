"""What libvirt says of the host that it runs on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kvmctl.doctor.check import Check, Status
from kvmctl.errors import HypervisorError
from kvmctl.xmlio import parse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvmctl.doctor.patient import Patient

_PACKAGES: Final = {"x86_64": "qemu-system-x86", "i686": "qemu-system-x86", "aarch64": "qemu-system-arm"}
_OTHER_ARCH: Final = "qemu-system-misc"
_RIGHTS: Final = (
    "run as root, or `usermod -aG libvirt USER` and log in anew; plan and drift need no more than they have"
)


def libvirt(patient: Patient) -> Iterator[Check]:
    """Yield whether libvirt answers at the URI; a read-only connection is enough for this."""
    hypervisor = patient.hypervisor
    yield Check("libvirt", Status.OK, f"{hypervisor.libvirt_version()} at {hypervisor.uri}")


def permission(patient: Patient) -> Iterator[Check]:
    """Yield whether the user may change things; plan and drift do without."""
    try:
        uri = patient.full.uri
    except HypervisorError as error:
        yield Check("permission", Status.FAIL, error.message, _RIGHTS)
    else:
        yield Check("permission", Status.OK, f"this user may change what libvirt manages at {uri}")


def qemu(patient: Patient) -> Iterator[Check]:
    """Yield whether libvirt found a QEMU for guests of the host's architecture, and what it offers."""
    arch = patient.capabilities.arch
    if patient.driver != "qemu":
        yield Check("qemu", Status.SKIP, f"the connection is to libvirt's {patient.driver} driver")
    elif not {"qemu", "kvm"} & set(patient.types):
        package = _PACKAGES.get(arch, _OTHER_ARCH)
        yield Check(
            "qemu",
            Status.FAIL,
            f"libvirt found no QEMU for {arch}",
            f"apt install {package} (Fedora: dnf install qemu-kvm), then restart libvirtd",
        )
    else:
        version = patient.hypervisor.hypervisor_version()
        yield Check("qemu", Status.OK, f"{version} for {arch}, with type {' and '.join(sorted(patient.types))}")


def uefi(patient: Patient) -> Iterator[Check]:
    """Yield whether there is UEFI firmware for guests."""
    yield uefi_check(patient.domain_capabilities)


def uefi_check(xml: str) -> Check:
    """Return what domain capabilities say of UEFI (libvirt: docs/formatdomaincaps, "BIOS bootloader")."""
    root = parse(xml)
    offered = [value.text for value in root.iterfind("os/enum[@name='firmware']/value")]
    if "efi" not in offered:
        lack = "no UEFI firmware: machines with `firmware: uefi` can't be defined"
        return Check("uefi", Status.WARN, lack, "apt install ovmf (Fedora: dnf install edk2-ovmf)")
    files = [value.text or "" for value in root.iterfind("os/loader/value")]
    return Check("uefi", Status.OK, "firmware for UEFI" + (f" at {files[0]}" if files else ""))


def tpm(patient: Patient) -> Iterator[Check]:
    """Yield whether libvirt can emulate a TPM, which swtpm does."""
    yield tpm_check(patient.domain_capabilities)


def tpm_check(xml: str) -> Check:
    """Return what domain capabilities say of emulated TPMs (libvirt: docs/formatdomaincaps, "TPM device")."""
    backends = parse(xml).iterfind("devices/tpm/enum[@name='backendModel']/value")
    if "emulator" in [value.text for value in backends]:
        return Check("tpm", Status.OK, "swtpm emulates TPMs")
    lack = "no swtpm: machines with an emulated TPM won't start"
    return Check("tpm", Status.WARN, lack, "apt install swtpm swtpm-tools (Fedora: dnf install swtpm swtpm-tools)")
