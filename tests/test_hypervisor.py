"""The thin calls, each against a real libvirtd: what it does, and what it says when it can't."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from kvmctl.errors import HypervisorError
from kvmctl.xmlio import parse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from kvmctl.hypervisor import Hypervisor
    from kvmctl.sandbox import Sandbox

IMAGES = "/var/lib/libvirt/images"
MIB = 2**20


def domain_xml(name: str, devices: str = "", extra: str = "") -> str:
    """Return a small machine that starts under emulation and has nothing to boot."""
    return f"""<domain type='qemu'><name>{name}</name><memory unit='MiB'>64</memory>
      <currentMemory unit='MiB'>64</currentMemory><vcpu current='1'>2</vcpu>
      <os><type arch='x86_64' machine='q35'>hvm</type></os><features><acpi/></features>{extra}
      <devices><controller type='pci' model='pcie-root'/>
      <controller type='pci' model='pcie-root-port'/><controller type='pci' model='pcie-root-port'/>
      <controller type='pci' model='pcie-root-port'/><controller type='pci' model='pcie-root-port'/>
      {devices}</devices></domain>"""


def network_xml(name: str, bridge: str) -> str:
    """Return an isolated network without addresses."""
    return f"<network><name>{name}</name><bridge name='{bridge}'/></network>"


def pool_xml(name: str, path: str = IMAGES) -> str:
    """Return a pool that is a folder."""
    return f"<pool type='dir'><name>{name}</name><target><path>{path}</path></target></pool>"


def volume_xml(name: str, size: int = 8 * MIB, image_format: str = "raw") -> str:
    """Return a volume of `size` bytes."""
    return (
        f"<volume><name>{name}</name><capacity unit='bytes'>{size}</capacity>"
        f"<target><format type='{image_format}'/></target></volume>"
    )


@pytest.fixture
def opened() -> Iterator[Callable[..., Hypervisor]]:
    """A function that opens a connection which is closed after the test."""
    from kvmctl.hypervisor import Hypervisor

    made: list[Hypervisor] = []

    def open_one(uri: str, *, readonly: bool = False, events: bool = False) -> Hypervisor:
        made.append(Hypervisor.open(uri, readonly=readonly, events=events))
        return made[-1]

    yield open_one
    for hv in made:
        hv.close()


@pytest.fixture
def hv(sandbox: Sandbox, opened: Callable[..., Hypervisor]) -> Hypervisor:
    """A full connection to an empty host."""
    return opened(sandbox.uri)


@pytest.fixture
def pool(hv: Hypervisor) -> str:
    """A started pool."""
    hv.define_pool(pool_xml("images"))
    hv.start_pool("images")
    return "images"


def failure(function: Callable[[], object]) -> HypervisorError:
    """Return the error that the function raises."""
    with pytest.raises(HypervisorError) as caught:
        function()
    return caught.value


def by_name(entries: list[Any]) -> dict[str, Any]:
    """Return listed objects by their names."""
    return {entry.name: entry for entry in entries}


# --- connecting ---------------------------------------------------------------------------------------------------


def test_a_wrong_socket_is_explained(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    from kvmctl.hypervisor import Code, Hypervisor

    uri = f"qemu:///system?socket={tmp_path}/none"
    error = failure(lambda: Hypervisor.open(uri, readonly=True))
    assert error.code == Code.SYSTEM_ERROR
    assert (
        error.message
        == f"can't connect to {uri}: Failed to connect socket to '{tmp_path}/none': No such file or directory"
    )
    assert "systemctl start libvirtd" in error.hint
    assert capfd.readouterr().err == ""


def test_a_socket_without_rights_is_explained(tmp_path: Path) -> None:
    from kvmctl.hypervisor import Hypervisor

    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    tmp_path.chmod(0o755)
    script = (
        "import os, sys\n"
        "from kvmctl.hypervisor import Hypervisor\n"
        "from kvmctl.errors import HypervisorError\n"
        "os.setuid(65534)\n"
        "try:\n"
        f"    Hypervisor.open('qemu:///system?socket={closed}/sock', readonly=True)\n"
        "except HypervisorError as error:\n"
        "    print(error.code, error.hint)\n"
    )
    assert Hypervisor is not None
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert result.stdout.startswith("38 run as root, or add this user to the group libvirt"), result


@pytest.mark.parametrize("uri", ["::::", "qemu:///nothing"])
def test_a_uri_that_is_none_is_explained(uri: str, sandbox: Sandbox) -> None:
    from kvmctl.hypervisor import Hypervisor

    full = uri if ":/" not in uri else f"{uri}?{sandbox.uri.partition('?')[2]}"
    error = failure(lambda: Hypervisor.open(full, readonly=True))
    assert full in error.message
    assert "qemu+ssh://host/system" in error.hint


def test_a_refused_connection_is_explained() -> None:
    from kvmctl.hypervisor import Hypervisor

    error = failure(lambda: Hypervisor.open("qemu+tcp://127.0.0.1:1/system", readonly=True))
    assert "Connection refused" in error.message
    assert error.hint


def test_the_default_uri_is_libvirts(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, opened: Callable[..., Any]
) -> None:
    monkeypatch.setenv("LIBVIRT_DEFAULT_URI", sandbox.uri)
    assert opened(None, readonly=True).uri.startswith("qemu:///system")


def test_closing_twice_is_harmless(hv: Hypervisor) -> None:
    hv.close()
    hv.close()


def test_a_lost_daemon_is_an_error_with_a_hint(fresh_sandbox: Sandbox, opened: Callable[..., Hypervisor]) -> None:
    hv = opened(fresh_sandbox.uri)
    fresh_sandbox.close()
    error = failure(hv.domains)
    assert error.code
    assert error.hint


def test_a_read_only_connection_reads_and_does_not_write(sandbox: Sandbox, opened: Callable[..., Hypervisor]) -> None:
    from kvmctl.hypervisor import Code

    hv = opened(sandbox.uri, readonly=True)
    assert hv.domains() == []
    error = failure(lambda: hv.define_domain(domain_xml("a")))
    assert error.code == Code.OPERATION_DENIED
    assert error.message.startswith("can't define vm/a: ")
    assert "read-only" in error.hint


def test_a_read_only_connection_is_refused_passwords(
    hv: Hypervisor, sandbox: Sandbox, opened: Callable[..., Hypervisor]
) -> None:
    hv.define_domain(domain_xml("a", "<graphics type='vnc' passwd='hush'/>"))
    assert "hush" not in hv.domain_xml("a")
    assert "hush" in hv.domain_xml("a", secure=True)
    reader = opened(sandbox.uri, readonly=True)
    assert failure(lambda: reader.domain_xml("a", secure=True)).code


# --- time limits --------------------------------------------------------------------------------------------------


def test_a_hanging_call_is_named(hv: Hypervisor) -> None:
    from kvmctl.hypervisor import Code

    released = threading.Event()
    error = failure(lambda: hv._ask("wait for vm/sleepy", released.wait, 30, patience=0.05))
    released.set()
    assert error.code == Code.OPERATION_TIMEOUT
    assert error.message == "can't wait for vm/sleepy: libvirt has not answered within 0.05 s"


def test_a_hanging_question_among_many_is_named(hv: Hypervisor, monkeypatch: pytest.MonkeyPatch) -> None:
    from kvmctl.hypervisor import connection

    monkeypatch.setattr(connection, "PATIENCE", 0.1)
    released = threading.Event()
    jobs = [
        connection.Job("read vm/quick", str, ("x",)),
        connection.Job("read vm/sleepy", released.wait, (30,)),
    ]
    answers: list[tuple[int, Any]] = []
    error = failure(lambda: answers.extend(hv.ask_all(jobs)))
    released.set()
    assert error.message.startswith("can't read vm/sleepy: ")


def test_what_a_call_raises_is_not_lost(hv: Hypervisor) -> None:
    with pytest.raises(ZeroDivisionError):
        hv._ask("divide", lambda: 1 // 0)


# --- the host -----------------------------------------------------------------------------------------------------


def test_the_host_tells_what_it_is(hv: Hypervisor, sandbox: Sandbox) -> None:
    assert hv.hostname() == sandbox.hostname
    assert [part.isdecimal() for part in hv.libvirt_version().split(".")] == [True] * 3
    assert int(hv.hypervisor_version().split(".")[0]) >= 4


def test_capabilities_tell_the_domain_types(hv: Hypervisor) -> None:
    found = hv.capabilities()
    assert found.arch == os.uname().machine
    assert "qemu" in found.types[found.arch]
    assert "kvm" not in found.types[found.arch]  # the sandbox has none
    assert found.emulators[found.arch].startswith("/")


def test_domain_capabilities_are_xml(hv: Hypervisor) -> None:
    root = parse(hv.domain_capabilities(arch="x86_64", machine="q35", type="qemu"))
    assert root.tag == "domainCapabilities"
    assert failure(lambda: hv.domain_capabilities(arch="toaster")).message.startswith("can't ask what toaster offers: ")


# --- domains ------------------------------------------------------------------------------------------------------


def test_listing_tells_states_in_five_calls(hv: Hypervisor, conn: Any) -> None:
    for name in ("off", "on", "still"):
        hv.define_domain(domain_xml(name))
    hv.start_domain("on")
    hv.start_domain("still", paused=True)
    hv.set_domain_autostart("off", autostart=True)
    conn.createXML(domain_xml("passing"), 0)
    before = hv.calls
    listed = by_name(hv.domains())
    assert hv.calls - before == 5
    assert list(listed) == ["off", "on", "passing", "still"]
    assert [entry.active for entry in listed.values()] == [False, True, True, True]
    assert [entry.paused for entry in listed.values()] == [False, False, False, True]
    assert [entry.autostart for entry in listed.values()] == [True, False, False, False]
    assert [entry.persistent for entry in listed.values()] == [True, True, False, True]
    assert listed["off"].uuid == conn.lookupByName("off").UUIDString()


def test_power_states(hv: Hypervisor) -> None:
    from kvmctl.hypervisor import DomainState

    hv.define_domain(domain_xml("a"))
    assert hv.domain_state("a") == DomainState.OFF
    hv.start_domain("a")
    assert hv.domain_state("a") == DomainState.RUNNING
    hv.suspend_domain("a")
    assert hv.domain_state("a") == DomainState.PAUSED
    hv.resume_domain("a")
    assert hv.domain_state("a") == DomainState.RUNNING
    hv.destroy_domain("a")
    assert hv.domain_state("a") == DomainState.OFF
    assert hv.domain_state("nobody") == DomainState.OFF


def test_a_wrong_state_is_told_by_its_code(hv: Hypervisor) -> None:
    from kvmctl.hypervisor import Code

    hv.define_domain(domain_xml("a"))
    error = failure(lambda: hv.suspend_domain("a"))
    assert error.code == Code.OPERATION_INVALID
    assert error.message.startswith("can't suspend vm/a: ")
    assert "plan again" in error.hint
    assert failure(lambda: hv.start_domain("nobody")).code == Code.NO_DOMAIN


def test_validation_refuses_what_libvirt_would_drop(hv: Hypervisor) -> None:
    xml = domain_xml("a", extra="<colour>red</colour>")
    error = failure(lambda: hv.define_domain(xml))
    assert "colour" in error.message or "schema" in error.message
    assert "\n" not in error.message
    hv.define_domain(xml, validate=False)
    assert "colour" not in hv.domain_xml("a")


def test_broken_xml_is_an_error_of_libvirts(hv: Hypervisor) -> None:
    error = failure(lambda: hv.define_domain("<domain"))
    assert error.message.startswith("can't define vm/(without a name): ")


def test_running_and_inactive_definitions_differ(hv: Hypervisor) -> None:
    hv.define_domain(domain_xml("a"))
    hv.start_domain("a")
    hv.set_vcpus_live("a", 2)
    uuid = by_name(hv.domains())["a"].uuid
    xml = domain_xml("a", extra=f"<uuid>{uuid}</uuid><title>new</title>")
    hv.define_domain(xml)
    assert parse(hv.domain_xml("a")).findtext("title") == "new"
    running = parse(hv.domain_xml("a", running=True))
    assert running.findtext("title") is None
    assert running.find("vcpu[@current='1']") is None


def test_memory_of_a_running_guest(hv: Hypervisor) -> None:
    hv.define_domain(domain_xml("a", "<memballoon model='virtio'/>"))
    hv.start_domain("a")
    hv.set_memory_live("a", 32 * 1024)
    assert parse(hv.domain_xml("a")).findtext("currentMemory") == str(64 * 1024)


def test_title_and_description(hv: Hypervisor) -> None:
    hv.define_domain(domain_xml("a"))
    hv.start_domain("a")
    hv.set_domain_title("a", "Web", live=True)
    hv.set_domain_description("a", "Front & back", live=False)
    assert parse(hv.domain_xml("a", running=True)).findtext("title") == "Web"
    assert parse(hv.domain_xml("a", running=True)).findtext("description") is None
    assert parse(hv.domain_xml("a")).findtext("description") == "Front & back"
    hv.set_domain_title("a", None, live=True)
    assert parse(hv.domain_xml("a")).findtext("title") is None


def test_undefine_takes_what_belongs_to_the_machine(hv: Hypervisor, pool: str, conn: Any) -> None:
    path = hv.create_volume(pool, volume_xml("root", 4 * MIB, "qcow2"))
    disk = (
        f"<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='{path}'/>"
        "<target dev='vda' bus='virtio'/></disk>"
    )
    hv.define_domain(domain_xml("a", disk))
    hv.start_domain("a")
    conn.lookupByName("a").snapshotCreateXML("<domainsnapshot/>", 0)
    conn.lookupByName("a").managedSave(0)
    assert by_name(hv.domains())["a"].managed_save
    hv.undefine_domain("a")
    assert hv.domains() == []


def test_undefine_removes_the_nvram_unless_told_to_keep_it(hv: Hypervisor, conn: Any, sandbox: Sandbox) -> None:
    nvram = sandbox.outside(f"{IMAGES}/a.fd")
    loader = "/usr/share/OVMF/OVMF_CODE_4M.fd"
    if not os.path.exists(loader):  # noqa: PTH110 - a look, no more
        pytest.skip("no OVMF on this machine")
    os_part = (
        f"<os><type arch='x86_64' machine='q35'>hvm</type>"
        f"<loader readonly='yes' type='pflash'>{loader}</loader><nvram>{IMAGES}/a.fd</nvram></os>"
    )
    xml = domain_xml("a").replace("<os><type arch='x86_64' machine='q35'>hvm</type></os>", os_part)
    for keep in (True, False):
        nvram.write_bytes(b"settings")
        hv.define_domain(xml)
        hv.undefine_domain("a", keep_firmware_state=keep)
        assert nvram.exists() == keep
    assert conn.listAllDomains() == []


def test_undefine_removes_the_nvram_that_libvirt_chose(hv: Hypervisor, sandbox: Sandbox) -> None:
    if not os.path.exists("/usr/share/OVMF/OVMF_CODE_4M.fd"):  # noqa: PTH110 - a look, no more
        pytest.skip("no OVMF on this machine")
    hv.define_domain(domain_xml("a").replace("<os>", "<os firmware='efi'>"))
    hv.start_domain("a")
    nvram = sandbox.outside("/var/lib/libvirt/qemu/nvram/a_VARS.fd")
    assert nvram.exists()
    hv.destroy_domain("a")
    hv.undefine_domain("a")
    assert hv.domains() == []
    assert not nvram.exists()


def test_the_test_driver_undefines_too(opened: Callable[..., Hypervisor]) -> None:
    hv = opened("test:///default")
    hv.destroy_domain("test")
    hv.undefine_domain("test")
    assert hv.domains() == []


def test_managed_save_starts_where_it_was(hv: Hypervisor, conn: Any) -> None:
    hv.define_domain(domain_xml("a"))
    hv.start_domain("a")
    conn.lookupByName("a").managedSave(0)
    hv.start_domain("a")
    assert not by_name(hv.domains())["a"].managed_save


# --- waiting ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("events", [False, True])
def test_waiting_for_a_stop(sandbox: Sandbox, opened: Callable[..., Hypervisor], events: bool) -> None:
    from kvmctl.hypervisor import DomainState

    hv = opened(sandbox.uri, events=events)
    hv.define_domain(domain_xml("a"))
    hv.start_domain("a")
    assert not hv.wait_for_domain_state("a", {DomainState.OFF}, 0.2)
    timer = threading.Timer(0.3, hv.destroy_domain, ("a",))
    timer.start()
    started = time.monotonic()
    assert hv.wait_for_domain_state("a", {DomainState.OFF}, 20)
    assert time.monotonic() - started < 10
    timer.join()


@pytest.mark.parametrize("mode", ["default", "acpi"])
def test_a_guest_that_does_not_listen_does_not_stop(hv: Hypervisor, mode: str) -> None:
    from kvmctl.hypervisor import DomainState

    hv.define_domain(domain_xml("a"))
    hv.start_domain("a")
    hv.shutdown_domain("a", mode)
    assert not hv.wait_for_domain_state("a", {DomainState.OFF}, 0.3)


def test_a_missing_guest_agent_is_explained(hv: Hypervisor) -> None:
    hv.define_domain(domain_xml("a"))
    hv.start_domain("a")
    error = failure(lambda: hv.shutdown_domain("a", "agent"))
    assert error.message.startswith("can't shut down vm/a: ")
    assert error.hint


# --- devices ------------------------------------------------------------------------------------------------------


def test_a_disk_is_attached_and_detached(hv: Hypervisor, pool: str) -> None:
    path = hv.create_volume(pool, volume_xml("extra"))
    disk = (
        f"<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='{path}'/>"
        "<target dev='vdb' bus='virtio'/><alias name='ua-extra'/></disk>"
    )
    hv.define_domain(domain_xml("a"))
    hv.start_domain("a")
    hv.attach_device("a", disk, live=True, config=True)
    assert parse(hv.domain_xml("a", running=True)).find("devices/disk") is not None
    assert parse(hv.domain_xml("a")).find("devices/disk") is not None
    hv.detach_device("a", disk, live=False, config=True)
    assert parse(hv.domain_xml("a")).find("devices/disk") is None
    assert not hv.wait_for_device_gone("a", "ua-extra", 0.2)  # the firmware doesn't let go
    hv.destroy_domain("a")
    assert hv.wait_for_device_gone("a", "ua-extra", 5)


def test_a_medium_is_changed(hv: Hypervisor, pool: str) -> None:
    path = hv.create_volume(pool, volume_xml("medium.iso"))
    cdrom = "<disk type='file' device='cdrom'><driver name='qemu' type='raw'/>{}<target dev='sda' bus='sata'/></disk>"
    hv.define_domain(domain_xml("a", cdrom.format("")))
    hv.start_domain("a")
    hv.update_device("a", cdrom.format(f"<source file='{path}'/>"), live=True, config=True)
    for running in (False, True):
        source = parse(hv.domain_xml("a", running=running)).find("devices/disk/source")
        assert source is not None
        assert source.get("file") == path


def test_a_running_guests_disk_grows(hv: Hypervisor, pool: str) -> None:
    path = hv.create_volume(pool, volume_xml("root", 4 * MIB, "qcow2"))
    disk = (
        f"<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='{path}'/>"
        "<target dev='vda' bus='virtio'/></disk>"
    )
    hv.define_domain(domain_xml("a", disk))
    hv.start_domain("a")
    hv.block_resize("a", "vda", 16 * MIB)
    hv.destroy_domain("a")
    hv.refresh_pool(pool)
    assert hv.volume_info(pool, "root").capacity == 16 * MIB


# --- networks -----------------------------------------------------------------------------------------------------


def test_networks(hv: Hypervisor) -> None:
    from kvmctl.hypervisor import Code

    hv.define_network(network_xml("lab", "kvmb0"))
    hv.define_network(network_xml("idle", "kvmb1"))
    hv.start_network("lab")
    hv.set_network_autostart("idle", autostart=True)
    before = hv.calls
    listed = by_name(hv.networks())
    assert hv.calls - before == 4
    assert [(name, entry.active, entry.autostart) for name, entry in listed.items()] == [
        ("idle", False, True),
        ("lab", True, False),
    ]
    assert "connections" in parse(hv.network_xml("lab", running=True)).attrib or hv.network_xml("lab")
    hv.set_network_autostart("idle", autostart=False)
    hv.stop_network("lab")
    hv.undefine_network("lab")
    assert list(by_name(hv.networks())) == ["idle"]
    assert failure(lambda: hv.start_network("lab")).code == Code.NO_NETWORK


# --- pools and volumes --------------------------------------------------------------------------------------------


def test_pools(hv: Hypervisor, sandbox: Sandbox) -> None:
    folder = f"{IMAGES}/new/deep"
    hv.define_pool(pool_xml("p", folder))
    assert failure(lambda: hv.start_pool("p")).hint
    hv.build_pool("p", "dir")
    assert sandbox.outside(folder).is_dir()
    hv.start_pool("p")
    hv.set_pool_autostart("p", autostart=True)
    before = hv.calls
    (entry,) = hv.pools()
    assert hv.calls - before == 4
    assert (entry.active, entry.autostart, entry.persistent) == (True, True, True)
    assert parse(hv.pool_xml("p")).findtext("target/path") == folder
    assert int(parse(hv.pool_xml("p", running=True)).findtext("capacity") or 0) > 0
    sandbox.outside(f"{folder}/appeared").write_bytes(b"x" * 512)
    assert hv.volumes("p") == []
    hv.refresh_pool("p")
    assert [volume.name for volume in hv.volumes("p")] == ["appeared"]
    hv.stop_pool("p")
    hv.undefine_pool("p")
    assert hv.pools() == []
    assert sandbox.outside(f"{folder}/appeared").exists()


def test_building_over_a_file_system_is_refused(hv: Hypervisor, sandbox: Sandbox) -> None:
    image = sandbox.outside(f"{IMAGES}/device")
    with image.open("wb") as file:
        file.truncate(16 * MIB)
    subprocess.run(["mkfs.ext4", "-q", "-F", str(image)], check=True, capture_output=True)
    before = image.read_bytes()
    xml = (
        f"<pool type='fs'><name>p</name><source><device path='{IMAGES}/device'/><format type='ext4'/></source>"
        f"<target><path>{IMAGES}/mount</path></target></pool>"
    )
    hv.define_pool(xml)
    error = failure(lambda: hv.build_pool("p", "fs"))
    assert error.message.startswith("can't build pool/p: ")
    assert image.read_bytes() == before


def test_volumes(hv: Hypervisor, pool: str) -> None:
    from kvmctl.hypervisor import Code

    path = hv.create_volume(pool, volume_xml("a"))
    assert path == f"{IMAGES}/a"
    error = failure(lambda: hv.create_volume(pool, volume_xml("a")))
    assert error.code == Code.STORAGE_VOL_EXIST
    assert error.message.startswith("can't create disk/a (pool images): ")
    hv.resize_volume(pool, "a", 10 * MIB)
    assert hv.volume_info(pool, "a").capacity == 10 * MIB
    assert failure(lambda: hv.resize_volume(pool, "a", MIB)).message
    assert parse(hv.volume_xml(pool, "a")).findtext("target/path") == path
    hv.delete_volume(pool, "a")
    assert hv.volumes(pool) == []
    assert failure(lambda: hv.volume_info(pool, "a")).code == Code.NO_STORAGE_VOL


def sparse_file(path: Path, size: int = 64 * MIB) -> bytes:
    """Write a file with data at its start, in its middle and nothing but a hole at its end; return its contents."""
    with path.open("wb") as file:
        file.write(os.urandom(300_000))
        file.seek(size // 2)
        file.write(os.urandom(100_000))
        file.truncate(size)
    return path.read_bytes()


def test_a_sparse_file_goes_up_and_comes_down_sparse(
    hv: Hypervisor, pool: str, tmp_path: Path, sandbox: Sandbox
) -> None:
    local, back = tmp_path / "a.raw", tmp_path / "b.raw"
    content = sparse_file(local)
    hv.create_volume(pool, volume_xml("a", len(content)).replace("<target>", "<allocation>0</allocation><target>"))
    seen: list[tuple[int, int]] = []
    hv.upload_volume(pool, "a", local, lambda done, total: seen.append((done, total)))
    stored = sandbox.outside(f"{IMAGES}/a")
    assert stored.read_bytes() == content
    assert stored.stat().st_blocks * 512 < 4 * MIB
    assert seen[-1] == (len(content), len(content))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    hv.download_volume(pool, "a", back)
    assert back.read_bytes() == content
    assert back.stat().st_blocks * 512 < 4 * MIB


@pytest.mark.parametrize("content", [b"", b"x", b"\0" * 4096, bytes(range(256)) * 5000])
def test_any_file_goes_up_and_comes_down(hv: Hypervisor, pool: str, tmp_path: Path, content: bytes) -> None:
    local, back = tmp_path / "a.raw", tmp_path / "b.raw"
    local.write_bytes(content)
    hv.create_volume(pool, volume_xml("a", max(512, len(content))))
    hv.upload_volume(pool, "a", local)
    hv.download_volume(pool, "a", back)
    assert back.read_bytes()[: len(content)] == content


def test_a_transfer_can_be_stopped(hv: Hypervisor, pool: str, tmp_path: Path) -> None:
    local, back = tmp_path / "a.raw", tmp_path / "b.raw"
    local.write_bytes(os.urandom(4 * MIB))
    hv.create_volume(pool, volume_xml("a", 4 * MIB))

    def stop(done: int, _total: int) -> None:
        if done > MIB:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        hv.upload_volume(pool, "a", local, stop)
    with pytest.raises(KeyboardInterrupt):
        hv.download_volume(pool, "a", back, stop)
    assert not back.exists()
    hv.upload_volume(pool, "a", local)  # the connection still serves
    hv.download_volume(pool, "a", back)
    assert back.read_bytes() == local.read_bytes()


def test_a_download_never_overwrites(hv: Hypervisor, pool: str, tmp_path: Path) -> None:
    target = tmp_path / "precious"
    target.write_bytes(b"content")
    hv.create_volume(pool, volume_xml("a"))
    error = failure(lambda: hv.download_volume(pool, "a", target))
    assert str(target) in error.message
    assert target.read_bytes() == b"content"


def test_an_upload_of_a_missing_file_is_explained(hv: Hypervisor, pool: str, tmp_path: Path) -> None:
    hv.create_volume(pool, volume_xml("a"))
    error = failure(lambda: hv.upload_volume(pool, "a", tmp_path / "none"))
    assert error.message == f"can't open {tmp_path}/none: No such file or directory"


def test_a_volume_is_copied_into_another_format(hv: Hypervisor, pool: str, tmp_path: Path) -> None:
    local = tmp_path / "a.raw"
    sparse_file(local, 8 * MIB)
    hv.create_volume(pool, volume_xml("a"))
    hv.upload_volume(pool, "a", local)
    path = hv.create_volume_from(pool, volume_xml("b", 8 * MIB, "qcow2"), pool, "a")
    assert path == f"{IMAGES}/b"
    found = parse(hv.volume_xml(pool, "b")).find("target/format")
    assert found is not None
    assert found.get("type") == "qcow2"


def test_a_refresh_waits_for_a_volume_that_is_being_built(
    sandbox: Sandbox, pool: str, hv: Hypervisor, opened: Callable[..., Hypervisor], tmp_path: Path
) -> None:
    local = tmp_path / "a.raw"
    local.write_bytes(os.urandom(MIB) * 300)
    hv.create_volume(pool, volume_xml("a", 300 * MIB))
    hv.upload_volume(pool, "a", local)
    other = opened(sandbox.uri)
    building = threading.Thread(
        target=hv.create_volume_from, args=(pool, volume_xml("b", 300 * MIB, "qcow2"), pool, "a")
    )
    building.start()
    while building.is_alive():
        other.refresh_pool(pool)
    assert [volume.name for volume in other.volumes(pool)] == ["a", "b"]
