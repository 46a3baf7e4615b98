"""Rules of storage pools and disks (libvirt: docs/storage; what each pool type needs was tried on libvirt 9.0)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kvmctl.fields import camel, known
from kvmctl.rules.finding import Finding, Path, stated

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvmctl.fields import Model
    from kvmctl.models.disk import Backing, Disk, DiskSource
    from kvmctl.models.pool import StoragePool

_NEEDS_PATH: Final = ("dir", "fs", "netfs", "disk", "iscsi", "scsi", "mpath", "vstorage")
_NEEDS_SOURCE: Final = {
    "fs": ("devices",), "netfs": ("hosts", "dir"), "disk": ("devices",), "iscsi": ("hosts", "devices"),
    "iscsi-direct": ("hosts", "devices", "initiator"), "scsi": ("adapter",), "rbd": ("hosts", "name"),
    "gluster": ("hosts",), "sheepdog": ("hosts",),
}  # fmt: skip
_EXAMPLES: Final = {
    "devices": "devices: [/dev/sdb1]", "hosts": "hosts: [{name: server.example}]", "dir": "dir: /exports/images",
    "initiator": "initiator: iqn.2024-01.example:host", "adapter": "adapter: host0", "name": "name: libvirt-pool",
}  # fmt: skip
_ONLY: Final = {"cow": ("dir", "fs"), "mount_opts": ("fs", "netfs"), "config_opts": ("rbd",)}
_ISCSI_DEVICE: Final = "devices: [iqn.2024-01.example:target]"
_KINDS: Final = ("path", "url", "disk", "volume")
_SUMS: Final = ("sha256", "sha512", "checksums")
_WITH_BACKING: Final = ("qcow2", "qed", "vmdk")


def path(spec: StoragePool) -> Iterator[Finding]:
    """Refuse pools that don't say where on the host their volumes appear, where libvirt needs it."""
    if spec.type in _NEEDS_PATH and known(spec.path) is None:
        hint = "write path: /var/lib/libvirt/images, or another folder of the host"
        yield Finding(("spec", "path"), f"a pool of type {spec.type} needs a path", hint)


def source(spec: StoragePool) -> Iterator[Finding]:
    """Refuse pools that don't say where their storage comes from, as far as libvirt needs it."""
    held = known(spec.source)
    if spec.type == "dir" and held is not None:
        yield Finding(("spec", "source"), "a pool of type dir has no source: it is the folder", "take it away")
    for name in _NEEDS_SOURCE.get(str(spec.type), ()):
        if held is None or not stated(held, name) or not getattr(held, name):
            message = f"a pool of type {spec.type} needs source.{name}"
            example = _ISCSI_DEVICE if name == "devices" and str(spec.type).startswith("iscsi") else _EXAMPLES[name]
            yield Finding(("spec", "source", name), message, f"write {example}")


def adapter(spec: StoragePool) -> Iterator[Finding]:
    """Refuse adapters that libvirt couldn't find (libvirt 9.0: virStorageAdapterValidate)."""
    held = known(spec.source.adapter) if known(spec.source) and spec.source else None
    if held is None:
        return
    here = ("spec", "source", "adapter")
    if held.type == "fc_host":
        for name in ("wwnn", "wwpn"):
            if not stated(held, name):
                yield Finding((*here, name), f"an adapter of type fc_host needs {name}", "write its 16 digits")
        given = stated(held, "parent_wwnn", "parent_wwpn")
        if len(given) == 1:
            yield Finding(here, "parentWwnn and parentWwpn name an adapter only together", "write both of them")
        return
    given = stated(held, "name", "parent_address")
    if len(given) != 1:
        message = "an adapter is named, or found by its PCI address, not both" if given else "doesn't say which adapter"
        yield Finding(here, message, "write either name: host0, or parentAddress: and uniqueId:")
    if given == ["parent_address"] and not stated(held, "unique_id"):
        message = "there may be several SCSI hosts at one PCI address"
        yield Finding((*here, "uniqueId"), message, "write uniqueId: and the number that sysfs tells")


def secret(spec: StoragePool) -> Iterator[Finding]:
    """Refuse secrets that are named in two ways or none."""
    auth = known(spec.source.auth) if known(spec.source) and spec.source else None
    yield from _one_name(known(auth.secret) if auth else None, ("spec", "source", "auth", "secret"))


def _one_name(held: Model | None, here: Path) -> Iterator[Finding]:
    given = stated(held, "usage", "uuid") if held is not None else []
    if held is not None and len(given) != 1:
        message = "a secret is named by its usage or by its UUID" + (", not by both" if given else "")
        yield Finding((*here, *given[1:]), message, "write either usage: or uuid:")


def options(spec: StoragePool) -> Iterator[Finding]:
    """Refuse what the pool's type has not."""
    for name, types in _ONLY.items():
        if stated(spec, name) and spec.type not in types:
            field = camel(name)
            message = f"a pool of type {spec.type} has no {field}"
            yield Finding(("spec", field), message, f"{field} is for pools of type {' and '.join(types)}")


def size(spec: Disk) -> Iterator[Finding]:
    """Refuse an empty disk that doesn't say how large it is."""
    if not stated(spec, "size", "source", "backing"):
        message = "an empty disk needs a size"
        yield Finding(
            ("spec", "size"), message, "write size: 20GiB, or say what it is filled with in source or backing"
        )


