"""The pool and the network named default, which many a manifest counts on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kvmctl.doctor.check import Check, Status

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kvmctl.doctor.patient import Patient
    from kvmctl.hypervisor import NetworkEntry, PoolEntry

_NAME: Final = "default"
_POOL: Final = (
    "apply a StoragePool `default` with "
    "`spec: {type: dir, path: /var/lib/libvirt/images, active: true, autostart: true}`"
)
_NETWORK: Final = (
    "apply a Network `default` with "
    "`spec: {forward: {mode: nat}, active: true, autostart: true, ips: [{address: 192.168.122.1, prefix: 24, "
    "dhcp: {ranges: [{start: 192.168.122.2, end: 192.168.122.254}]}}]}`"
)


def default_pool(patient: Patient) -> Iterator[Check]:
    """Yield whether the pool `default` is there, active, and started with the host."""
    yield _judge("default pool", patient.hypervisor.pools(), _POOL, "pool")


def default_network(patient: Patient) -> Iterator[Check]:
    """Yield whether the network `default` is there, active, and started with the host."""
    yield _judge("default network", patient.hypervisor.networks(), _NETWORK, "net")


def _judge(name: str, entries: Sequence[PoolEntry | NetworkEntry], manifest: str, verb: str) -> Check:
    """Return what there is to say; `verb` is how virsh's commands for it begin."""
    found = next((entry for entry in entries if entry.name == _NAME), None)
    if found is None:
        others = ", ".join(entry.name for entry in entries)
        also = f" (there are: {others})" if others else ""
        return Check(name, Status.WARN, f"there is none{also}", manifest)
    lacks = [
        (word, command)
        for holds, word, command in (
            (found.active, "not active", f"virsh {verb}-start {_NAME}"),
            (found.autostart, "not started with the host", f"virsh {verb}-autostart {_NAME}"),
        )
        if not holds
    ]
    if not lacks:
        return Check(name, Status.OK, "active, started with the host")
    words, commands = (", ".join(each) for each in zip(*lacks, strict=True))
    return Check(name, Status.WARN, words, f"say `active: true` and `autostart: true` in its manifest, or {commands}")
