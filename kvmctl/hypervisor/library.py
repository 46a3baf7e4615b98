"""The one place that loads libvirt's Python module."""

from __future__ import annotations

from kvmctl.errors import HypervisorError

try:
    import libvirt
    import libvirt_qemu
except ModuleNotFoundError as missing:
    raise HypervisorError(
        "the Python module libvirt isn't installed here",
        "install libvirt-python with pip (it needs libvirt's library: package libvirt0 or libvirt-libs); "
        "`kvmctl validate` works without",
    ) from missing

__all__ = ["libvirt", "libvirt_qemu"]
