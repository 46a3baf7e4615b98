"""Where a storage pool's storage comes from (libvirt: docs/formatstorage, "Source elements")."""

from __future__ import annotations

from typing import Literal

from kvmctl.codec import Integer, PciPlace, Text, Uuid
from kvmctl.fields import Model, model, xml

_WWN = Text(r"[0-9a-fA-F]{16}", "a world wide name of 16 hexadecimal digits")


@model(keys=(("name",),))
class PoolHost(Model):
    """A server that exports the storage."""

    name: str | None = xml("@name", required=True, doc="Name or address of the server.")
    port: int | None = xml("@port", codec=Integer(1, 65535), doc="Port of the server.")


@model(keys=(("path",),), short=("path",))
class PoolDevice(Model):
    """A device that the storage is on."""

    path: str | None = xml("@path", required=True, doc="Path of the device, or the target's name for iSCSI.")
    part_separator: bool | None = xml(
        "@part_separator", since="1.3.1",
        doc="Whether there is a `p` between the device's name and the number of a partition (disk, on multipath devices).",
    )  # fmt: skip


@model(short=("name",))
class PoolAdapter(Model):
    """The host adapter whose logical units are the volumes (scsi)."""

    type: Literal["scsi_host", "fc_host"] | None = xml(
        "@type", doc="Kind of adapter: a SCSI host, or a virtual Fibre Channel one (NPIV); scsi_host when omitted."
    )
    name: str | None = xml("@name", doc="Name such as host0, which may change when the host boots (scsi_host).")
    parent_address: str | None = xml(
        "parentaddr/address",
        codec=PciPlace(),
        since="1.2.7",
        doc="PCI address of the adapter, such as 0000:00:1f.2 (scsi_host).",
    )
    unique_id: int | None = xml(
        "parentaddr/@unique_id", codec=Integer(0, 2**32 - 1),
        doc="Which of the SCSI hosts at that PCI address: its unique_id in sysfs.",
    )  # fmt: skip
    wwnn: str | None = xml("@wwnn", codec=_WWN, doc="World wide node name of the virtual adapter (fc_host).")
    wwpn: str | None = xml("@wwpn", codec=_WWN, doc="World wide port name of the virtual adapter (fc_host).")
    managed: bool | None = xml(
        "@managed", since="1.2.11", doc="Whether libvirt deletes the virtual adapter when the pool stops (fc_host)."
    )
    parent: str | None = xml("@parent", doc="Name of the adapter that the virtual one is made on, such as scsi_host3.")
    parent_wwnn: str | None = xml(
        "@parent_wwnn", codec=_WWN, since="3.0.0", doc="World wide node name of that adapter, instead of its name."
    )
    parent_wwpn: str | None = xml(
        "@parent_wwpn", codec=_WWN, since="3.0.0", doc="World wide port name of that adapter, beside parentWwnn."
    )
    parent_fabric_wwn: str | None = xml(
        "@parent_fabric_wwn", codec=_WWN, since="3.0.0", doc="World wide name of the fabric that adapter is on."
    )


@model(short=("usage",))
class PoolSecret(Model):
    """A secret by reference."""

    usage: str | None = xml("@usage", refers="secret", loose=True, doc="Id of the secret's usage: a Secret's name.")
    uuid: str | None = xml(
        "@uuid", codec=Uuid(), refers="secret", loose=True, doc="UUID of the secret, instead of its usage."
    )


@model()
class PoolAuth(Model):
    """How libvirt logs in to the servers."""

    type: Literal["chap", "ceph"] | None = xml(
        "@type", required=True, doc="Way to log in: chap (iscsi, iscsi-direct) or ceph (rbd)."
    )
    username: str | None = xml("@username", required=True, doc="Name to log in with.")
    secret: PoolSecret | None = xml("secret", required=True, doc="The secret that holds the password or key.")


@model()
class PoolSource(Model):
    """Where the storage comes from."""

    hosts: tuple[PoolHost, ...] | None = xml("host", doc="Servers (netfs, iscsi, rbd, gluster); complete when given.")
    dir: str | None = xml("dir/@path", doc="Exported folder (netfs, gluster).")
    devices: tuple[PoolDevice, ...] | None = xml(
        "device", doc="Devices (fs, disk, logical, iscsi, zfs); complete when given."
    )
    name: str | None = xml(
        "name", doc="Name of the volume group (logical), Ceph pool (rbd), volume (gluster) or pool (zfs)."
    )
    format: str | None = xml(
        "format/@type",
        codec=Text(r"[a-z0-9+-]+", "a format such as ext4, nfs or lvm2"),
        doc="Format: of the file system (fs, netfs), partition table (disk) or volume group.",
    )
    initiator: str | None = xml("initiator/iqn/@name", doc="Name of the initiator (iscsi, iscsi-direct).")
    auth: PoolAuth | None = xml("auth", doc="How libvirt logs in to the servers (iscsi, iscsi-direct, rbd).")
    adapter: PoolAdapter | None = xml(
        "adapter", doc="The host adapter whose logical units are the volumes (scsi); a bare name is enough."
    )
    protocol_ver: str | None = xml(
        "protocol/@ver", codec=Text(r"[0-9]+(\.[0-9]+)?", 'a version such as "4.1", in quotes'), since="5.1.0",
        doc="Version of NFS to mount with (netfs).",
    )  # fmt: skip
    vendor: str | None = xml("vendor/@name", doc="Vendor of the storage, for people to read.")
    product: str | None = xml("product/@name", doc="Product that the storage is, for people to read.")
