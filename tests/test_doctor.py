from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from kvmctl.doctor import Check, Status, diagnose, local, remote, worst
from kvmctl.doctor.patient import Patient
from kvmctl.doctor.rounds import QUESTIONS
from kvmctl.document import decode
from kvmctl.models import BY_SHORT

if TYPE_CHECKING:
    from kvmctl.sandbox import Sandbox

NAMES = [question.name for question in QUESTIONS]
REPOSITORY = Path(__file__).resolve().parent.parent

POOL = "<pool type='dir'><name>default</name><target><path>/var/lib/libvirt/images</path></target></pool>"
NETWORK = "<network><name>default</name><ip address='192.168.122.1' netmask='255.255.255.0'/></network>"

AS_JSON = """
import json, sys
from dataclasses import asdict
from importlib import metadata
from kvmctl.doctor import diagnose
json.dump([asdict(check) for check in diagnose(*sys.argv[1:])], sys.stdout)
"""


def named(checks: list[Check]) -> dict[str, Check]:
    """Return the checks by their names."""
    return {check.name: check for check in checks}


def inside(sandbox: Sandbox, *prefix: str, env: dict[str, str] | None = None) -> dict[str, Check]:
    """Return what the doctor finds when it runs in the sandbox, where folders and devices are the sandbox's own."""
    result = sandbox.run([*prefix, sys.executable, "-c", AS_JSON], cwd=str(REPOSITORY), env=env, timeout=60)
    assert result.returncode == 0, result.stderr
    return named([Check(**{**each, "status": Status(each["status"])}) for each in json.loads(result.stdout)])


def test_an_empty_host_lacks_only_the_defaults(sandbox: Sandbox) -> None:
    found = inside(sandbox)
    assert set(found) == set(NAMES)
    for name in ("packages", "libvirt-python", "qemu-img", "libvirt", "permission", "qemu"):
        assert found[name].status is Status.OK, found[name]
        assert found[name].remedy == ""
    assert found["qemu"].finding.endswith("with type qemu")
    for name in ("default pool", "default network"):
        assert found[name].status is Status.WARN
        assert found[name].finding == "there is none"
        assert found[name].remedy.startswith("apply a ")
    assert found["folders"].finding == "no active pool is a folder"
    assert worst(list(found.values())) is Status.WARN


@pytest.mark.parametrize(("name", "kind"), [("default pool", "pool"), ("default network", "network")])
def test_the_manifests_that_it_names_are_valid(sandbox: Sandbox, name: str, kind: str) -> None:
    remedy = inside(sandbox)[name].remedy
    spec = yaml.safe_load(remedy.split("`")[-2])["spec"]
    decode(BY_SHORT[kind].model, spec)


def test_a_sandbox_has_no_kvm_and_says_what_to_do(sandbox: Sandbox) -> None:
    found = inside(sandbox)["kvm"]
    assert found.status is Status.WARN
    assert "/dev/kvm" in found.finding
    assert "type: qemu" in found.remedy


def test_firmware_tpm_and_dnsmasq_are_seen(sandbox: Sandbox) -> None:
    found = inside(sandbox)
    assert found["uefi"].status is Status.OK
    assert found["uefi"].finding.startswith("firmware for UEFI at /")
    assert found["tpm"].status is Status.OK
    assert found["dnsmasq"].status is Status.OK


def test_a_healthy_host_has_nothing_to_mend(sandbox: Sandbox, conn: Any) -> None:
    pool = conn.storagePoolDefineXML(POOL)
    network = conn.networkDefineXML(NETWORK)
    for each in (pool, network):
        each.setAutostart(1)
        each.create()
    found = inside(sandbox)
    assert found["default pool"] == Check("default pool", Status.OK, "active, started with the host")
    assert found["default network"].status is Status.OK
    assert found["pool default"].status in (Status.OK, Status.WARN)  # a full disk is this machine's affair
    assert "free at /var/lib/libvirt/images" in found["pool default"].finding
    assert "folders" not in found


