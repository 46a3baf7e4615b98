"""The sandbox: a whole host of its own that leaves nothing behind."""

from __future__ import annotations

import contextlib
import os
import subprocess
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from kvmctl.sandbox import Sandbox, SandboxError, capabilities, layout

if TYPE_CHECKING:
    from collections.abc import Callable

DOMAIN = """
<domain type='qemu'>
  <name>{name}</name>
  <memory unit='MiB'>32</memory>
  <os><type arch='x86_64' machine='q35'>hvm</type></os>
  {devices}
</domain>"""
NETWORK = """
<network>
  <name>lab</name>
  <forward mode='nat'/>
  <bridge name='kvmctl-lab'/>
  <ip address='192.168.231.1' prefix='24'>
    <dhcp><range start='192.168.231.10' end='192.168.231.20'/></dhcp>
  </ip>
</network>"""
TPM = "<devices><tpm model='tpm-crb'><backend type='emulator' version='2.0'/></tpm></devices>"


def process_space(process: Path) -> Path | None:
    """Return the process namespace of a folder of /proc, None where the process has ended."""
    try:
        return (process / "ns/pid").readlink()
    except OSError:
        return None


def processes_in(space: Path | None) -> list[Path]:
    """Return the folders in /proc of the processes of a process namespace."""
    return [process for process in Path("/proc").glob("[0-9]*") if process_space(process) == space]


def programs_of(box: Sandbox) -> set[str]:
    """Return the names, cut to 15 characters, of the programs that run in a sandbox."""
    space = process_space(Path(f"/proc/{box.pid}"))
    return {(process / "comm").read_text().strip() for process in processes_in(space)}


def test_a_new_sandbox_is_an_empty_host(fresh_sandbox: Sandbox, connect: Callable[[str], Any]) -> None:
    connection = connect(fresh_sandbox.uri)
    assert connection.getType() == "QEMU"
    assert connection.listAllDomains() == []
    assert connection.listAllNetworks() == []
    assert connection.listAllStoragePools() == []
    assert connection.listAllNWFilters() == []
    assert connection.listAllSecrets() == []
    assert list(fresh_sandbox.outside("/var/lib/libvirt/images").iterdir()) == []


def test_what_is_defined_inside_is_seen_outside(sandbox: Sandbox, conn: Any) -> None:
    result = sandbox.run(["virsh", "define", "/dev/stdin"], input=DOMAIN.format(name="seen", devices=""))
    assert (result.returncode, result.stderr.strip()) == (0, "")
    assert [domain.name() for domain in conn.listAllDomains()] == ["seen"]


@pytest.mark.parametrize("devices", ["", TPM], ids=["plain", "with a TPM"])
def test_a_guest_starts_and_is_destroyed(sandbox: Sandbox, conn: Any, devices: str) -> None:
    domain = conn.defineXML(DOMAIN.format(name="guest", devices=devices))
    domain.create()
    assert domain.isActive()
    assert "qemu-system-x86" in programs_of(sandbox)
    domain.destroy()
    assert not domain.isActive()


def test_the_fixtures_empty_the_host(sandbox: Sandbox, conn: Any, empty_sandbox: Callable[[], None]) -> None:
    conn.createXML(DOMAIN.format(name="transient", devices=""))
    conn.defineXML(DOMAIN.format(name="running", devices="")).create()
    conn.networkDefineXML(NETWORK).create()
    pool = "<pool type='dir'><name>p</name><target><path>/var/lib/libvirt/images/p</path></target></pool>"
    conn.storagePoolDefineXML(pool).build()
    conn.secretDefineXML("<secret><usage type='volume'><volume>/x</volume></usage></secret>")
    conn.nwfilterDefineXML("<filter name='b'/>")
    conn.nwfilterDefineXML("<filter name='a'><filterref filter='b'/></filter>")
    assert sandbox.outside("/var/lib/libvirt/images/p").is_dir()
    empty_sandbox()
    listed = (conn.listAllDomains, conn.listAllNetworks, conn.listAllStoragePools, conn.listAllSecrets)
    assert [objects() for objects in (*listed, conn.listAllNWFilters)] == [[], [], [], [], []]
    assert list(sandbox.outside("/var/lib/libvirt/images").iterdir()) == []


def test_a_network_with_dhcp_leaves_the_machine_alone(sandbox: Sandbox, conn: Any) -> None:
    conn.networkDefineXML(NETWORK).create()
    assert "dnsmasq" in programs_of(sandbox)
    inside = sandbox.run(["ip", "-brief", "address"]).stdout
    assert "192.168.231.1/24" in inside
    outside = subprocess.run(["ip", "-brief", "address"], capture_output=True, text=True, check=True).stdout
    assert "kvmctl-lab" not in outside
    assert "192.168.231.1" not in outside


def test_two_sandboxes_are_two_hosts(
    sandbox: Sandbox, conn: Any, fresh_sandbox: Sandbox, connect: Callable[[str], Any]
) -> None:
    other = connect(fresh_sandbox.uri)
    conn.defineXML(DOMAIN.format(name="here", devices=""))
    conn.networkDefineXML(NETWORK).create()
    assert other.listAllDomains() == []
    other.networkDefineXML(NETWORK).create()  # the same bridge and addresses, on another host
    assert conn.getHostname() == sandbox.hostname != other.getHostname() == fresh_sandbox.hostname
    hosts = {sandbox.run(["virsh", "capabilities"]).stdout.partition("</uuid>")[0][-36:]}
    hosts.add(fresh_sandbox.run(["virsh", "capabilities"]).stdout.partition("</uuid>")[0][-36:])
    assert len({uuid.UUID(host) for host in hosts}) == 2


