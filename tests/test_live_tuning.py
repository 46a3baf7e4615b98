"""A running guest is tuned: the limits, shares and pins reach it at once, and it notices no break."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from kvmctl.sandbox import Sandbox, SandboxError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.guest

CGROUPS = "/sys/fs/cgroup"


@pytest.fixture(scope="module")
def host() -> Iterator[Sandbox]:
    """A sandbox in which libvirt can limit guests by control groups."""
    box = Sandbox(cgroups=True)
    try:
        box.start()
    except SandboxError as error:
        pytest.skip(str(error))
    yield box
    box.close()


@pytest.fixture(scope="module")
def booted(host: Sandbox, boot_guest: Callable[..., Any]) -> Any:
    """The guest that all tests of this module share."""
    return boot_guest(host, iothreads=1)


@pytest.fixture
def guest(booted: Any, unbroken: Callable[[Any], Any]) -> Iterator[Any]:
    """The shared guest; whatever a test does to it, it must not start anew."""
    with unbroken(booted):
        yield booted


def control(host: Sandbox, place: str) -> str:
    """Return what a file of the guest's control groups says, below a controller's folder."""
    controller, _, name = place.partition("/")
    found = host.run(["sh", "-c", f"cat {CGROUPS}/{controller}/machine/qemu-*/{name}"])
    assert found.returncode == 0, found.stderr
    return found.stdout.strip()


def threads(host: Sandbox) -> dict[str, str]:
    """Return the CPUs of the host that each thread of QEMU may run on, by the thread's name."""
    script = (
        "for t in /proc/$(cat /run/libvirt/qemu/web.pid)/task/*; do cat $t/comm; grep Cpus_allowed_list $t/status; done"
    )
    lines = host.run(["sh", "-c", script]).stdout.splitlines()
    return dict(zip(lines[::2], (line.split()[-1] for line in lines[1::2]), strict=True))


def test_shares_and_quotas(guest: Any, host: Sandbox) -> None:
    command = guest.change("tune", cputune={"shares": 512, "period": 50000, "quota": 20000, "emulatorQuota": 70000})
    assert command == [
        "virsh schedinfo web --live --config cpu_shares=512 vcpu_period=50000 vcpu_quota=20000 emulator_quota=70000"
    ]
    assert control(host, "cpu/cpu.shares") == "512"
    assert control(host, "cpu/vcpu0/cpu.cfs_quota_us") == "20000"
    assert control(host, "cpu/emulator/cpu.cfs_quota_us") == "70000"
    assert guest.texts("cputune/quota") == ["20000", "20000"]
    guest.run("i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done")
    stalls = re.findall(r"nr_throttled (\d+)", control(host, "cpu/vcpu*/cpu.stat"))
    assert sum(map(int, stalls)) > 0, "the quota bites"
    guest.change("tune", cputune={"shares": 1024, "quota": -1})
    assert control(host, "cpu/vcpu0/cpu.cfs_quota_us") == "-1"


def test_a_share_that_is_taken_away_waits_for_the_next_start(guest: Any) -> None:
    guest.kvmctl.apply(guest.specs(cputune={"shares": 300}))
    specs = guest.specs(cputune={"shares": None})
    assert [each["disruption"] for each in guest.kvmctl.json("plan", specs=specs)["actions"]] == ["next-boot"]
    guest.kvmctl.apply(specs)
    assert guest.texts("cputune/shares") == ["300", None]
    guest.change("tune", cputune={"shares": 1024})


def test_a_refused_limit_leaves_everything_as_it_was(guest: Any, host: Sandbox) -> None:
    """The kernel can't take a quota for the whole that is less than that of a part; the shares before it went well."""
    guest.change("tune", cputune={"shares": 600, "quota": 50000, "period": 100000})
    before = [ET.tostring(guest.definition(running=running)) for running in (True, False)]
    specs = guest.specs(cputune={"shares": 700, "globalQuota": 20000})
    result = guest.kvmctl.json("apply", "--yes", specs=specs, code=1)
    assert [each["status"] for each in result["actions"]] == ["failed"]
    assert "cpu.cfs_quota_us" in result["actions"][0]["error"]
    assert "as they were" in result["actions"][0]["error"]
    assert control(host, "cpu/cpu.shares") == "600"
    assert [ET.tostring(guest.definition(running=running)) for running in (True, False)] == before
    guest.change("tune", cputune={"shares": 1024, "quota": -1})


def test_limits_of_memory(guest: Any, host: Sandbox) -> None:
    guest.change("tune", memtune={"hardLimit": "2GiB", "softLimit": "1GiB"})
    assert control(host, "memory/memory.limit_in_bytes") == str(2**31)
    assert guest.texts("memtune/soft_limit") == ["1048576", "1048576"]
    assert guest.change("tune", memtune={"hardLimit": "3GiB", "softLimit": None}) == [
        "virsh memtune web --hard-limit 3145728 --soft-limit -1 --live --config"
    ]
    assert control(host, "memory/memory.limit_in_bytes") == str(3 * 2**30)
    assert guest.texts("memtune/soft_limit") == [None, None]


