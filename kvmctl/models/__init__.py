"""The kinds of resources, each with its table of fields."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from kvmctl.models.disk import Disk
from kvmctl.models.network import Network
from kvmctl.models.nwfilter import NetworkFilter
from kvmctl.models.pool import StoragePool
from kvmctl.models.profile import Profile
from kvmctl.models.secret import Secret
from kvmctl.models.vm import VirtualMachine

if TYPE_CHECKING:
    from kvmctl.fields import Model


class Kind(NamedTuple):
    """One kind: `name` in manifests, `short` in addresses and on the command line, `element` libvirt's root element.

    `words` are what the command line takes for it. `named` is the place of an object's name in libvirt's XML; '' where
    that has none.
    """

    name: str
    short: str
    model: type[Model]
    element: str
    words: tuple[str, ...]
    named: str = "name"


KINDS: Final = (
    Kind("Secret", "secret", Secret, "secret", ("secret", "secrets"), named=""),
    Kind(
        "NetworkFilter",
        "nwfilter",
        NetworkFilter,
        "filter",
        ("nwfilter", "nwfilters", "networkfilter", "networkfilters", "filter", "filters"),
        named="@name",
    ),
    Kind("StoragePool", "pool", StoragePool, "pool", ("pool", "pools", "storagepool", "storagepools")),
    Kind("Network", "network", Network, "network", ("network", "networks", "net")),
    Kind("Disk", "disk", Disk, "volume", ("disk", "disks", "volume", "volumes")),
    Kind(
        "VirtualMachine",
        "vm",
        VirtualMachine,
        "domain",
        ("vm", "vms", "virtualmachine", "virtualmachines", "domain"),
    ),
)
"""All kinds of resources, in the order in which they depend on each other."""

PROFILE: Final = Kind("Profile", "profile", Profile, "", ("profile", "profiles"))
"""What a manifest may hold beside resources; it exists nowhere else."""

WRITTEN: Final = (*KINDS, PROFILE)
"""All kinds that a manifest may hold."""

BY_NAME: Final = {kind.name: kind for kind in WRITTEN}
BY_SHORT: Final = {kind.short: kind for kind in KINDS}
BY_WORD: Final = {word: kind for kind in KINDS for word in kind.words}
