from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any

import pytest

from kvmctl import manifest, rules
from kvmctl.document import decode, encode
from kvmctl.errors import ManifestError
from kvmctl.fields import make
from kvmctl.inventory import Address, Inventory, Resource
from kvmctl.models.display import Graphics
from kvmctl.models.network import Network
from kvmctl.models.vm import VirtualMachine


def document(kind: str, spec: str, name: str = "a") -> str:
    return f"apiVersion: kvmctl/v1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec: {spec}\n"


def said(text: str) -> list[str]:
    """The fields that the rules blame, in order."""
    try:
        manifest.load(["-"], text)
    except ManifestError as error:
        return [problem.field for problem in error.problems]
    return []


@pytest.mark.parametrize(
    "spec",
    [
        "{memory: 1GiB}",
        "{memory: {max: 2GiB, current: 1GiB}, vcpus: {max: 4, current: 1}}",
        "{memory: {max: 2GiB, current: 2GiB}, vcpus: {max: 4}}",
        "{memory: 1GiB, disks: [{target: vda, disk: a}, {target: sda, device: cdrom}]}",
        "{memory: 1GiB, disks: [{target: sda, device: cdrom, file: /a.iso}]}",
        "{memory: 1GiB, disks: [{target: vdb, block: /dev/sdb, format: raw}, {target: fda, device: floppy}]}",
        "{memory: 1GiB, interfaces: [{network: a}, {network: b}, {bridge: a}, {type: user}]}",
        "{memory: 1GiB, interfaces: [{network: a, name: p}, {network: a, name: q}, {network: a}]}",
        "{memory: 1GiB, interfaces: [{network: a, type: network}, {bridge: br0, type: bridge}]}",
        "{memory: 1GiB, disks: [{target: vda, disk: a, bootOrder: 2}], interfaces: [{network: a, bootOrder: 1}]}",
        "{memory: 1GiB, clock: {offset: timezone, timezone: Europe/Paris}, cpu: {mode: custom, model: qemu64}}",
        "{memory: 1GiB, cpu: {mode: host-model}, os: {kernel: /k, initrd: /i, cmdline: quiet}}",
        "{memory: 1GiB, os: {firmware: uefi, secureBoot: true, bootMenu: true, bootMenuTimeout: 1, boot: [hd, fd]}}",
        "{memory: 1GiB, graphics: [{type: vnc}, {type: spice}], serials: [{type: pty}, {type: file, path: /log}]}",
        "{memory: 1GiB, channels: [{name: a}, {name: b}, {type: unix}]}",
        "{memory: 1GiB, cpu: {model: qemu64, topology: {sockets: 3, cores: 2, threads: 1}}, vcpus: 6}",
        "{memory: 1GiB, cpu: {topology: {sockets: 3, dies: 2, cores: 2, threads: 2}}, vcpus: {max: 24, current: 1}}",
        "{memory: 1GiB, cpu: {numa: {cells: [{id: 0, memory: 256MiB}, {id: 1, memory: 768MiB}]}}}",
        "{memory: 1GiB, maxMemory: {size: 4GiB, slots: 2}, cpu: {numa: {cells: [{id: 0, memory: 256MiB}]}}}",
        "{memory: 1GiB, iothreads: 2, iothreadids: [{id: 1}, {id: 7}], memoryBacking: {pages: [{size: 2MiB}]}}",
        "{memory: 1GiB, iothreadids: [{id: 1}], cputune: {vcpuscheds: [{vcpus: 0-1, scheduler: rr, priority: 1}]}}",
        "{memory: 1GiB, clock: {adjustment: reset}, features: {apicEoi: true, hyperv: {spinlocks: true}}}",
        "{memory: 1GiB, clock: {offset: variable, basis: utc, adjustment: -5}, fwcfgs: [{name: opt/a, value: b}]}",
        "{memory: 1GiB, cpu: {maxphysaddr: {mode: passthrough}}, os: {nvram: {type: file, source: {file: /a}}}}",
    ],
)
def test_machines_that_are_right_pass(spec: str) -> None:
    assert said(document("VirtualMachine", spec)) == []


@pytest.mark.parametrize(
    "spec",
    [
        "{}",
        "{forward: {mode: nat, nat: {ports: {start: 1024, end: 1024}, address: {start: 10.0.0.1, end: 10.0.0.2}}}}",
        "{forward: {mode: bridge}, bridge: br0}",
        "{forward: {mode: private, dev: eth0}}",
        "{ips: [{address: 10.0.0.1, prefix: 8, dhcp: {ranges: [{start: 10.0.0.2, end: 10.255.255.254}]}}]}",
        "{ips: [{address: 10.0.0.1, dhcp: {ranges: [{start: 10.200.0.2, end: 10.200.0.2}]}}]}",
        "{ips: [{address: 'fd00::1', prefix: 64, dhcp: {ranges: [{start: 'fd00::2', end: 'fd00::ff'}]}}]}",
        "{ips: [{address: 'fd00::1', prefix: 64, dhcp: {hosts: [{name: a, ip: 'fd00::9'}]}}]}",
        "{ips: [{address: 10.0.0.1, dhcp: {hosts: [{name: a, ip: 10.0.0.9}]}}, {address: 'fd00::1', dhcp: {}}]}",
        "{dns: {forwarders: [{address: 9.9.9.9}, {domain: lab.example}], hosts: [{ip: 10.0.0.1, hostnames: [a, b]}]}}",
    ],
)
def test_networks_that_are_right_pass(spec: str) -> None:
    assert said(document("Network", spec)) == []


