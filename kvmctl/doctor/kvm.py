"""Whether hardware virtualisation works: only running a guest proves it, an open device does not."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from kvmctl.doctor.check import Check, Status
from kvmctl.errors import KvmctlError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvmctl.doctor.patient import Patient

DEVICE: Final = "/dev/kvm"
PROBE: Final = Path(__file__).with_name("probe.py")
_SECONDS: Final = 10.0
_EMULATE: Final = "say `type: qemu` (software emulation, slow)"
_MODULE: Final = "enable virtualisation in the firmware and `modprobe kvm_intel` or `kvm_amd`"


def kvm(patient: Patient) -> Iterator[Check]:
    """Yield whether KVM works on this machine, and whether libvirt offers what doesn't."""
    offered = False
    with contextlib.suppress(KvmctlError):  # the device can be judged without libvirt's word
        offered = patient.connected and "kvm" in patient.types
    yield judge(DEVICE, offered=offered)


def judge(device: str, *, offered: bool) -> Check:
    """Return what there is to say of a KVM device; `offered` is whether libvirt offers domains of type kvm.

    No KVM is a warning, because software emulation works without. That libvirt offers it though it doesn't
    work is a failure: new machines that state no type get kvm, and don't start.
    """
    if not Path(device).exists():
        return _broken(f"there is no {device}", f"{_MODULE}; else {_EMULATE}", offered=offered)
    if not Path(device).is_char_device():
        return _broken(f"{device} is no device", _EMULATE, offered=offered)
    if not os.access(device, os.R_OK | os.W_OK):
        finding = f"this user can't open {device}, so whether it works isn't known"
        more = "; libvirt offers kvm" if offered else ""
        return Check("kvm", Status.WARN, finding + more, "`usermod -aG kvm USER` and log in anew, or run this as root")
    wrong = probe(device)
    if wrong:
        return _broken(f"{device} is there but does not work: {wrong}", _EMULATE, offered=offered)
    return Check("kvm", Status.OK, f"{device} runs virtual machines")


def _broken(finding: str, remedy: str, *, offered: bool) -> Check:
    if offered:
        return Check(
            "kvm",
            Status.FAIL,
            f"{finding}; yet libvirt offers kvm",
            f"{remedy} in each manifest, or restart libvirtd",
        )
    return Check("kvm", Status.WARN, finding, remedy)


def probe(device: str) -> str:
    """Return what is wrong with a KVM device, '' where a guest ran on it.

    Asked in a child process, since a broken driver may hang or kill who asks.
    """
    command = [sys.executable, "-I", "-S", str(PROBE), device]
    try:
        result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_SECONDS)  # noqa: S603 - our own program
    except subprocess.TimeoutExpired:
        return f"no answer within {_SECONDS:g} s"
    if result.returncode == 0:
        return ""
    return result.stderr.strip() or f"the probe ended with {result.returncode}"
