"""Manifests of many machines, each as an administrator would write it: two disks, one interface, all off."""

from __future__ import annotations

from typing import Final

POOL_FOLDER: Final = "/var/lib/libvirt/images/fleet"

_NETWORK: Final = """\
apiVersion: kvmctl/v1
kind: Network
metadata: {name: fleet}
spec: {active: false, autostart: false}
"""
_POOL: Final = f"""\
apiVersion: kvmctl/v1
kind: StoragePool
metadata: {{name: fleet}}
spec: {{type: dir, path: {POOL_FOLDER}, active: true, autostart: false}}
"""
_DISK: Final = """\
apiVersion: kvmctl/v1
kind: Disk
metadata: {{name: {name}}}
spec: {{pool: fleet, format: {format}, size: 1MiB}}
"""
_MACHINE: Final = """\
apiVersion: kvmctl/v1
kind: VirtualMachine
metadata: {{name: {name}, labels: {{tier: web}}}}
spec:
  type: qemu
  powerState: Off
  autostart: false
  vcpus: 2
  memory: 512MiB
  os: {{arch: x86_64, machine: q35, boot: [hd]}}
  clock: {{offset: utc}}
  disks:
    - {{target: vda, {root}, bus: virtio}}
    - {{target: vdb, {data}, bus: virtio, cache: none}}
  interfaces:
    - {{name: lan, network: fleet, model: virtio, mac: "{mac}"}}
"""


def machines(count: int, *, disks: bool = False) -> str:
    """Return the manifests of a network and `count` machines; with `disks` each disk is a Disk in a pool as well."""
    documents = [_NETWORK, *([_POOL] if disks else [])]
    for number in range(count):
        name = f"vm{number:05}"
        files = {"root": (f"{name}-root.qcow2", "qcow2"), "data": (f"{name}-data.raw", "raw")}
        if disks:
            documents += [_DISK.format(name=file, format=image) for file, image in files.values()]
        places = {
            device: f"disk: {file}" if disks else f"file: {POOL_FOLDER}/{file}, format: {image}"
            for device, (file, image) in files.items()
        }
        documents.append(_MACHINE.format(name=name, mac=_mac(number), **places))
    return "---\n".join(documents)


def _mac(number: int) -> str:
    return "52:54:00:" + ":".join(f"{number >> shift & 0xFF:02x}" for shift in (16, 8, 0))