@pytest.mark.parametrize(
    "spec",
    [
        "{type: dir, path: /srv}",
        "{type: fs, path: /srv, source: {devices: [/dev/sdb1], format: ext4}}",
        "{type: netfs, path: /srv, source: {hosts: [{name: server}], dir: /exports}}",
        "{type: logical, source: {name: vg0}}",
        "{type: logical}",
        "{type: disk, path: /dev, source: {devices: [{path: /dev/sdb}]}}",
        "{type: iscsi, path: /dev/disk/by-path, source: {hosts: [{name: server}], devices: ['iqn.2024-01.example:x']}}",
        "{type: iscsi-direct, source: {hosts: [{name: s}], devices: ['iqn.2024:x'], initiator: 'iqn.2024:y'}}",
        "{type: scsi, path: /dev/disk/by-path, source: {adapter: host0}}",
        "{type: mpath, path: /dev/mapper}",
        "{type: rbd, source: {hosts: [{name: mon}], name: pool}}",
        "{type: gluster, source: {hosts: [{name: server}], name: vol, dir: /}}",
        "{type: zfs, source: {name: tank/vms}}",
        "{type: vstorage, path: /mnt, source: {name: cluster}}",
    ],
)
def test_pools_that_are_right_pass(spec: str) -> None:
    assert said(document("StoragePool", spec)) == []


@pytest.mark.parametrize(
    "spec",
    [
        "{pool: p, size: 1GiB}",
        "{pool: p, source: {path: a.raw, format: raw}}",
        "{pool: p, source: {disk: golden}}",
        "{pool: p, format: qcow2, backing: golden}",
        "{pool: p, format: qcow2, size: 9GiB, backing: {path: /srv/a.raw, format: raw}}",
    ],
)
def test_disks_that_are_right_pass(spec: str) -> None:
    assert said(document("Disk", spec)) == []


def test_a_disk_that_only_the_host_has_may_be_named() -> None:
    assert said(document("VirtualMachine", "{memory: 1GiB, disks: [{target: vda, disk: elsewhere}]}")) == []


def test_a_ring_of_disks_is_reported_once_and_what_hangs_on_it_not_at_all() -> None:
    ring = [("a", "b"), ("b", "c"), ("c", "a"), ("d", "a"), ("e", "nowhere")]
    text = "---\n".join(document("Disk", f"{{pool: p, format: qcow2, backing: {below}}}", name) for name, below in ring)
    assert said(text) == ["spec.backing.disk"]


def test_networks_on_the_hosts_bridge_may_share_it() -> None:
    text = "---\n".join(document("Network", "{forward: {mode: bridge}, bridge: br0}", name) for name in "ab")
    assert said(text) == []


def test_rules_are_for_resources_without_a_file_too() -> None:
    address = Address("vm", "a")
    memory = {"max": "1KiB", "current": "2KiB"}
    spec = decode(VirtualMachine, {"memory": memory, "clock": {"offset": "timezone"}})
    inventory: Inventory = {address: Resource(address, spec)}
    found = rules.check(inventory, manifest.locate)
    assert [(each.file, each.line, each.field) for each in found] == [
        ("vm/a", 0, "spec.memory.current"),
        ("vm/a", 0, "spec.clock.offset"),
    ]


def test_complete_changes_nothing_that_is_stated() -> None:
    address = Address("network", "a")
    stated = [{"address": "10.0.0.1"}, {"address": "fd00::2", "family": "ipv6"}]
    spec = decode(Network, {"ips": [{"address": "fd00::1"}, *stated]})
    given: Inventory = {address: Resource(address, spec)}
    done = rules.complete(given)
    assert done[address].spec == decode(Network, {"ips": [{"address": "fd00::1", "family": "ipv6"}, *stated]})
    assert given[address].spec is spec
    assert rules.complete(done) == done


def test_threads_that_are_scheduled_alike_are_told_one_by_one() -> None:
    spec = decode(
        VirtualMachine,
        {
            "memory": 1024,
            "cputune": {
                "shares": 7,
                "vcpuscheds": [
                    {"vcpus": "0-2,^1", "scheduler": "rr", "priority": 3},
                    {"vcpus": 1, "scheduler": "idle"},
                ],
                "iothreadscheds": [{"iothreads": 4, "scheduler": "batch"}],
            },
        },
    )
    address = Address("vm", "a")
    done = rules.complete({address: Resource(address, spec)})[address].spec
    assert encode(done)["cputune"] == {
        "shares": 7,
        "vcpuscheds": [
            {"vcpus": 0, "scheduler": "rr", "priority": 3},
            {"vcpus": 2, "scheduler": "rr", "priority": 3},
            {"vcpus": 1, "scheduler": "idle"},
        ],
        "iothreadscheds": [{"iothreads": 4, "scheduler": "batch"}],
    }


@pytest.mark.parametrize(
    ("kinds", "added"),
    [
        ([], ["none"]),
        (["vnc"], ["none"]),
        (["spice"], ["spice"]),
        (["vnc", "spice", "egl-headless"], ["spice"]),
        (["spice", "vnc"], ["none"]),
        (["vnc", "sdl"], []),
        (["dbus"], []),
    ],
)
def test_the_last_graphics_decide_which_sound_libvirt_adds(kinds: list[str], added: list[str], conn: Any) -> None:
    """What the rule says is what libvirt does."""
    graphics = [make(Graphics, {"type": kind}) for kind in kinds]
    assert [each.type for each in rules.added_audios(graphics)] == added
    devices = "".join(f"<graphics type='{kind}'/>" for kind in kinds)
    os = "<os><type arch='x86_64' machine='q35'>hvm</type></os>"
    xml = f"<domain type='qemu'><name>a</name><memory>65536</memory>{os}<devices>{devices}</devices></domain>"
    root = ET.fromstring(conn.defineXML(xml).XMLDesc())
    assert [each.get("type") for each in root.findall("devices/audio")] == added