def filling(spec: Disk) -> Iterator[Finding]:
    """Refuse sources of two kinds or none, and files whose format isn't stated."""
    held = known(spec.source)
    if held is None:
        return
    given = stated(held, *_KINDS)
    if len(given) != 1:
        message = "a source is one thing" if given else "doesn't say what the disk is filled with"
        hint = "write one of path: and a file, url: and an address, disk: and a Disk, volume: and a pool's volume"
        yield Finding(("spec", "source", *given[1:2]), message, hint)
    yield from _unstated_format(("spec", "source"), held)
    if known(spec.backing) is not None:
        message = "a disk is filled from its source or stands on its backing file, not both"
        yield Finding(("spec", "backing"), message, "take one of them away")


def sums(spec: Disk) -> Iterator[Finding]:
    """Refuse checksums and archives of what is no file, and what could be changed on its way without being noticed."""
    held = known(spec.source)
    if held is None:
        return
    here = ("spec", "source")
    if not stated(held, "path", "url"):
        for name in stated(held, "archive", *_SUMS):
            yield Finding((*here, name), f"{name} means nothing without path or url", "take it away")
    if known(held.checksums) is not None:
        for name in stated(held, "sha256", "sha512"):
            yield Finding((*here, name), f"{name} and checksums say the same thing twice", "take one of them away")
    if _can_be_changed(known(held.url)) and not stated(held, *_SUMS):
        message = f"what comes from {held.url} could be changed on the way"
        yield Finding((*here, "url"), message, "write https://, or sha256: and what the file must have")
    if _can_be_changed(known(held.checksums)):
        message = f"what comes from {held.checksums} could be changed on the way"
        yield Finding((*here, "checksums"), message, "write https://, or sha256: and what the file must have")


def _can_be_changed(place: str | None) -> bool:
    """Say whether somebody on the way could change what comes from an address, and nobody would notice."""
    if place is None or not place.startswith("http://"):
        return False
    from ipaddress import ip_address
    from urllib.parse import urlsplit

    host = urlsplit(place).hostname or ""
    try:
        return not ip_address(host).is_loopback
    except ValueError:
        return host != "localhost"


def _unstated_format(here: tuple[str, ...], held: DiskSource | Backing) -> Iterator[Finding]:
    """Refuse a file alone whose format isn't stated; that of a Disk follows."""
    given = stated(held, *_KINDS)
    if len(given) == 1 and given != ["disk"] and known(held.format) is None:
        what = getattr(held, given[0])
        told = what if isinstance(what, str) else f"{what.pool}/{what.name}"
        hint = "write format: raw or format: qcow2 beside it, whichever it is; kvmctl doesn't guess"
        yield Finding((*here, given[0]), f"the format of {told} is not stated", hint)


def backing(spec: Disk) -> Iterator[Finding]:
    """Refuse backing files of two kinds or none, of unstated format, or below a format that has none."""
    held = known(spec.backing)
    if held is None:
        return
    given = stated(held, "disk", "path")
    if len(given) != 1:
        message = "a backing file is a Disk or a path, not both" if given else "doesn't say what is below the disk"
        hint = "write either disk: and a Disk's name, or path: and a file"
        yield Finding(("spec", "backing", *given[1:]), message, hint)
    yield from _unstated_format(("spec", "backing"), held)
    if known(spec.format, "raw") not in _WITH_BACKING:
        message = f"format {known(spec.format, 'raw')} can't have a backing file"
        yield Finding(("spec", "format"), message, "write format: qcow2")


def tables(spec: Disk) -> Iterator[Finding]:
    """Refuse what only qcow2 images have."""
    if known(spec.format, "raw") == "qcow2":
        return
    for name in stated(spec, "compat", "cluster_size", "compression", "features"):
        field = camel(name)
        yield Finding(("spec", field), f"format {known(spec.format, 'raw')} has no {field}", "write format: qcow2")
    if spec.allocation == "metadata":
        message = f"format {known(spec.format, 'raw')} has no tables to allocate"
        yield Finding(("spec", "allocation"), message, "write allocation: sparse or full, or format: qcow2")


def packing(spec: Disk) -> Iterator[Finding]:
    """Refuse compression of what isn't filled from a file, or is made by libvirt, which packs nothing."""
    if known(spec.compression) is None:
        return
    held = known(spec.source)
    if held is None or not stated(held, "path", "url"):
        message = "compression is for what comes from a file"
        yield Finding(("spec", "compression"), message, "take it away, or write source: with path: or url:")
    for name in stated(spec, "compat", "cluster_size", "features", "nocow", "permissions", "encryption", "allocation"):
        if (name, spec.allocation) != ("allocation", "sparse"):
            message = f"libvirt makes the image where {camel(name)} is stated, and packs nothing"
            yield Finding(("spec", "compression"), message, f"take compression or {camel(name)} away")


def passphrase(spec: Disk) -> Iterator[Finding]:
    """Refuse secrets that are named in two ways or none."""
    encryption = known(spec.encryption)
    yield from _one_name(known(encryption.secret) if encryption else None, ("spec", "encryption", "secret"))


POOL_RULES = (path, source, adapter, secret, options)
DISK_RULES = (size, filling, sums, backing, tables, packing, passphrase)
