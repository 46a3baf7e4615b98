"""What is seen of a real libvirtd, whose objects are made by raw XML."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from kvmctl.document import decode
from kvmctl.errors import HypervisorError
from kvmctl.fields import UNSET
from kvmctl.inventory import Address, Inventory, Live, Resource
from kvmctl.models import BY_SHORT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvmctl.hypervisor import Hypervisor
    from kvmctl.observe import Observation
    from kvmctl.sandbox import Sandbox

IMAGES = "/var/lib/libvirt/images"
MIB = 2**20
DISK = (
    "<disk type='file' device='disk'><driver name='qemu' type='{format}'/><source file='{path}'/>"
    "<target dev='{target}' bus='virtio'/></disk>"
)


def domain_xml(name: str, devices: str = "") -> str:
    """Return a small machine that starts under emulation and has nothing to boot."""
    return (
        f"<domain type='qemu'><name>{name}</name><memory unit='MiB'>64</memory><vcpu>1</vcpu>"
        f"<os><type arch='x86_64' machine='q35'>hvm</type></os><devices>{devices}</devices></domain>"
    )


def network_xml(name: str, bridge: str) -> str:
    """Return an isolated network without addresses."""
    return f"<network><name>{name}</name><bridge name='{bridge}'/></network>"


@pytest.fixture
def hv(sandbox: Sandbox, conn: Any) -> Iterator[Hypervisor]:
    """A read-only connection to an empty host: seeing needs no more."""
    from kvmctl.hypervisor import Hypervisor

    assert conn is not None
    with Hypervisor.open(sandbox.uri, readonly=True) as opened:
        yield opened


@pytest.fixture
def pools(conn: Any, sandbox: Sandbox) -> list[Any]:
    """Two started pools, `a` and `b`."""
    made = []
    for name in ("a", "b"):
        sandbox.outside(f"{IMAGES}/{name}").mkdir()
        xml = f"<pool type='dir'><name>{name}</name><target><path>{IMAGES}/{name}</path></target></pool>"
        pool = conn.storagePoolDefineXML(xml, 0)
        pool.create(0)
        made.append(pool)
    return made


def make_volume(pool: Any, name: str, size: int = MIB, image_format: str = "qcow2", backing: str = "") -> str:
    """Create a volume and return its path."""
    below = f"<backingStore><path>{backing}</path><format type='qcow2'/></backingStore>" if backing else ""
    xml = (
        f"<volume><name>{name}</name><capacity>{size}</capacity>"
        f"<target><format type='{image_format}'/></target>{below}</volume>"
    )
    path: str = pool.createXML(xml, 0).path()
    return path


def wanted(**documents: dict[str, Any]) -> Inventory:
    """Return an inventory of specs by addresses written as kind__name."""
    found = {}
    for text, document in documents.items():
        kind, _, name = text.partition("__")
        address = Address(kind, name.replace("_", "-"))
        found[address] = Resource(address, decode(BY_SHORT[kind].model, document))
    return found


def look(
    hv: Hypervisor, want: Inventory | None = None, *, everything: bool = False, capabilities: bool = False
) -> Observation:
    """Return what is seen; the room is imported where it is used, as kvmctl does."""
    from kvmctl.observe import observe

    return observe(hv, want, everything=everything, capabilities=capabilities)


def spec(seen: Observation, kind: str, name: str) -> Any:
    """Return the spec of a resource that was seen."""
    return seen.inventory[Address(kind, name)].spec


def live(seen: Observation, kind: str, name: str) -> Live:
    """Return what libvirt said of a resource that was seen."""
    found = seen.inventory[Address(kind, name)].live
    assert found is not None
    return found


# --- states -------------------------------------------------------------------------------------------------------


def test_an_empty_host_holds_nothing(hv: Hypervisor) -> None:
    seen = look(hv, everything=True)
    assert seen.inventory == {}
    assert seen.hidden == frozenset()
    assert seen.host.uri == hv.uri
    assert seen.host.libvirt.count(".") == 2
    assert seen.host.types == {}


def test_states_of_machines(hv: Hypervisor, conn: Any) -> None:
    for name in ("off", "on", "still"):
        conn.defineXML(domain_xml(name))
    conn.lookupByName("off").setAutostart(1)
    conn.lookupByName("on").create()
    conn.lookupByName("still").create()
    conn.lookupByName("still").suspend()
    conn.createXML(domain_xml("passing"), 0)
    seen = look(hv, everything=True)
    assert [str(address) for address in seen.inventory] == ["vm/off", "vm/on", "vm/passing", "vm/still"]
    states = {address.name: resource.spec.power_state for address, resource in seen.inventory.items()}  # type: ignore[attr-defined]
    assert states == {"off": "Off", "on": "Running", "passing": "Running", "still": "Paused"}
    assert spec(seen, "vm", "off").autostart
    assert not spec(seen, "vm", "on").autostart
    assert [live(seen, "vm", name).active for name in states] == [False, True, True, True]
    assert [live(seen, "vm", name).persistent for name in states] == [True, True, False, True]
    assert live(seen, "vm", "off").running_xml == ""
    assert "<domain type='qemu' id=" in live(seen, "vm", "on").running_xml
    assert " id='" not in live(seen, "vm", "on").xml.split("\n")[0]


def test_a_changed_definition_is_seen_beside_the_running_one(hv: Hypervisor, conn: Any) -> None:
    domain = conn.defineXML(domain_xml("a"))
    domain.create()
    conn.defineXML(domain.XMLDesc(2).replace("<vcpu placement='static'>1", "<vcpu placement='static'>3"))
    seen = look(hv, wanted(vm__a={"memory": "64MiB", "vcpus": 1}))
    assert spec(seen, "vm", "a").vcpus.max == 3
    assert ">1</vcpu>" in live(seen, "vm", "a").running_xml


def test_states_of_networks(hv: Hypervisor, conn: Any) -> None:
    conn.networkDefineXML(network_xml("idle", "kvmb1")).setAutostart(1)
    conn.networkDefineXML(network_xml("lab", "kvmb0")).create()
    conn.networkCreateXML(network_xml("passing", "kvmb2"))
    seen = look(hv, everything=True)
    assert [
        (spec(seen, "network", name).active, spec(seen, "network", name).autostart)
        for name in ("idle", "lab", "passing")
    ] == [(False, True), (True, False), (True, False)]
    assert not live(seen, "network", "passing").persistent
    assert live(seen, "network", "lab").running_xml
    assert not live(seen, "network", "idle").running_xml


def test_states_of_pools(hv: Hypervisor, pools: list[Any]) -> None:
    pools[0].setAutostart(1)
    pools[1].destroy()
    seen = look(hv, everything=True)
    assert (spec(seen, "pool", "a").active, spec(seen, "pool", "a").autostart) == (True, True)
    assert (spec(seen, "pool", "b").active, spec(seen, "pool", "b").autostart) == (False, False)
    assert spec(seen, "pool", "b").path == f"{IMAGES}/b"
    assert live(seen, "pool", "a").facts["capacity"] > 0
    assert "capacity" not in live(seen, "pool", "b").facts


# --- only what is wanted ------------------------------------------------------------------------------------------


def test_only_stated_fields_are_read(hv: Hypervisor, conn: Any) -> None:
    conn.defineXML(domain_xml("a", "<interface type='user'/>"))
    conn.defineXML(domain_xml("b"))
    seen = look(hv, wanted(vm__a={"memory": "1GiB", "interfaces": []}))
    assert list(seen.inventory) == [Address("vm", "a")]
    found = spec(seen, "vm", "a")
    assert found.memory.max == 64 * MIB
    assert found.interfaces[0].type == "user"
    assert found.vcpus is UNSET
    assert found.disks is UNSET
    assert found.power_state == "Off"


def test_what_is_referred_to_is_read_whole(hv: Hypervisor, conn: Any, pools: list[Any]) -> None:
    make_volume(pools[1], "root")
    conn.networkDefineXML(network_xml("lab", "kvmb0"))
    conn.networkDefineXML(network_xml("other", "kvmb1"))
    want = wanted(
        vm__a={
            "memory": "64MiB",
            "disks": [{"target": "vda", "disk": "root"}],
            "interfaces": [{"network": "lab"}],
        }
    )
    seen = look(hv, want)
    assert list(seen.inventory) == [Address("disk", "root"), Address("network", "lab")]
    assert spec(seen, "disk", "root").pool == "b"
    assert spec(seen, "network", "lab").bridge.name == "kvmb0"


def test_nothing_wanted_asks_for_next_to_nothing(hv: Hypervisor, conn: Any) -> None:
    conn.defineXML(domain_xml("a"))
    before = hv.calls
    assert look(hv).inventory == {}
    assert hv.calls - before == 2


def test_capabilities_are_asked_for_when_a_machine_is_missing(hv: Hypervisor, conn: Any) -> None:
    conn.defineXML(domain_xml("a"))
    assert look(hv, wanted(vm__a={"memory": "64MiB"})).host.types == {}
    seen = look(hv, wanted(vm__b={"memory": "64MiB"}))
    assert "qemu" in seen.host.domain_types(seen.host.arch)
    assert seen.host.domain_types("toaster") == ()
    assert look(hv, capabilities=True).host.arch == seen.host.arch


@pytest.mark.parametrize("number", [5, 50])
def test_one_call_an_object_and_a_constant(hv: Hypervisor, conn: Any, number: int) -> None:
    names = [f"m{index}" for index in range(number)]
    for name in names:
        conn.defineXML(domain_xml(name))
    before = hv.calls
    seen = look(hv, wanted(**{f"vm__{name}": {"memory": "64MiB"} for name in names}))
    assert len(seen.inventory) == number
    assert hv.calls - before == number + 7  # five listings, two versions


def test_running_machines_cost_one_call_more(hv: Hypervisor, conn: Any) -> None:
    conn.defineXML(domain_xml("a"))
    conn.defineXML(domain_xml("b")).create()
    before = hv.calls
    look(hv, wanted(vm__a={"memory": "64MiB"}, vm__b={"memory": "64MiB"}))
    assert hv.calls - before == 3 + 7


def test_what_vanishes_meanwhile_is_not_there(hv: Hypervisor, conn: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from kvmctl.hypervisor import Hypervisor

    for name in ("a", "b"):
        conn.defineXML(domain_xml(name))
    ask_all = Hypervisor.ask_all

    def late(self: Hypervisor, jobs: Any) -> Any:
        conn.lookupByName("a").undefine()
        return ask_all(self, jobs)

    monkeypatch.setattr(Hypervisor, "ask_all", late)
    assert list(look(hv, everything=True).inventory) == [Address("vm", "b")]


def test_a_broken_connection_is_an_error(fresh_sandbox: Sandbox) -> None:
    from kvmctl.hypervisor import Hypervisor

    hv = Hypervisor.open(fresh_sandbox.uri, readonly=True)
    fresh_sandbox.close()
    with pytest.raises(HypervisorError):
        look(hv, everything=True)
    hv.close()


# --- disks --------------------------------------------------------------------------------------------------------


def test_a_disk_is_looked_for_in_its_own_pool(hv: Hypervisor, pools: list[Any]) -> None:
    make_volume(pools[0], "root", 1 * MIB)
    make_volume(pools[1], "root", 2 * MIB)
    make_volume(pools[0], "data")
    seen = look(hv, wanted(disk__root={"pool": "b", "size": "2MiB"}, disk__data={"pool": "b", "size": "1MiB"}))
    assert [str(address) for address in seen.inventory] == ["disk/root", "pool/b"]
    assert spec(seen, "disk", "root").size == 2 * MIB
    assert spec(seen, "disk", "root").pool == "b"
    assert spec(seen, "disk", "root").format is UNSET
    facts = live(seen, "disk", "root").facts
    assert facts["path"] == f"{IMAGES}/b/root"
    assert facts["pool"] == "b"
    assert facts["capacity"] == 2 * MIB
    assert 0 < facts["allocation"] < 2 * MIB
    assert "used_by" not in facts


def test_volumes_of_one_name_get_their_pool_in_front(hv: Hypervisor, pools: list[Any]) -> None:
    for pool in pools:
        make_volume(pool, "root")
    make_volume(pools[1], "only")
    seen = look(hv, everything=True)
    disks = {address.name: live(seen, *address).facts["path"] for address in seen.inventory if address.kind == "disk"}
    assert disks == {
        "b/root": f"{IMAGES}/b/root",
        "only": f"{IMAGES}/b/only",
        "root": f"{IMAGES}/a/root",
    }
    assert live(seen, "disk", "b/root").facts["volume"] == "root"


def test_disks_of_a_stopped_pool_are_hidden(hv: Hypervisor, pools: list[Any]) -> None:
    make_volume(pools[0], "root")
    pools[0].destroy()
    want = wanted(
        disk__root={"pool": "a", "size": "1MiB"},
        disk__more={"pool": "b", "size": "1MiB"},
        disk__lost={"pool": "none", "size": "1MiB"},
    )
    seen = look(hv, want)
    assert seen.hidden == {Address("disk", "root")}
    assert [str(address) for address in seen.inventory] == ["pool/a", "pool/b"]


def test_a_backing_file_is_named_by_its_disk(hv: Hypervisor, pools: list[Any]) -> None:
    base = make_volume(pools[0], "base")
    make_volume(pools[0], "top", backing=base)
    make_volume(pools[1], "far", backing=base)
    want = wanted(
        disk__base={"pool": "a"},
        disk__top={"pool": "a", "backing": "base"},
        disk__far={"pool": "b", "backing": {"path": base}},
    )
    for seen in (look(hv, want), look(hv, everything=True)):
        for name in ("top", "far"):
            backing = spec(seen, "disk", name).backing
            assert (backing.disk, backing.path, backing.format) == ("base", base, "qcow2")
        assert live(seen, "disk", "top").facts["backing"] == base
    assert spec(look(hv, everything=True), "disk", "base").backing is None
    assert spec(look(hv, wanted(disk__top={"pool": "a", "backing": "base"})), "disk", "top").backing.disk == "base"


def test_a_disk_without_backing_says_so(hv: Hypervisor, pools: list[Any]) -> None:
    make_volume(pools[0], "base")
    make_volume(pools[0], "top")
    seen = look(hv, wanted(disk__top={"pool": "a", "backing": "base"}))
    assert spec(seen, "disk", "top").backing is None


def test_machines_tell_the_paths_of_their_disks(hv: Hypervisor, conn: Any, pools: list[Any]) -> None:
    path = make_volume(pools[0], "root")
    empty = "<disk type='file' device='cdrom'><target dev='sda' bus='sata'/></disk>"
    conn.defineXML(domain_xml("a", DISK.format(format="qcow2", path=path, target="vda") + empty))
    seen = look(hv, wanted(vm__a={"memory": "64MiB"}))
    assert live(seen, "vm", "a").facts["disk_paths"] == {"vda": path}


def test_users_are_looked_for_when_a_size_differs(hv: Hypervisor, conn: Any, pools: list[Any]) -> None:
    used = make_volume(pools[0], "used", 4 * MIB)
    make_volume(pools[0], "free", 4 * MIB)
    conn.defineXML(domain_xml("idle", DISK.format(format="qcow2", path=used, target="vda")))
    conn.defineXML(domain_xml("busy", DISK.format(format="qcow2", path=used, target="vdc"))).create()
    want = wanted(disk__used={"pool": "a", "size": "8MiB"}, disk__free={"pool": "a", "size": "8MiB"})
    seen = look(hv, want)
    assert live(seen, "disk", "used").facts["used_by"] == {"busy": "vdc"}
    assert live(seen, "disk", "free").facts["used_by"] == {}


# --- what is read is what was written -----------------------------------------------------------------------------


def test_the_test_driver_is_seen_too() -> None:
    from kvmctl.hypervisor import Hypervisor

    with Hypervisor.open("test:///default", readonly=True) as hv:
        seen = look(hv, everything=True)
    assert {"vm/test", "network/default", "pool/default-pool"} <= {str(address) for address in seen.inventory}
    assert spec(seen, "vm", "test").power_state == "Running"


def test_looking_changes_nothing(hv: Hypervisor, conn: Any, pools: list[Any]) -> None:
    make_volume(pools[0], "root")
    domain = conn.defineXML(domain_xml("a"))
    before = domain.XMLDesc(2)
    assert look(hv, everything=True) == look(hv, everything=True)
    assert domain.XMLDesc(2) == before
