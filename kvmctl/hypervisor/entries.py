"""What the listing calls say of each object: small, immutable, and with libvirt's handle to ask further."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class DomainState(StrEnum):
    """What a domain does, in the words of `powerState` where they fit."""

    RUNNING = "Running"
    PAUSED = "Paused"
    OFF = "Off"
    ASLEEP = "Asleep"  # suspended by the guest itself (S3)
    CRASHED = "Crashed"  # crashed and preserved


@dataclass(frozen=True, slots=True)
class DomainEntry:
    """A domain as listed; `persistent` is false for one that vanishes when it stops."""

    name: str
    uuid: str
    active: bool
    paused: bool
    autostart: bool
    persistent: bool
    managed_save: bool
    handle: Any = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class NetworkEntry:
    """A network as listed."""

    name: str
    uuid: str
    active: bool
    autostart: bool
    persistent: bool
    handle: Any = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class PoolEntry:
    """A storage pool as listed."""

    name: str
    uuid: str
    active: bool
    autostart: bool
    persistent: bool
    handle: Any = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class VolumeEntry:
    """A volume as listed; `key` is the driver's own identity for it, a path for most pools."""

    pool: str
    name: str
    key: str
    handle: Any = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class VolumeInfo:
    """A volume's path on the host, its size as guests see it and the room it takes, both in bytes."""

    path: str
    capacity: int
    allocation: int
