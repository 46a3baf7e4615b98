"""First-boot data on the way from manifests to a plan; what makes it is loaded only where there is some."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmctl.errors import ManifestError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kvmctl.files import Files
    from kvmctl.hypervisor import Hypervisor
    from kvmctl.inventory import Address, Inventory, Resource
    from kvmctl.seeding import Seeds


def understood(files: Files) -> Inventory:
    """Return what the manifests want; ManifestError also for what guests would be told in vain."""
    from kvmctl.manifest import understand

    want = understand(files)
    if _tells_guests(want):
        from kvmctl import cloudinit

        problems = cloudinit.check(want)
        if problems:
            raise ManifestError(tuple(problems))
    return want


def seeds(hypervisor: Hypervisor, want: Mapping[Address, Resource], have: Inventory) -> Mapping[Address, Seeds]:
    """Return what guests are to be told at their first start, beside what there is of it."""
    if not _tells_guests(want):
        return {}
    from kvmctl import cloudinit
    from kvmctl.credentials import fetched

    return cloudinit.prepare(want, have, hypervisor, fetched)


def _tells_guests(want: Mapping[Address, Resource]) -> bool:
    fields = ("cloud_init", "ignition")
    return any(each.spec.__dict__.get(field) for each in want.values() for field in fields)  # unset and null are false
