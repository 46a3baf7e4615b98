"""How a running machine is reached: its address, and the way there."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from kvmctl.errors import KvmctlError, UsageError

if TYPE_CHECKING:
    from kvmctl.hypervisor import Hypervisor
    from kvmctl.inventory import Address


def machine(text: str) -> Address:
    """Return the address of a machine that a user wrote: vm/web1, or just web1."""
    from kvmctl.cli.selection import address

    found = address(text if "/" in text else f"vm/{text}")
    if found.kind != "vm":
        raise UsageError(f"{found} is no machine", "write vm/NAME")
    return found


def addresses(hypervisor: Hypervisor, name: str) -> tuple[str, ...]:
    """Return the addresses of a running machine, each once: of leases first, then what its agent and ARP tell."""
    told = [address for each in hypervisor.guest_addresses(name) for address in each.addresses]
    return tuple(dict.fromkeys(told))


def address_of(uri: str | None, name: str) -> str:
    """Return the first address of a machine; KvmctlError tells what each source says where it has none."""
    from kvmctl.hypervisor import Hypervisor

    # Only a connection that may write is told what the agent says.
    with Hypervisor.open(uri, readonly=False) as hypervisor:
        found = addresses(hypervisor, name)
        if not found:
            told = "; ".join(map(str, hypervisor.guest_addresses(name)))
            hint = "start it, or wait for its network; kvmctl get vm -o wide shows addresses"
            raise KvmctlError(f"vm/{name} has no address: {told}", hint)
        return found[0]


def jump(uri: str | None) -> str | None:
    """Return the host by which ssh reaches the guests of a remote libvirt, as ssh's ProxyJump has it; None here."""
    import os

    parts = urlsplit(uri or os.environ.get("LIBVIRT_DEFAULT_URI") or "")
    return parts.netloc or None
