"""Updates of running machines: nothing is ever stopped for them; what can't be had at once waits for a start."""

from __future__ import annotations

import time
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

POOL = {"pool/p": "type: dir, path: /var/lib/libvirt/images/p"}


def inactive(conn: Any, name: str = "web") -> ET.Element:
    import libvirt

    flags = libvirt.VIR_DOMAIN_XML_INACTIVE | libvirt.VIR_DOMAIN_XML_SECURE
    return ET.fromstring(conn.lookupByName(name).XMLDesc(flags))


def running(conn: Any, name: str = "web") -> ET.Element:
    return ET.fromstring(conn.lookupByName(name).XMLDesc(0))


def operations(plan: Any) -> list[tuple[str, str]]:
    return [(each["operation"], each["disruption"]) for each in plan["actions"]]


class Lifecycle:
    """Hears what libvirt says of its domains' lives."""

    def __init__(self, conn: Any) -> None:
        import libvirt

        self.heard: list[int] = []
        self.conn = conn
        self.number = conn.domainEventRegisterAny(
            None, libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, lambda *event: self.heard.append(event[2]), None
        )

    def close(self) -> None:
        self.conn.domainEventDeregisterAny(self.number)


BLOCKS = "disks: [{target: vda, disk: root, bus: virtio}"
LAN = '{name: lan, network: lab, model: virtio, mac: "52:54:00:00:00:01"'


def machine(*, disks: str = "", nics: str = "", link: str = "", more: str = "") -> dict[str, str]:
    return {
        **POOL,
        "disk/root": "pool: p, format: qcow2, size: 64MiB",
        "disk/more": "pool: p, format: raw, size: 8MiB",
        "network/lab": "ips: [{address: 192.168.160.1, prefix: 24}], bridge: br-l",
        "vm/web": f"type: qemu, powerState: Running, {BLOCKS}{disks}], interfaces: [{LAN}{link}}}{nics}], {more}",
    }


@pytest.mark.usefixtures("event_loop")
def test_updates_of_a_running_machine_never_stop_it(kvmctl: Any, sandbox: Any, connect: Callable[[str], Any]) -> None:
    """What can be changed while it runs is, the rest waits for the next start, and QEMU stays the same process."""
    conn = connect(sandbox.uri)
    start = "memory: {max: 128MiB, current: 128MiB}, vcpus: {max: 4, current: 1}"
    kvmctl.apply(machine(more=start))
    qemu = sandbox.run(["cat", "/run/libvirt/qemu/web.pid"]).stdout
    lifecycle = Lifecycle(conn)
    try:
        _live_updates(kvmctl, conn)
        _updates_that_wait(kvmctl, conn)
    finally:
        lifecycle.close()
    import libvirt

    assert set(lifecycle.heard) <= {libvirt.VIR_DOMAIN_EVENT_DEFINED}
    assert lifecycle.heard, "nothing was heard at all"
    assert sandbox.run(["cat", "/run/libvirt/qemu/web.pid"]).stdout == qemu