def test_defaults_that_are_stopped(sandbox: Sandbox, conn: Any) -> None:
    conn.storagePoolDefineXML(POOL)
    conn.networkDefineXML(NETWORK).create()
    found = inside(sandbox)
    assert found["default pool"].status is Status.WARN
    assert found["default pool"].finding == "not active, not started with the host"
    assert "virsh pool-start default, virsh pool-autostart default" in found["default pool"].remedy
    assert found["default network"].finding == "not started with the host"
    assert found["default network"].remedy.endswith("or virsh net-autostart default")


def test_other_pools_are_named(sandbox: Sandbox, conn: Any) -> None:
    conn.storagePoolDefineXML(POOL.replace("default", "fast"))
    assert inside(sandbox)["default pool"].finding == "there is none (there are: fast)"


def test_a_pool_whose_folder_was_removed(sandbox: Sandbox, conn: Any) -> None:
    folder = sandbox.outside("/var/lib/libvirt/images") / "gone"
    folder.mkdir()
    conn.storagePoolDefineXML(POOL.replace("/images", "/images/gone")).create()
    folder.rmdir()
    found = inside(sandbox)["pool default"]
    assert found.status is Status.FAIL
    assert found.finding == "its folder /var/lib/libvirt/images/gone is missing"
    assert found.remedy == "mkdir -p /var/lib/libvirt/images/gone, then virsh pool-refresh default"


def test_a_wrong_uri_skips_only_what_depends_on_it() -> None:
    found = named(diagnose("qemu:///nonsense"))
    assert set(found) == set(NAMES)
    assert found["libvirt"].status is Status.FAIL
    assert found["libvirt"].remedy
    for name in ("permission", "qemu", "default pool", "default network", "folders"):
        assert found[name] == Check(name, Status.SKIP, "not asked: libvirt failed")
    assert found["uefi"] == Check("uefi", Status.SKIP, "not asked: qemu was not asked either")
    assert found["qemu-img"].status is Status.OK
    assert worst(list(found.values())) is Status.FAIL


@pytest.mark.parametrize("uri", ["nonsense", "::", "qemu+unix:///system?socket=/nowhere", "http://[", "\x00"])
def test_no_uri_makes_it_raise(uri: str) -> None:
    assert named(diagnose(uri))["libvirt"].status is Status.FAIL


def test_a_remote_host_is_not_judged_by_this_machine() -> None:
    found = named(diagnose("qemu+tcp://127.0.0.1:1/system"))
    assert found["libvirt"].status is Status.FAIL
    assert found["kvm"].finding == "not asked: the host is 127.0.0.1"
    assert found["kvm"].remedy == "run `kvmctl doctor` there"
    assert found["dnsmasq"].status is Status.SKIP
    assert found["qemu-img"].status is Status.OK


def test_another_driver_is_no_fault() -> None:
    found = named(diagnose("test:///default"))
    assert found["qemu"] == Check("qemu", Status.SKIP, "the connection is to libvirt's test driver")
    assert found["folders"].status is Status.SKIP
    assert found["libvirt"].finding.endswith(" at test:///default")


