from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from kvmctl.doctor import Status, kvm

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("offered", [False, True])
def test_a_kvm_device_that_is_missing(offered: bool, tmp_path: Path) -> None:
    found = kvm.judge(str(tmp_path / "kvm"), offered=offered)
    assert found.status is (Status.FAIL if offered else Status.WARN)
    assert found.finding.startswith(f"there is no {tmp_path}/kvm")


def test_a_file_in_the_place_of_the_kvm_device(tmp_path: Path) -> None:
    (tmp_path / "kvm").touch()
    found = kvm.judge(str(tmp_path / "kvm"), offered=False)
    assert found.status is Status.WARN
    assert found.finding == f"{tmp_path}/kvm is no device"


def test_a_kvm_device_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda _path, _mode: False)
    found = kvm.judge("/dev/null", offered=True)
    assert found.status is Status.WARN
    assert found.finding.endswith("isn't known; libvirt offers kvm")
    assert "usermod -aG kvm" in found.remedy


@pytest.mark.parametrize("offered", [False, True])
def test_a_kvm_device_that_only_opens(offered: bool) -> None:
    found = kvm.judge("/dev/null", offered=offered)  # opens, but knows none of KVM's requests
    assert found.status is (Status.FAIL if offered else Status.WARN)
    assert "does not work: KVM_GET_API_VERSION" in found.finding
    assert ("yet libvirt offers kvm" in found.finding) is offered
    assert "type: qemu" in found.remedy


def test_a_kvm_probe_that_hangs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "probe.py").write_text("import time\ntime.sleep(60)\n")
    monkeypatch.setattr(kvm, "PROBE", tmp_path / "probe.py")
    monkeypatch.setattr(kvm, "_SECONDS", 0.2)
    assert kvm.probe("/dev/kvm") == "no answer within 0.2 s"


def test_a_kvm_probe_that_is_killed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "probe.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n")
    monkeypatch.setattr(kvm, "PROBE", tmp_path / "probe.py")
    assert kvm.probe("/dev/kvm") == "the probe ended with -9"


@pytest.mark.skipif(not os.access("/dev/kvm", os.R_OK | os.W_OK), reason="this machine has no /dev/kvm to use")
def test_the_probe_agrees_with_qemu() -> None:
    command = ["qemu-system-x86_64", "-accel", "kvm", "-machine", "none", "-nodefaults", "-display", "none"]
    quits = subprocess.run(
        [*command, "-monitor", "stdio"], input="quit\n", capture_output=True, text=True, check=False, timeout=30
    )
    assert bool(quits.returncode) <= bool(kvm.probe("/dev/kvm")), "QEMU can't use it, and the probe says it works"
