"""What the listing calls say of each object: small, immutable, and with libvirt's handle to ask further.

Named tuples: five dataclasses would take 4 ms of each start to compile.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, NamedTuple


class DomainState(StrEnum):
    """What a domain does, in the words of `powerState` where they fit."""

    RUNNING = "Running"
    PAUSED = "Paused"
    OFF = "Off"
    ASLEEP = "Asleep"  # suspended by the guest itself (S3)
    CRASHED = "Crashed"  # crashed and preserved


class DomainEntry(NamedTuple):
    """A domain as listed; `persistent` is false for one that vanishes when it stops."""

    name: str
    uuid: str
    active: bool
    paused: bool
    autostart: bool
    persistent: bool
    managed_save: bool
    handle: Any


class SnapshotEntry(NamedTuple):
    """A snapshot of a domain, with its XML, which holds the domain's definition at that moment."""

    name: str
    xml: str


class NetworkEntry(NamedTuple):
    """A network as listed."""

    name: str
    uuid: str
    active: bool
    autostart: bool
    persistent: bool
    handle: Any


class PoolEntry(NamedTuple):
    """A storage pool as listed."""

    name: str
    uuid: str
    active: bool
    autostart: bool
    persistent: bool
    handle: Any


class VolumeEntry(NamedTuple):
    """A volume as listed; `key` is the driver's own identity for it, a path for most pools."""

    pool: str
    name: str
    key: str
    handle: Any


class SecretEntry(NamedTuple):
    """A secret as listed: the type and the id of its usage, both '' where it has none."""

    uuid: str
    usage: str
    usage_id: str
    handle: Any


class NwFilterEntry(NamedTuple):
    """A network filter as listed; `built_in` is true for those that libvirt brings along."""

    name: str
    uuid: str
    built_in: bool
    handle: Any


class VolumeInfo(NamedTuple):
    """A volume's path on the host, its size as guests see it and the room it takes, both in bytes."""

    path: str
    capacity: int
    allocation: int