def test_a_limit_below_what_is_used_is_refused(guest: Any, host: Sandbox) -> None:
    before = control(host, "memory/memory.limit_in_bytes")
    inactive = ET.tostring(guest.definition())
    result = guest.kvmctl.json("apply", "--yes", specs=guest.specs(memtune={"hardLimit": "4MiB"}), code=1)
    assert "memory.limit_in_bytes" in result["actions"][0]["error"]
    assert control(host, "memory/memory.limit_in_bytes") == before
    assert ET.tostring(guest.definition()) == inactive


def test_weights_and_limits_of_block_devices(guest: Any, host: Sandbox) -> None:
    device = next(
        path for path in map(Path, host.run(["sh", "-c", "ls /dev/vda /dev/sda /dev/nvme0n1"]).stdout.split())
    )
    numbers = host.run(["cat", f"/sys/block/{device.name}/dev"]).stdout.strip()
    limits = {"path": str(device), "writeBytesSec": 1000000, "readIopsSec": 5000}
    guest.change("tune", blkiotune={"weight": 500, "devices": [limits]})
    assert control(host, "blkio/blkio.throttle.write_bps_device") == f"{numbers} 1000000"
    assert control(host, "blkio/blkio.throttle.read_iops_device") == f"{numbers} 5000"
    assert guest.texts("blkiotune/weight") == ["500", "500"]
    assert guest.change("tune", blkiotune={"weight": 400, "devices": [limits | {"writeBytesSec": 2000000}]}) == [
        f"virsh blkiotune web --weight 400 --device-write-bytes-sec {device},2000000 --live --config"
    ]
    guest.change("tune", blkiotune={"weight": 400, "devices": []})
    assert control(host, "blkio/blkio.throttle.write_bps_device") == ""
    assert guest.texts("blkiotune/device/path") == [None, None]


def test_nodes_of_the_host(guest: Any, host: Sandbox) -> None:
    assert guest.change("tune", numatune={"memory": {"nodeset": "0"}}) == [
        "virsh numatune web --nodeset 0 --live --config"
    ]
    assert control(host, "cpuset/emulator/cpuset.mems") == "0"
    guest.run("dd if=/dev/zero of=/dev/null bs=1M count=4")


def test_pins(guest: Any, host: Sandbox) -> None:
    pins = {
        "vcpupins": [{"vcpu": 1, "cpuset": "0"}],
        "emulatorpin": "0",
        "iothreadpins": [{"iothread": 1, "cpuset": 0}],
    }
    assert guest.change("pin", "pin", "pin", cputune=pins) == [
        "virsh vcpupin web 1 0 --live --config",
        "virsh emulatorpin web 0 --live --config",
        "virsh iothreadpin web 1 0 --live --config",
    ]
    found = threads(host)
    pinned = {name: cpus for name, cpus in found.items() if name.startswith(("CPU 1/", "IO iothread1", "qemu-system"))}
    assert len(pinned) == 3
    assert set(pinned.values()) == {"0"}
    assert next(cpus for name, cpus in found.items() if name.startswith("CPU 0/")) != "0"
    every = {"vcpupins": [{"vcpu": 1, "cpuset": "0-1"}], "emulatorpin": "0", "iothreadpins": pins["iothreadpins"]}
    guest.change("pin", cputune=every)
    assert next(cpus for name, cpus in threads(host).items() if name.startswith("CPU 1/")) == "0-1"


def test_threads_come_and_go(guest: Any, host: Sandbox) -> None:
    assert guest.change("set-iothreads", iothreads=3) == [
        "virsh iothreadadd web 2 --live",
        "virsh iothreadadd web 3 --live",
        "virsh iothreadadd web 2 --config",
        "virsh iothreadadd web 3 --config",
    ]
    assert {"IO iothread1", "IO iothread2", "IO iothread3"} <= threads(host).keys()
    guest.change("set-iothreads", iothreads=1)
    assert "IO iothread2" not in threads(host)
    del guest.spec["iothreads"]
    guest.change("set-iothreads", iothreadids=[{"id": 1}, {"id": 7}])
    assert "IO iothread7" in threads(host)
    guest.change("set-iothreads", iothreadids=[{"id": 1}])


def throttled(guest: Any) -> dict[str, Any]:
    """Return the limits of the guest's disk that QEMU knows of."""
    import libvirt

    limits = guest.conn.lookupByName("web").blockIoTune("vda", libvirt.VIR_DOMAIN_AFFECT_LIVE)
    return {name: value for name, value in limits.items() if value and name != "group_name"}