def _live_updates(kvmctl: Any, conn: Any) -> None:
    steps: list[tuple[dict[str, str], list[tuple[str, str]]]] = [
        (machine(more="memory: {current: 96MiB}, vcpus: {current: 1}"), [("set-memory", "live")]),
        (machine(more="memory: {current: 96MiB}, vcpus: {current: 3}"), [("set-vcpus", "live")]),
        (machine(more="memory: {current: 96MiB}, title: T, description: D"), [("set-text", "none")] * 2),
        (machine(more="memory: {current: 96MiB}, title: null"), [("set-text", "none")]),
        (machine(more="memory: {max: 128MiB}", link=", link: down"), [("update-device", "live")]),
        (machine(more="memory: {max: 128MiB}", link=", link: up"), [("update-device", "live")]),
        (
            machine(more="memory: {max: 128MiB}", disks=", {target: vdb, disk: more, bus: virtio}"),
            [("attach-device", "live")],
        ),
        (
            machine(
                more="memory: {max: 128MiB}",
                disks=", {target: vdb, disk: more, bus: virtio}",
                nics=", {name: wan, network: lab, model: virtio}",
            ),
            [("attach-device", "live")],
        ),
    ]
    for specs, expected in steps:
        assert operations(kvmctl.json("apply", "--yes", specs=specs)) == expected, specs["vm/web"]
        pending = kvmctl.json("plan", "--detailed-exitcode", specs=specs)["pending"]
        waiting = [change["path"] for each in pending for change in each["because"]]
        # Nobody works the balloon in a machine without an operating system.
        assert set(waiting) <= {"spec.memory.current"}, specs["vm/web"]
    for root in (running(conn), inactive(conn)):
        assert root.find("vcpu").get("current") == "3"  # type: ignore[union-attr]
        assert (root.findtext("title"), root.findtext("description")) == (None, "D")
        assert [each.get("dev") for each in root.iterfind("devices/disk/target")] == ["vda", "vdb"]
        assert [each.get("name") for each in root.iterfind("devices/interface/alias")] == ["ua-lan", "ua-wan"]
        assert root.find("devices/interface/link") is None or (
            root.find("devices/interface/link").get("state") == "up"  # type: ignore[union-attr]
        )
    assert inactive(conn).findtext("currentMemory") == "98304"
    macs = [
        [each.get("address") for each in root.iterfind("devices/interface/mac")]
        for root in (running(conn), inactive(conn))
    ]
    assert macs[0] == macs[1]


def _updates_that_wait(kvmctl: Any, conn: Any) -> None:
    specs = machine(
        more="memory: {max: 256MiB}, vcpus: {max: 4, current: 2}, features: {pae: true}",
        disks=", {target: vdb, disk: more, bus: virtio, cache: none}",
        nics=", {name: wan, network: lab, model: virtio}",
    )
    plan = kvmctl.json("plan", specs=specs)
    assert operations(plan) == [("redefine", "next-boot")]
    told = kvmctl.run("apply", "--yes", specs=specs).stdout
    assert "[next-boot]" in told
    assert inactive(conn).findtext("memory") == "262144"
    assert running(conn).findtext("memory") == "131072"
    again = kvmctl.run("plan", "--detailed-exitcode", specs=specs).stdout
    assert "No changes" in again
    assert "pending until its next start" in again
    pending = kvmctl.json("plan", specs=specs)["pending"]
    waiting = {change["path"]: (change["before"], change["after"]) for change in pending[0]["because"]}
    assert waiting["spec.vcpus.current"] == (3, 2)
    assert waiting["spec.features.pae"] == (False, True)
    assert waiting["spec.disks[vdb].cache"] == (None, "none")
    assert waiting["spec.memory.max"] == ("128MiB", "256MiB")


@pytest.mark.guest
@pytest.mark.usefixtures("event_loop")
def test_devices_come_and_go_in_a_running_guest(
    kvmctl: Any, sandbox: Any, connect: Callable[[str], Any], tiny_guest: Any
) -> None:
    """Taking out needs a guest that lets go."""
    import libvirt

    conn = connect(sandbox.uri)
    log = sandbox.outside("/var/lib/libvirt/images/web.log")
    start = (
        f"shutdown: {{timeout: 1s, force: true}}, serials: [{{type: file, path: /var/lib/libvirt/images/web.log}}], "
        f"os: {{kernel: {tiny_guest.kernel}, initrd: {tiny_guest.initrd}, cmdline: console=ttyS0 quiet}}, "
    )
    memory = "memory: {max: 256MiB, current: 256MiB}"
    kvmctl.apply(machine(more=start + memory))
    deadline = time.monotonic() + 60
    while b"TINY READY" not in log.read_bytes():
        assert time.monotonic() < deadline, log.read_text(errors="replace")
        time.sleep(0.1)
    lifecycle = Lifecycle(conn)
    disk, nic = ", {target: vdb, disk: more, bus: virtio}", ", {name: wan, network: lab, model: virtio}"
    try:
        for disks, nics, expected in (
            (disk, nic, ["attach-device", "attach-device"]),
            ("", nic, ["detach-device"]),
            ("", "", ["detach-device"]),
        ):
            specs = machine(more=start + memory, disks=disks, nics=nics)
            assert operations(kvmctl.json("plan", specs=specs)) == [(each, "live") for each in expected]
            kvmctl.apply(specs)
            assert kvmctl.json("plan", specs=specs)["pending"] == []
        specs = machine(more=f"{start} memory: {{max: 256MiB, current: 160MiB}}")
        kvmctl.apply(specs)
        assert kvmctl.json("plan", specs=specs)["pending"] == []
        assert running(conn).findtext("currentMemory") == "163840"
    finally:
        lifecycle.close()
    for root in (running(conn), inactive(conn)):
        assert [each.get("dev") for each in root.iterfind("devices/disk/target")] == ["vda"]
        assert [each.get("name") for each in root.iterfind("devices/interface/alias")] == ["ua-lan"]
    assert set(lifecycle.heard) <= {libvirt.VIR_DOMAIN_EVENT_DEFINED}
    assert b"TINY READY" in log.read_bytes()
    assert log.read_bytes().count(b"TINY READY") == 1


