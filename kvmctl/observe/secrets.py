"""Which listed secret is at which address: libvirt knows secrets by their UUIDs and what they are for, not by names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kvmctl.fields import known
from kvmctl.inventory import Address, secret_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from kvmctl.hypervisor import SecretEntry

_TYPES = ("volume", "ceph", "iscsi", "tls", "vtpm", "")
"""Usages in the order in which they get a name that several would have."""


def named(secrets: Sequence[SecretEntry], masks: Mapping[Address, Any]) -> Iterator[tuple[Address, SecretEntry]]:
    """Yield each secret with its address, the UUID where the name is taken.

    The usage that is wanted comes first, else the types take turns.
    """
    taken: set[str] = set()
    for entry in sorted(secrets, key=lambda each: _place(each, masks)):
        name = secret_name(entry.usage_id, entry.uuid)
        name = entry.uuid if name in taken else name
        taken.add(name)
        yield Address("secret", name), entry


def otherwise_named(secrets: Sequence[SecretEntry]) -> Iterator[tuple[Address, SecretEntry]]:
    """Yield each secret at what else others may name it by: its UUID and, though it be no name, the id of its usage."""
    for entry in secrets:
        yield from ((Address("secret", name), entry) for name in (entry.uuid, entry.usage_id) if name)


def _place(entry: SecretEntry, masks: Mapping[Address, Any]) -> tuple[bool, int, str]:
    mask = masks.get(Address("secret", entry.usage_id))
    usage = known(mask.usage) if mask is not None else None
    wanted = known(usage.type) if usage is not None else None
    return (wanted != entry.usage, _TYPES.index(entry.usage), entry.uuid)
