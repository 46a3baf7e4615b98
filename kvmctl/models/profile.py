"""The profile: parts of specs that resources share. It lives in manifests alone; libvirt never hears of it."""

from __future__ import annotations

from kvmctl.fields import Model, model, policy
from kvmctl.models.disk import Disk
from kvmctl.models.network import Network
from kvmctl.models.nwfilter import NetworkFilter
from kvmctl.models.pool import StoragePool
from kvmctl.models.secret import Secret
from kvmctl.models.vm import VirtualMachine


@model()
class Profile(Model):
    """Parts of specs that resources share: one for each kind, in which nothing is required."""

    secret: Secret | None = policy(part=True, doc="What secrets with this profile begin with.")
    nwfilter: NetworkFilter | None = policy(part=True, doc="What network filters with this profile begin with.")
    pool: StoragePool | None = policy(part=True, doc="What storage pools with this profile begin with.")
    network: Network | None = policy(part=True, doc="What networks with this profile begin with.")
    disk: Disk | None = policy(part=True, doc="What disks with this profile begin with.")
    vm: VirtualMachine | None = policy(part=True, doc="What virtual machines with this profile begin with.")
