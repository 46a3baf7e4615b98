from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from kvmctl import xmlio
from kvmctl.diff import diff
from kvmctl.document import decode
from kvmctl.fields import UNSET, make, rows
from kvmctl.models.disk import Disk
from kvmctl.models.network import Network
from kvmctl.models.pool import StoragePool
from kvmctl.models.vm import VirtualMachine


def vm(**spec: Any) -> VirtualMachine:
    return decode(VirtualMachine, {"memory": "512MiB", **spec})


def read(devices: str = "", rest: str = "") -> VirtualMachine:
    rest = f"<memory unit='KiB'>524288</memory><vcpu>2</vcpu>{rest}"
    xml = f"<domain type='qemu'>{rest}<devices>{devices}</devices></domain>"
    return xmlio.read(VirtualMachine, xmlio.parse(xml))


def told(have: Any, want: Any, **options: bool) -> list[tuple[str, Any, Any]]:
    return [(change.text, change.before, change.after) for change in diff(have, want, **options)]


DISK = (
    "<disk type='file'><driver name='qemu' type='qcow2'/><source file='/a.qcow2'/>"
    "<target dev='vda' bus='virtio'/></disk>"
)
NIC = (
    "<interface type='network'><mac address='52:54:00:00:00:01'/><source network='lab'/>"
    "<model type='virtio'/></interface>"
)


def test_only_what_is_stated_is_looked_at() -> None:
    assert told(read(DISK + NIC), vm()) == []
    assert told(read(DISK + NIC), make(VirtualMachine, {})) == []


def test_a_scalar() -> None:
    assert told(read(), vm(onCrash="restart")) == [("spec.onCrash", None, "restart")]
    assert told(read(rest="<on_crash>destroy</on_crash>"), vm(onCrash="restart")) == [
        ("spec.onCrash", "destroy", "restart")
    ]


def test_null_is_a_difference_only_where_there_is_something() -> None:
    assert told(read(rest="<title>a</title>"), vm(title=None)) == [("spec.title", "a", None)]
    assert told(read(), vm(title=None, cpu=None, disks=None, os={"boot": None})) == []


def test_blank_text_is_as_good_as_none() -> None:
    assert told(read(), vm(title="", description=" ")) == []
    assert told(read(rest="<title>a</title>"), vm(title="")) == [("spec.title", "a", None)]


def test_white_space_around_text_is_no_difference() -> None:
    assert told(read(rest="<description>\n  a b\n</description>"), vm(description="a b\n")) == []
    assert told(read(rest="<description>a  b</description>"), vm(description="a b")) == [
        ("spec.description", "a  b", "a b")
    ]


def test_no_power_state_and_no_cpus_do_not_exist() -> None:
    assert told(read(), vm(powerState=None, vcpus=None, autostart=None)) == []


def test_a_group_that_the_xml_lacks_has_the_values_of_its_absent_places() -> None:
    assert told(read(), vm(features={"acpi": False, "pae": None}, os={"bootMenu": False, "firmware": "bios"})) == []
    assert told(read(), vm(features={"acpi": True})) == [("spec.features.acpi", False, True)]
    assert told(read(rest="<features><pae/></features>"), read()) == [("spec.features", {"pae": True}, None)]


def test_a_device_that_comes_and_one_that_goes() -> None:
    assert told(read(DISK), vm(disks=[{"target": "vdb", "format": "raw"}])) == [
        ("spec.disks[vdb]", None, {"target": "vdb", "format": "raw"}),
        ("spec.disks[vda]", {"target": "vda", "bus": "virtio", "file": "/a.qcow2", "format": "qcow2"}, None),
    ]


def test_lists_without_a_common_key_are_compared_item_by_item() -> None:
    pool = xmlio.read(StoragePool, xmlio.parse("<pool type='netfs'><source><host name='old'/></source></pool>"))
    wanted = decode(StoragePool, {"type": "netfs", "source": {"hosts": [{"name": "new"}]}})
    assert [path for path, _, _ in told(pool, wanted)] == ["spec.source.hosts[new]", "spec.source.hosts[old]"]


def test_a_device_that_changes_is_named_as_the_manifest_names_it() -> None:
    assert told(read(DISK), vm(disks=[{"target": "vda", "cache": "none"}])) == [("spec.disks[vda].cache", None, "none")]
    wish = {"mac": "52:54:00:00:00:01", "model": "e1000e", "network": "lab"}
    assert told(read(NIC), vm(interfaces=[wish])) == [("spec.interfaces[52:54:00:00:00:01].model", "virtio", "e1000e")]
    assert told(read(NIC), vm(interfaces=[{"name": "lan", **wish}])) == [
        ("spec.interfaces[lan].name", None, "lan"),
        ("spec.interfaces[lan].model", "virtio", "e1000e"),
    ]


def test_what_gives_way_is_named_too() -> None:
    assert told(read(NIC), vm(interfaces=[{"mac": "52:54:00:00:00:01", "bridge": "br0"}])) == [
        ("spec.interfaces[52:54:00:00:00:01].bridge", None, "br0"),
        ("spec.interfaces[52:54:00:00:00:01].network", "lab", None),
    ]
    assert told(read(DISK), vm(disks=[{"target": "vda", "block": "/dev/sdx"}])) == [
        ("spec.disks[vda].block", None, "/dev/sdx"),
        ("spec.disks[vda].file", "/a.qcow2", None),
    ]


