"""From a cloud image on a web server to a machine that has configured itself: a real Debian, with UEFI and a TPM.

It boots once, for all that is asked of it: under emulation that takes a minute.
"""

from __future__ import annotations

import hashlib
import os
import pty
import select
import subprocess
import time
from typing import TYPE_CHECKING, Any

import pytest
import yaml

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.guest

FOLDER = "/var/lib/libvirt/images/cloud"
BOOT_SECONDS = 600
GREETING = "told by the seed"
SSH = ("-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "BatchMode=yes")


def manifests(url: str, sha256: str, key: str, packages: str = "") -> dict[str, str]:
    return {
        "network/lab": "forward: {mode: nat}, active: true, domain: {name: lab.example}, "
        "ips: [{address: 192.168.190.1, prefix: 24, dhcp: {ranges: [{start: 192.168.190.10, end: 192.168.190.99}]}}]",
        "pool/cloud": f"type: dir, path: {FOLDER}, active: true",
        "disk/web1.qcow2": "pool: cloud, format: qcow2, size: 4GiB, "
        f"source: {{url: '{url}', format: qcow2, sha256: {sha256}}}",
        "vm/web1": "type: qemu, powerState: Running, memory: 640MiB, vcpus: 2, "
        "os: {machine: q35, firmware: uefi, secureBoot: false}, tpms: [{model: tpm-tis, backend: {type: emulator}}], "
        "shutdown: {timeout: 120s, force: true}, disks: [{target: vda, disk: web1.qcow2, bus: virtio}], "
        "interfaces: [{name: lan, network: lab, model: virtio}], serials: [{type: pty}], "
        "channels: [{type: unix, target: virtio, name: org.qemu.guest_agent.0}], "
        "rngs: [{model: virtio, backend: {model: random, device: /dev/urandom}}], "
        f"wait: {{for: cloudInit, timeout: {BOOT_SECONDS}s}}, cloudInit: {{hostname: web1, "
        f"users: [{{name: admin, sudo: 'ALL=(ALL) NOPASSWD:ALL', shell: /bin/bash, sshKeys: ['{key}']}}], "
        f"userData: {{{packages} write_files: [{{path: /etc/told, content: '{GREETING}'}}]}}}}",
    }


@pytest.fixture
def image(full_guest: Path, web_inside: Any, kept: Path) -> tuple[str, str]:
    """Return where the image is on a web server in the sandbox, and its SHA-256; `kept` keeps the download apart."""
    assert not kept.exists()
    web_inside.files["/cloud.qcow2"] = data = full_guest.read_bytes()
    return web_inside.url("/cloud.qcow2"), hashlib.sha256(data).hexdigest()


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """A private key for ssh; the public one is beside it."""
    path = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", path], check=True)
    return path


def test_a_cloud_image_becomes_a_configured_machine(kvmctl: Any, conn: Any, image: tuple[str, str], key: Path) -> None:
    public = key.with_suffix(".pub").read_text().strip()
    specs = manifests(*image, public)
    told = kvmctl.run("apply", "--yes", specs=specs, seconds=2 * BOOT_SECONDS).stdout
    assert "5 actions done, 0 failed, 0 skipped" in told
    assert "No changes" in kvmctl.run("plan", "--detailed-exitcode", specs=specs).stdout

    address = asked_of_the_agent(conn)
    asked_by_ssh(kvmctl, key)
    listed(kvmctl, specs, address)
    the_console_answers(kvmctl)

    other = manifests(*image, public, packages="packages: [nginx],")
    told = kvmctl.run("plan", specs=other).stdout
    assert "vm/web1  seed  [next-boot]" in told
    assert "        +packages: [nginx]\n" in told
    assert "1 action done" in kvmctl.run("apply", "--yes", specs=other).stdout
    assert "pending until its next start" in kvmctl.run("plan", "--detailed-exitcode", specs=other).stdout

    larger = other | {"disk/web1.qcow2": other["disk/web1.qcow2"].replace("4GiB", "5GiB")}
    assert "disk/web1.qcow2  resize  [live]" in kvmctl.run("apply", "--yes", specs=larger).stdout
    size_and_boot = "lsblk -bdno SIZE /dev/vda; cat /proc/sys/kernel/random/boot_id"
    size, boot = over_ssh(kvmctl, key, size_and_boot)
    assert size == str(5 * 2**30)
    raw = larger | {"disk/web1.qcow2": larger["disk/web1.qcow2"].replace("format: qcow2", "format: raw", 1)}
    told = kvmctl.run("apply", "--yes", "--allow-data-loss", specs=raw, seconds=BOOT_SECONDS).stdout
    assert "disk/web1.qcow2  convert  [live]" in told
    assert over_ssh(kvmctl, key, size_and_boot) == [size, boot], "the guest has gone on without a restart"
    kvmctl.run("delete", "vm/web1", "--yes", "--allow-data-loss", seconds=2 * BOOT_SECONDS)
    assert [each.name() for each in conn.storagePoolLookupByName("cloud").listAllVolumes()] == []


def asked_of_the_agent(conn: Any) -> str:
    """Return the guest's address; its host name and its file are what the seed told."""
    import libvirt

    domain = conn.lookupByName("web1")
    assert domain.hostname(libvirt.VIR_DOMAIN_GET_HOSTNAME_AGENT) == "web1"
    held = domain.interfaceAddresses(libvirt.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_LEASE)
    [address] = [each["addr"] for nic in held.values() for each in nic["addrs"]]
    return str(address)


def asked_by_ssh(kvmctl: Any, key: Path) -> None:
    """Ask the guest, over ssh as the user of the seed, what has come of it."""
    script = "cat /etc/told; hostname; sudo id -u; df -B1 --output=size / | tail -1; ls -d /sys/firmware/efi /dev/tpm0"
    greeting, uid, size, *devices = over_ssh(kvmctl, key, script)
    assert (greeting, uid) == (f"{GREETING}web1", "0")
    assert int(size) > 3 * 2**30, "the root file system has grown with the disk"
    assert devices == ["/dev/tpm0", "/sys/firmware/efi"]


def over_ssh(kvmctl: Any, key: Path, script: str) -> list[str]:
    """Return the lines that a script in the guest prints."""
    told = kvmctl.run("ssh", "-l", "admin", "-i", str(key), *SSH, "vm/web1", "--", script).stdout
    return str(told).splitlines()


def listed(kvmctl: Any, specs: dict[str, str], address: str) -> None:
    """See the address where machines are listed, for people and for other programs."""
    assert address in kvmctl.run("get", "vm", "-o", "wide").stdout
    assert kvmctl.json("get", "vm")["items"][0]["status"]["addresses"][0] == address
    hosts = yaml.safe_load(kvmctl.run("inventory", specs=specs).stdout)["all"]["hosts"]
    assert hosts == {"web1": {"ansible_host": address, "ansible_user": "admin"}}
    config = kvmctl.run("inventory", "-o", "ssh", specs=specs).stdout
    assert config == f"Host web1\n  HostName {address}\n  User admin\n"


def the_console_answers(kvmctl: Any) -> None:
    """Press Enter at the console of a terminal until the guest asks who it is, then leave with Ctrl-]."""
    ours, theirs = pty.openpty()
    command = kvmctl.box.inside_argv(kvmctl.argv("console", "-c", "qemu:///system", "vm/web1"))
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        said, deadline = b"", time.monotonic() + 60
        while b"web1 login:" not in said and time.monotonic() < deadline:
            os.write(ours, b"\r")
            while select.select([ours], [], [], 1)[0]:
                said += os.read(ours, 4096)
        os.write(ours, b"\x1d")
        assert process.wait(30) == 0, said
    assert b"web1 login:" in said