def test_a_device_without_room_waits_for_the_next_start(kvmctl: Any, conn: Any) -> None:
    """A q35 machine has one PCI Express port to spare; the second new device gets its own at the next start."""

    def crowded(count: int) -> dict[str, str]:
        nics = ", ".join(f"{{name: nic{number}, type: user, model: virtio}}" for number in range(count))
        power = "powerState: Running, shutdown: {timeout: 1s, force: true}"
        return {"vm/web": f"type: qemu, memory: 64MiB, os: {{machine: q35}}, {power}, interfaces: [{nics}]"}

    def aliases(root: ET.Element) -> list[str | None]:
        return [each.get("name") for each in root.iterfind("devices/interface/alias")]

    kvmctl.apply(crowded(1))
    plan = kvmctl.json("plan", specs=crowded(3))
    assert operations(plan) == [("attach-device", "live"), ("redefine", "next-boot")]
    assert "no free PCI Express port" in plan["actions"][1]["note"]
    kvmctl.apply(crowded(3))
    assert aliases(running(conn)) == ["ua-nic0", "ua-nic1"]
    assert aliases(inactive(conn)) == ["ua-nic0", "ua-nic1", "ua-nic2"]
    pending = kvmctl.json("plan", specs=crowded(3))["pending"]
    # libvirt gives the definition a port more for it, which waits for the next start too.
    paths = [change["path"] for change in pending[0]["because"]]
    assert paths == ["spec.controllers[pci:5:pcie-root-port]", "spec.interfaces[nic2]"]
    conn.lookupByName("web").destroy()
    kvmctl.apply(crowded(3))
    assert aliases(running(conn)) == ["ua-nic0", "ua-nic1", "ua-nic2"]
    assert kvmctl.json("plan", specs=crowded(3))["pending"] == []


def test_spare_ports_are_room_for_devices(kvmctl: Any, conn: Any) -> None:
    """Ports of PCI Express that the manifest lists when the machine is made take devices while it runs."""

    def roomy(count: int) -> dict[str, str]:
        nics = ", ".join(f"{{name: nic{number}, type: user, model: virtio}}" for number in range(count))
        ports = ", ".join(f"{{type: pci, index: {number}, model: pcie-root-port}}" for number in range(1, 9))
        power = "powerState: Running, shutdown: {timeout: 1s, force: true}"
        machine = f"type: qemu, memory: 64MiB, os: {{machine: q35}}, {power}"
        return {"vm/web": f"{machine}, controllers: [{ports}], interfaces: [{nics}]"}

    kvmctl.apply(roomy(1))
    assert operations(kvmctl.json("plan", specs=roomy(4))) == [("attach-device", "live")] * 3
    kvmctl.apply(roomy(4))
    assert len(running(conn).findall("devices/interface")) == 4
    assert kvmctl.json("plan", specs=roomy(4))["pending"] == []