def test_two_items_of_one_key_are_both_shown() -> None:
    twice = read(NIC.replace("52:54:00:00:00:01", "52:54:00:00:00:02") + NIC)
    assert [path for path, _, _ in told(twice, vm(interfaces=[]))] == [
        "spec.interfaces[52:54:00:00:00:02]",
        "spec.interfaces[52:54:00:00:00:01]",
    ]


def test_short_forms_are_one_change_where_both_values_go_together() -> None:
    assert told(read(), vm(memory="1GiB", vcpus=4)) == [("spec.memory", "512MiB", "1GiB"), ("spec.vcpus", 2, 4)]
    apart = vm(memory={"max": "1GiB", "current": "768MiB"}, vcpus={"max": 4})
    assert told(read(), apart) == [
        ("spec.memory.max", "512MiB", "1GiB"),
        ("spec.memory.current", "512MiB", "768MiB"),
        ("spec.vcpus.max", 2, 4),
    ]


def test_the_order_is_that_of_the_fields() -> None:
    want = vm(onCrash="restart", title="a", vcpus=4, disks=[{"target": "vda"}], clock={"offset": "utc"})
    assert [path for path, _, _ in told(read(), want)] == [
        "spec.title", "spec.vcpus", "spec.clock.offset", "spec.onCrash", "spec.disks[vda]",
    ]  # fmt: skip


def test_a_running_object_has_values_that_libvirt_filled_in() -> None:
    running = read("<graphics type='vnc' port='5900' autoport='yes' listen='127.0.0.1'/>")
    want = vm(graphics=[{"type": "vnc", "port": -1, "autoport": True}])
    assert told(running, want, running=True) == []
    assert told(running, want) == [("spec.graphics[vnc].port", 5900, -1)]


def test_lists_of_words_are_one_value() -> None:
    have = read(rest="<os><boot dev='hd'/></os>")
    assert told(have, vm(os={"boot": ["network", "hd"]})) == [("spec.os.boot", ["hd"], ["network", "hd"])]
    assert told(have, vm(os={"boot": ["hd"]})) == []
    assert told(have, vm(os={"boot": []})) == [("spec.os.boot", ["hd"], None)]


@pytest.mark.parametrize(
    ("have", "want"),
    [("pc-q35-7.2", "q35"), ("pc-i440fx-7.2", "pc"), ("virt-7.2", "virt"), ("pc-q35-7.2", "pc-q35-7.2")],
)
def test_an_alias_is_satisfied_by_its_versions(have: str, want: str) -> None:
    rest = f"<os><type machine='{have}'>hvm</type></os>"
    assert told(read(rest=rest), vm(os={"machine": want})) == []
    assert told(read(rest=rest), vm(os={"machine": "pc-q35-6.0"})) == [("spec.os.machine", have, "pc-q35-6.0")]


def test_policies_are_no_difference() -> None:
    disk = xmlio.read(Disk, xmlio.parse("<volume><capacity>512</capacity></volume>"))
    assert told(disk, decode(Disk, {"pool": "p", "size": 512, "source": {"path": "a", "format": "raw"}})) == []


def test_each_change_carries_the_row_that_decides() -> None:
    changes = diff(read(DISK), vm(disks=[{"target": "vda", "cache": "none"}, {"target": "vdb"}], uuid="0" * 32))
    assert [change.row.name for change in changes] == ["uuid", "cache", "disks"]
    assert [change.field for change in changes] == [("uuid",), ("disks", "cache"), ("disks",)]
    assert [change.item for change in changes] == ["", "vda", "vdb"]
    assert [change.is_item for change in changes] == [False, False, True]


def test_a_network_as_a_whole() -> None:
    dhcp = "<dhcp><range start='10.0.0.2' end='10.0.0.9'/></dhcp>"
    xml = f"<network><forward mode='nat'/><ip address='10.0.0.1' netmask='255.0.0.0'>{dhcp}</ip></network>"
    have = xmlio.read(Network, xmlio.parse(xml))
    want = decode(Network, {"forward": None, "ips": [{"address": "10.0.0.1", "prefix": 8, "dhcp": None}]})
    assert told(have, want) == [
        ("spec.forward", {"mode": "nat"}, None),
        (
            "spec.ips[10.0.0.1].dhcp",
            {"ranges": [{"start": "10.0.0.2", "end": "10.0.0.9"}]},
            None,
        ),
    ]


def test_an_item_is_shown_without_what_silence_says_just_as_well() -> None:
    timers = "<clock offset='utc'><timer name='pit' tickpolicy='delay'/></clock>"
    wanted = [{"name": "hpet", "present": False}]
    assert told(read(rest=timers), vm(clock={"timers": wanted})) == [
        ("spec.clock.timers[hpet]", None, wanted[0]),
        ("spec.clock.timers[pit]", {"name": "pit", "tickpolicy": "delay"}, None),
    ]


def test_every_model_says_that_an_empty_wish_is_met() -> None:
    for model in (VirtualMachine, Network, StoragePool, Disk):
        assert all(getattr(make(model, {}), row.name) is UNSET for row in rows(model).values())
        assert diff(make(model, {}), make(model, {})) == ()


def test_what_is_equal_costs_no_deepdiff() -> None:
    code = (
        "import sys; from kvmctl.document import decode; from kvmctl.models.vm import VirtualMachine;"
        "from kvmctl.diff import diff; a = decode(VirtualMachine, {'memory': '1GiB'});"
        "assert diff(a, a) == (); sys.exit('deepdiff' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_field_of_another_type_of_device_says_nothing() -> None:
    live = read("<graphics type='vnc' port='-1' autoport='yes'/>")
    assert diff(live, live) == ()
    assert told(live, vm(graphics=[{"type": "vnc", "defaultMode": "any"}])) == []