def test_without_qemu_img(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    found = named(diagnose("test:///default"))
    assert found["qemu-img"].status is Status.FAIL
    assert "qemu-utils" in found["qemu-img"].remedy
    assert found["libvirt"].status is Status.OK


def test_with_a_broken_qemu_img(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "qemu-img"
    broken.write_text("#!/bin/sh\necho 'error while loading shared libraries' >&2\nexit 127\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    found = named(diagnose("test:///default"))["qemu-img"]
    assert found.status is Status.FAIL
    assert found.finding == "it does not run: error while loading shared libraries"


def test_without_dnsmasq(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(local, "_SYSTEM_FOLDERS", ())
    monkeypatch.setenv("PATH", str(tmp_path))
    (found,) = local.dnsmasq(Patient(None))
    assert found.status is Status.WARN
    assert "dnsmasq-base" in found.remedy


@pytest.mark.parametrize("blocked", ["ModuleNotFoundError('x', name=name)", "ImportError('libvirt.so.0: no')"])
def test_without_libvirt_python(blocked: str) -> None:
    blocker = f"""
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name in ("libvirt", "libvirtmod"):
            raise {blocked}
sys.meta_path.insert(0, Blocker())
sys.argv[1:] = ["qemu:///system"]
"""
    result = subprocess.run(
        [sys.executable, "-c", blocker + AS_JSON], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    found = {each["name"]: each for each in json.loads(result.stdout)}
    assert found["libvirt-python"]["status"] == "fail"
    assert "libvirt-python" in found["libvirt-python"]["remedy"]
    assert found["libvirt"]["finding"] == "not asked: libvirt-python failed"
    assert found["permission"]["finding"] == "not asked: libvirt was not asked either"
    assert found["qemu-img"]["status"] == "ok"


def test_packages_that_are_missing_or_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = ["click>=99.1", "kvmctl-nonesuch>=1.0", 'pytest>=99; extra == "dev"', "libvirt-python>=99"]
    monkeypatch.setattr(metadata, "requires", lambda _name: asked)
    (found,) = local.packages(Patient(None))
    assert found.status is Status.FAIL
    assert "needs 99.1 or newer; kvmctl-nonesuch missing, needs 1.0 or newer" in found.finding
    assert "pytest" not in found.finding


def test_a_read_only_user_may_plan_but_not_apply(sandbox: Sandbox) -> None:
    # A host's read-only socket is everybody's. The capability lets the user read the code under test, wherever
    # it is, but not write to libvirt's other socket.
    user = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    capability = ("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search")
    socket = "/run/libvirt/libvirt-sock-ro"
    sandbox.run(["chmod", "0777", socket])
    try:
        found = inside(sandbox, *user, *capability)
    finally:
        sandbox.run(["chmod", "0700", socket])
    assert found["libvirt"].status is Status.OK, found["libvirt"]
    assert found["permission"].status is Status.FAIL
    assert "Permission denied" in found["permission"].finding
    assert "usermod -aG libvirt" in found["permission"].remedy
    assert found["qemu"].status is Status.OK
    assert found["uefi"] == Check("uefi", Status.SKIP, "not asked: permission failed")


def real_domain_capabilities(sandbox: Sandbox) -> str:
    with Patient(sandbox.uri) as patient:
        return patient.domain_capabilities


def test_without_firmware_or_swtpm(sandbox: Sandbox) -> None:
    xml = real_domain_capabilities(sandbox)
    assert remote.uefi_check(xml).status is Status.OK
    assert remote.tpm_check(xml).status is Status.OK
    without_uefi = remote.uefi_check(xml.replace("<value>efi</value>", ""))
    assert without_uefi.status is Status.WARN
    assert "ovmf" in without_uefi.remedy
    without_tpm = remote.tpm_check(xml.replace("<value>emulator</value>", ""))
    assert without_tpm.status is Status.WARN
    assert "swtpm" in without_tpm.remedy


def test_without_qemu(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Patient, "types", ())
    found = named(diagnose(sandbox.uri))
    assert found["qemu"].status is Status.FAIL
    assert found["qemu"].remedy.startswith("apt install qemu-system-")
    assert found["uefi"].finding == "not asked: qemu failed"


def test_one_question_that_breaks_hides_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_names: object) -> list[str]:
        raise RuntimeError("boom")

    monkeypatch.setattr(metadata, "requires", broken)
    found = named(diagnose("test:///default"))
    assert found["packages"] == Check("packages", Status.FAIL, "RuntimeError: boom")
    assert set(NAMES) - {"folders"} <= set(found)
    assert found["libvirt"].status is Status.OK


def test_it_changes_nothing(sandbox: Sandbox, conn: Any) -> None:
    conn.storagePoolDefineXML(POOL)
    conn.networkDefineXML(NETWORK)
    before = [conn.listAllStoragePools()[0].XMLDesc(), conn.listAllNetworks()[0].XMLDesc()]
    diagnose(sandbox.uri)
    assert [conn.listAllStoragePools()[0].XMLDesc(), conn.listAllNetworks()[0].XMLDesc()] == before
    assert not conn.listAllStoragePools()[0].isActive()


def test_every_fault_has_a_remedy_in_one_line(sandbox: Sandbox) -> None:
    for check in (*inside(sandbox).values(), *diagnose("qemu+unix:///system?socket=/nowhere")):
        assert "\n" not in check.finding + check.remedy
        if check.status in (Status.WARN, Status.FAIL):
            assert check.remedy, asdict(check)