def test_only_emulation_is_offered(conn: Any) -> None:
    assert "<domain>qemu</domain>" in conn.getDomainCapabilities()
    with pytest.raises(Exception, match="'kvm' is not supported"):
        conn.getDomainCapabilities(None, None, None, "kvm")


@pytest.mark.skipif(not Path("/dev/kvm").exists(), reason="this machine has no /dev/kvm")
def test_kvm_is_there_when_asked_for(sandbox: Sandbox) -> None:
    kind = ["stat", "--format=%F", "/dev/kvm"]
    assert sandbox.run(kind).stdout.strip() == "regular empty file"
    with Sandbox(kvm=True) as box:
        assert box.run(kind).stdout.strip() == "character special file"


def test_run_gives_environment_input_folder_and_exit_code(sandbox: Sandbox, tmp_path: Path) -> None:
    script = 'echo "$LIBVIRT_DEFAULT_URI $WORD $(pwd) $(cat)"; echo wrong >&2; exit 9'
    result = sandbox.run(["sh", "-c", script], env={"WORD": "word"}, input="said", cwd=str(tmp_path))
    assert result.stdout == f"qemu:///system word {tmp_path} said\n"
    assert (result.stderr, result.returncode) == ("wrong\n", 9)


def test_libvirt_outside_knows_nothing_of_it(sandbox: Sandbox) -> None:
    marker = sandbox.outside("/etc/libvirt/marker")
    marker.touch()
    assert not Path("/etc/libvirt/marker").exists()
    marker.unlink()


def test_closing_ends_every_process_and_removes_every_file(
    temporary: Path, make_sandbox: Callable[[], Sandbox], connect: Callable[[str], Any]
) -> None:
    box = make_sandbox()
    space = process_space(Path(f"/proc/{box.pid}"))
    connection = connect(box.uri)
    connection.createXML(DOMAIN.format(name="guest", devices=""))
    connection.networkCreateXML(NETWORK)
    assert {"libvirtd", "dnsmasq", "qemu-system-x86"} <= programs_of(box)
    box.close()
    assert processes_in(space) == []
    assert list(temporary.iterdir()) == []
    box.close()  # harmless


def test_a_closed_sandbox_says_so() -> None:
    box = Sandbox()
    with pytest.raises(SandboxError, match="isn't running"):
        assert box.uri
    with pytest.raises(SandboxError, match="isn't running"):
        box.run(["true"])


def test_a_failed_start_quotes_the_log_and_leaves_nothing(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "_QEMU_CONF", 'user = "nobody-of-this-name"\n')
    box = Sandbox()
    with pytest.raises(SandboxError, match="nobody-of-this-name") as caught:
        box.start()
    assert "libvirtd ended while it started" in caught.value.message
    assert "kvmctl doctor" in caught.value.hint
    assert list(temporary.iterdir()) == []


def test_a_start_that_takes_too_long_is_given_up(temporary: Path) -> None:
    with pytest.raises(SandboxError, match=r"did not answer within 0\.001 s"):
        Sandbox(timeout=0.001).start()
    assert list(temporary.iterdir()) == []


def test_without_root_the_error_says_how(monkeypatch: pytest.MonkeyPatch, temporary: Path) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(SandboxError, match="needs root; this is user 1000") as caught:
        Sandbox().start()
    assert caught.value.hint == "run it as `sudo kvmctl sandbox -- COMMAND`"
    assert list(temporary.iterdir()) == []


def test_a_missing_program_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch, temporary: Path) -> None:
    monkeypatch.setattr("shutil.which", lambda name, **_path: None if name == "libvirtd" else name)
    with pytest.raises(SandboxError, match="a sandbox needs libvirtd, not found here; install libvirt-daemon"):
        Sandbox().start()
    assert list(temporary.iterdir()) == []


def test_what_qemu_can_do_is_remembered(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, make_sandbox: Callable[[], Sandbox]
) -> None:
    monkeypatch.setattr(capabilities, "_CACHE", tmp_path / "cache")
    for known in (False, True):
        with contextlib.closing(make_sandbox()) as box:
            folder = box.root / layout.CAPABILITIES
            before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
            assert box.run(["virsh", "domcapabilities"]).returncode == 0
            after = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
            assert (before == after) is known  # libvirtd writes what it has asked QEMU anew


def test_half_written_knowledge_is_not_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(capabilities, "_CACHE", tmp_path / "cache")
    learned = tmp_path / "root" / layout.CAPABILITIES
    learned.mkdir(parents=True)
    (learned / "half.xml").write_text("<qemuCaps>\n  <flag name='hpet'/>\n")
    (learned / "whole.xml").write_text("<qemuCaps>\n</qemuCaps>\n")
    capabilities.remember(tmp_path / "root", kvm=False)
    assert [path.name for path in (tmp_path / "cache" / "tcg").iterdir()] == ["whole.xml"]