def test_throttles_of_a_disk(guest: Any) -> None:
    disk = guest.spec["disks"][0]
    assert guest.change("tune", disks=[disk | {"iotune": {"writeBytesSec": 4000000, "readIopsSec": 900}}]) == [
        "virsh blkdeviotune web vda --write-bytes-sec 4000000 --read-iops-sec 900 --live --config"
    ]
    assert throttled(guest) == {"write_bytes_sec": 4000000, "read_iops_sec": 900}
    guest.run("dd if=/dev/vda of=/dev/null bs=4k count=50 iflag=direct")
    guest.change("tune", disks=[disk | {"iotune": {"writeBytesSec": None, "totalBytesSec": 8000000}}])
    assert throttled(guest) == {"total_bytes_sec": 8000000, "read_iops_sec": 900}
    guest.change("tune", disks=[disk | {"iotune": None}])
    assert throttled(guest) == {}
    assert guest.texts("devices/disk/iotune/read_iops_sec") == [None, None]


def test_limits_of_traffic(guest: Any, host: Sandbox) -> None:
    """libvirt shapes with HTB and SFQ; a kernel without the latter refuses, and everything is as it was."""
    before = [ET.tostring(guest.definition(running=running)) for running in (True, False)]
    nic = guest.spec["interfaces"][0]
    specs = guest.specs(interfaces=[nic | {"bandwidth": {"inbound": {"average": 1000, "peak": 2000}}}])
    plan = guest.kvmctl.json("plan", specs=specs)["actions"]
    mac = guest.definition().find("devices/interface/mac").get("address")
    assert [each["equivalent"] for each in plan] == [
        [f"virsh domiftune web {mac} --inbound 1000,2000 --outbound 0 --live --config"]
    ]
    if host.run(["sh", "-c", "tc qdisc add dev lo root sfq && tc qdisc del dev lo root"]).returncode == 0:
        guest.change("tune", interfaces=guest.spec["interfaces"])
        assert guest.definition(running=True).find("devices/interface/bandwidth/inbound").get("peak") == "2000"
        guest.change("tune", interfaces=[nic | {"bandwidth": None}])
        return
    result = guest.kvmctl.json("apply", "--yes", specs=specs, code=1)["actions"]
    assert [each["status"] for each in result] == ["failed"]
    assert "qdisc kind is unknown" in result[0]["error"]
    assert [ET.tostring(guest.definition(running=running)) for running in (True, False)] == before
    guest.specs(interfaces=[nic])


def test_fewer_cpus_by_the_agent(guest: Any) -> None:
    """Under emulation QEMU never lets go of an unplugged CPU: the guest takes it offline, and the next start counts."""
    guest.change("set-vcpus", vcpus={"max": 4, "current": 3})
    guest.until("nproc", "3")
    specs = guest.specs(vcpus={"max": 4, "current": 2})
    plan = guest.kvmctl.json("plan", specs=specs)["actions"]
    assert [(each["operation"], each["disruption"]) for each in plan] == [("set-vcpus", "live")]
    assert plan[0]["equivalent"] == ["virsh setvcpus web 2 --guest", "virsh setvcpus web 2 --config"]
    guest.kvmctl.apply(specs)
    assert guest.run("nproc") == "2"
    assert guest.definition().find("vcpu").get("current") == "2"
    pending = guest.kvmctl.json("plan", specs=specs)["pending"]
    assert [change["path"] for each in pending for change in each["because"]] == ["spec.vcpus.current"]


def test_the_balloon_moves(guest: Any) -> None:
    total = int(guest.run("sed -n 's/MemTotal: *//; s/ kB//p; q' /proc/meminfo"))
    specs = guest.specs(memory={"max": "320MiB", "current": "256MiB"})
    assert [each["operation"] for each in guest.kvmctl.json("plan", specs=specs)["actions"]] == ["set-memory"]
    guest.kvmctl.apply(specs)
    guest.until("sed -n 's/MemTotal: *//; s/ kB//p; q' /proc/meminfo", str(total - 64 * 1024))
    guest.kvmctl.apply(guest.specs(memory={"max": "320MiB", "current": "320MiB"}))
    guest.until("sed -n 's/MemTotal: *//; s/ kB//p; q' /proc/meminfo", str(total))


def test_words_and_the_start_with_the_host(guest: Any) -> None:
    specs = guest.specs(title="Shop", description="sells", autostart=True)
    plan = guest.kvmctl.json("plan", specs=specs)["actions"]
    assert [(each["operation"], each["disruption"]) for each in plan] == [
        ("set-text", "none"),
        ("set-text", "none"),
        ("set-autostart", "none"),
    ]
    guest.kvmctl.apply(specs)
    assert guest.texts("title") == ["Shop", "Shop"]
    assert guest.texts("description") == ["sells", "sells"]
    assert guest.conn.lookupByName("web").autostart() == 1
