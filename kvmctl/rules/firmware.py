"""Rules of what the firmware has and tells, and of features (libvirt: docs/formatdomain; tried on libvirt 9.0)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmctl.fields import known
from kvmctl.rules.finding import Finding, about, items, stated

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvmctl.models.vm import VirtualMachine


@about("os")
def nvram(spec: VirtualMachine) -> Iterator[Finding]:
    """Refuse an NVRAM in two places, and a source that libvirt would drop for want of a type."""
    held = known(spec.os.nvram) if spec.os else None
    if held is None or known(held.source) is None:
        return
    path = ("spec", "os", "nvram")
    if known(held.path) is not None:
        yield Finding((*path, "path"), "the NVRAM is in source already", "keep one of path and source")
    if known(held.type) is None:
        yield Finding(
            (*path, "source"), "the kind of source is missing", "write type: file, block or network beside it"
        )


@about("fwcfgs")
def entries(spec: VirtualMachine) -> Iterator[Finding]:
    """Refuse entries of fw_cfg with two contents or none."""
    for index, entry in enumerate(items(spec.fwcfgs)):
        given = stated(entry, "value", "file")
        if len(given) != 1:
            message = f"{entry.name} has {'two contents' if given else 'no contents'}"
            yield Finding(("spec", "fwcfgs", index), message, "write either value: or file:")


@about("features")
def eoi(spec: VirtualMachine) -> Iterator[Finding]:
    """Refuse a property of an interrupt controller that isn't there."""
    held = known(spec.features)
    if held and known(held.apic_eoi) is not None and held.apic in (False, None):
        yield Finding(("spec", "features", "apicEoi"), "there is no APIC", "write apic: true beside it")


@about("features")
def spinlocks(spec: VirtualMachine) -> Iterator[Finding]:
    """Refuse spinlocks of Hyper-V without the number of tries, which libvirt insists on."""
    hyperv = known(spec.features.hyperv) if spec.features else None
    held = known(hyperv.spinlocks) if hyperv else None
    if held and held.state is True and held.retries is None:
        yield Finding(
            ("spec", "features", "hyperv", "spinlocks"), "the tries are missing", "write retries: 8191 beside it"
        )


RULES = (nvram, entries, eoi, spinlocks)
