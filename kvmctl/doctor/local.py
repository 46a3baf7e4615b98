"""What the machine lacks that kvmctl itself runs on: Python packages and programs."""

from __future__ import annotations

import importlib
import os
import re
import shutil
from importlib import metadata
from typing import TYPE_CHECKING, Final

from kvmctl.doctor.check import Check, Status
from kvmctl.images import tool

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvmctl.doctor.patient import Patient

_REQUIREMENT: Final = re.compile(r"([A-Za-z0-9._-]+)>=([0-9.]+)")
_SYSTEM_FOLDERS: Final = ("/usr/local/sbin", "/usr/sbin", "/sbin")
_BINDING: Final = "libvirt-python"
_REBIND: Final = (
    "apt install libvirt0 (Fedora: dnf install libvirt-libs), then pip install --force-reinstall libvirt-python"
)


def packages(_patient: Patient) -> Iterator[Check]:
    """Yield whether the Python packages that kvmctl requires are there, in their versions."""
    found, lacking = [], []
    for name, least in _requirements():
        version = _version(name)
        if version and _numbers(version) >= _numbers(least):
            found.append(f"{name} {version}")
        else:
            lacking.append(f"{name} {version or 'missing'}, needs {least} or newer")
    if lacking:
        yield Check("packages", Status.FAIL, "; ".join(lacking), "pip install --upgrade kvmctl")
    else:
        yield Check("packages", Status.OK, ", ".join(found))


def _requirements() -> list[tuple[str, str]]:
    """Return (package, least version) of what kvmctl needs; libvirt's binding is a check of its own."""
    stated = [line for line in metadata.requires("kvmctl") or () if "extra ==" not in line]
    pairs = [match.groups() for line in stated if (match := _REQUIREMENT.match(line))]
    return sorted((name, least) for name, least in pairs if name != _BINDING)


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)]


def libvirt_python(_patient: Patient) -> Iterator[Check]:
    """Yield whether libvirt's Python binding loads; installed isn't enough, its C library may be missing."""
    try:
        importlib.import_module("kvmctl.hypervisor")
    except ImportError as error:
        yield Check(_BINDING, Status.FAIL, f"it can't be loaded: {error}", _REBIND)
    else:
        yield Check(_BINDING, Status.OK, _version(_BINDING) or "loads")


def qemu_img(_patient: Patient) -> Iterator[Check]:
    """Yield whether qemu-img runs here, where kvmctl converts images."""
    answer = tool.run(["--version"])
    said = answer.stdout.splitlines()
    if answer.code or not said:
        yield Check(
            "qemu-img",
            Status.FAIL,
            f"it does not run: {answer.complaint}",
            "reinstall qemu-utils (Fedora: qemu-img)",
        )
    else:
        yield Check("qemu-img", Status.OK, f"{said[0].removeprefix('qemu-img version ')} at {tool.program()}")


def dnsmasq(_patient: Patient) -> Iterator[Check]:
    """Yield whether dnsmasq is there, which libvirt starts for each network with DHCP or DNS."""
    path = os.pathsep.join([os.environ.get("PATH", ""), *_SYSTEM_FOLDERS])
    found = shutil.which("dnsmasq", path=path)
    if found:
        yield Check("dnsmasq", Status.OK, found)
    else:
        lack = "not found: networks with DHCP or DNS won't start"
        yield Check("dnsmasq", Status.WARN, lack, "apt install dnsmasq-base (Fedora: dnf install dnsmasq)")
