"""What administrators do with virsh net-…, done with manifests and looked at without kvmctl."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from typing import Any

import pytest

from kvmctl import ownership

ISOLATED = "bridge: br-t, ips: [{address: 192.168.150.1, prefix: 24}]"


def definition(conn: Any, name: str = "lab") -> ET.Element:
    import libvirt

    xml = conn.networkLookupByName(name).XMLDesc(libvirt.VIR_NETWORK_XML_INACTIVE)
    return ET.fromstring(ownership.split(xml)[0])


_INTERRUPT = ("--max-disruption", "interrupt")


def nics(conn: Any) -> list[dict[str, str]]:
    """Return what the interfaces of the running machine are on, without the port, which is new each time."""
    devices = ET.fromstring(conn.lookupByName("m").XMLDesc()).findall("devices/interface/source")
    return [{name: value for name, value in each.attrib.items() if name != "portid"} for each in devices]


def addresses(sandbox: Any, device: str) -> set[str]:
    shown = json.loads(sandbox.run(["ip", "-json", "address", "show", "dev", device]).stdout)
    return {f"{each['local']}/{each['prefixlen']}" for each in shown[0]["addr_info"]}


@pytest.mark.parametrize("mode", ["nat", "route", "open", ""])
def test_networks_of_each_mode_run(kvmctl: Any, conn: Any, sandbox: Any, mode: str) -> None:
    forward = f"forward: {{mode: {mode}}}, " if mode else ""
    kvmctl.apply({"network/lab": f"{forward}{ISOLATED}"})
    network = conn.networkLookupByName("lab")
    assert network.isActive()
    found = definition(conn).find("forward")
    assert (found.get("mode") if found is not None else "") == mode
    assert "192.168.150.1/24" in addresses(sandbox, "br-t")
    rules = sandbox.run(["iptables-save"]).stdout
    assert ("MASQUERADE" in rules) == (mode == "nat")


def test_a_network_on_a_bridge_of_the_host_carries_a_guest(kvmctl: Any, conn: Any, sandbox: Any) -> None:
    sandbox.run(["ip", "link", "add", "br-host", "type", "bridge"])
    try:
        kvmctl.apply({
            "network/lab": "forward: {mode: bridge}, bridge: br-host",
            "vm/m": "type: qemu, memory: 64MiB, powerState: Running, interfaces: ["
            '{network: lab, model: virtio, mac: "52:54:00:00:00:01"}, {name: direct, bridge: br-host, model: e1000}]',
        })  # fmt: skip
        assert conn.networkLookupByName("lab").isActive()
        ports = json.loads(sandbox.run(["ip", "-json", "link", "show", "master", "br-host"]).stdout)
        assert len(ports) == 2
        told = sandbox.run(["virsh", "domiflist", "m"]).stdout
        assert "52:54:00:00:00:01" in told
        assert "e1000" in told
        before = nics(conn)
        kvmctl.apply(
            {"network/lab": "forward: {mode: bridge}, bridge: br-host, trustGuestRxFilters: true"}, *_INTERRUPT
        )
        assert nics(conn) == before
        ports = json.loads(sandbox.run(["ip", "-json", "link", "show", "master", "br-host"]).stdout)
        assert len(ports) == 2
        conn.lookupByName("m").destroy()
    finally:
        sandbox.run(["ip", "link", "delete", "br-host"])


FULL = """
  forward: {mode: nat, nat: {ports: {start: 2000, end: 3000}}},
  bridge: {name: br-t, stp: true, delay: 1}, mtu: 1400, mac: "52:54:00:01:02:03",
  domain: {name: lab.example, localOnly: true},
  dns: {
    forwarders: [{address: 192.0.2.53}, {domain: corp.example, address: 192.0.2.54}],
    hosts: [{ip: 192.168.150.5, hostnames: [db, db.lab.example]}],
    txts: [{name: motd, value: hello}]},
  ips: [
    {address: 192.168.150.1, prefix: 24, dhcp: {
      ranges: [{start: 192.168.150.10, end: 192.168.150.90}, {start: 192.168.150.100, end: 192.168.150.110}],
      hosts: [{mac: "52:54:00:AA:00:01", ip: 192.168.150.50, name: web1}, {ip: 192.168.150.51, name: web2}]}},
    {address: "fd00:150::1", prefix: 64, family: ipv6,
      dhcp: {ranges: [{start: "fd00:150::100", end: "fd00:150::1ff"}]}}],
  active: true, autostart: true
"""


def test_a_network_with_everything_runs(kvmctl: Any, conn: Any, sandbox: Any) -> None:
    kvmctl.apply({"network/lab": FULL})
    network = conn.networkLookupByName("lab")
    assert (network.isActive(), network.autostart()) == (1, 1)
    found = definition(conn)
    assert found.find("domain").attrib == {"name": "lab.example", "localOnly": "yes"}  # type: ignore[union-attr]
    assert found.find("mac").get("address") == "52:54:00:01:02:03"  # type: ignore[union-attr]
    assert [each.attrib for each in found.iterfind("dns/forwarder")] == [
        {"addr": "192.0.2.53"},
        {"domain": "corp.example", "addr": "192.0.2.54"},
    ]
    assert [each.text for each in found.iterfind("dns/host/hostname")] == ["db", "db.lab.example"]
    assert [each.get("value") for each in found.iterfind("dns/txt")] == ["hello"]
    assert len(found.findall("ip/dhcp/range")) == 3
    hosts = [each.attrib for each in found.iterfind("ip/dhcp/host")]
    assert hosts[0] == {"mac": "52:54:00:aa:00:01", "name": "web1", "ip": "192.168.150.50"}
    assert addresses(sandbox, "br-t") >= {"192.168.150.1/24", "fd00:150::1/64"}
    link = json.loads(sandbox.run(["ip", "-json", "-details", "link", "show", "dev", "br-t"]).stdout)[0]
    assert link["mtu"] == 1400
    assert link["linkinfo"]["info_data"]["stp_state"] == 1
    assert "2000-3000" in sandbox.run(["iptables-save"]).stdout


def test_a_network_is_started_stopped_and_set_to_autostart(kvmctl: Any, conn: Any) -> None:
    kvmctl.apply({"network/lab": f"{ISOLATED}, active: false"})
    network = conn.networkLookupByName("lab")
    assert (network.isActive(), network.autostart()) == (0, 0)
    kvmctl.apply({"network/lab": f"{ISOLATED}, active: true, autostart: true"})
    assert (network.isActive(), network.autostart()) == (1, 1)
    kvmctl.apply({"network/lab": f"{ISOLATED}, autostart: false"})
    assert (network.isActive(), network.autostart()) == (1, 0)
    off = {"network/lab": f"{ISOLATED}, active: false"}
    assert "--max-disruption interrupt" in kvmctl.run("apply", "--yes", specs=off, code=3).stderr
    assert network.isActive()
    kvmctl.apply(off, "--max-disruption", "interrupt")
    assert not network.isActive()


def test_guests_are_plugged_in_again_when_their_network_starts(kvmctl: Any, conn: Any, sandbox: Any) -> None:
    """virsh net-destroy takes the bridge away under a running guest, and net-start alone leaves the guest cut off."""
    specs = {
        "network/lab": f"{ISOLATED}, active: true",
        "vm/m": "type: qemu, memory: 64MiB, powerState: Running, interfaces: "
        "[{name: a, network: lab, model: virtio}, {name: b, network: lab, model: e1000e}]",
    }

    def plugged() -> set[str]:
        shown = sandbox.run(["ip", "-json", "link", "show", "master", "br-t"]).stdout
        return {each["ifname"] for each in json.loads(shown)}

    def running() -> list[tuple[str | None, ...]]:
        nics = ET.fromstring(conn.lookupByName("m").XMLDesc()).findall("devices/interface")
        places = ("alias/name", "mac/address", "target/dev", "source/network", "address/bus")
        return [(nic.get("type"), *(nic.find(a).get(b) for a, b in (p.split("/") for p in places))) for nic in nics]  # type: ignore[union-attr]

    kvmctl.apply(specs)
    before, devices = running(), plugged()
    assert len(devices) == 2
    conn.networkLookupByName("lab").destroy()
    assert "running guests on it are plugged in again" in kvmctl.apply(specs)
    assert (running(), plugged()) == (before, devices)
    conn.networkLookupByName("lab").destroy()
    conn.networkLookupByName("lab").undefine()
    kvmctl.apply(specs)
    assert (running(), plugged()) == (before, devices)


def test_a_passing_network_becomes_persistent(kvmctl: Any, conn: Any) -> None:
    """virsh net-create makes a network that libvirt gives no autostart and forgets once it stops."""
    made = "<network><name>lab</name><bridge name='br-t'/><ip address='192.168.150.1' prefix='24'/></network>"
    uuid = conn.networkCreateXML(made).UUIDString()
    specs = {"network/lab": f"{ISOLATED}, autostart: true"}
    assert "makes the network persistent" in kvmctl.run("drift", specs=specs, code=2).stdout
    plan = kvmctl.json("plan", specs=specs)
    assert [(each["operation"], each["disruption"]) for each in plan["actions"]] == [
        ("redefine", "none"),
        ("set-autostart", "none"),
    ]
    kvmctl.apply(specs)
    network = conn.networkLookupByName("lab")
    assert (network.isPersistent(), network.isActive(), network.autostart()) == (1, 1, 1)
    assert network.UUIDString() == uuid


def test_what_no_update_can_change_takes_a_restart(kvmctl: Any, conn: Any) -> None:
    kvmctl.apply({"network/lab": ISOLATED})
    network = conn.networkLookupByName("lab")
    before = definition(conn)
    changed = {"network/lab": f"{ISOLATED}, domain: {{name: new.example}}, mtu: 1300"}
    plan = kvmctl.json("plan", specs=changed)
    assert [(each["operation"], each["disruption"]) for each in plan["actions"]] == [("net-restart", "interrupt")]
    kvmctl.run("apply", "--yes", specs=changed, code=3)
    kvmctl.apply(changed, "--max-disruption", "interrupt")
    after = definition(conn)
    for found in (after, ET.fromstring(network.XMLDesc(0))):
        assert found.find("domain").get("name") == "new.example"  # type: ignore[union-attr]
    for tag in ("uuid", "mac", "bridge", "ip"):
        one, other = before.find(tag), after.find(tag)
        assert one is not None
        assert other is not None
        assert ET.tostring(one) == ET.tostring(other)
    fewer = {"network/lab": ISOLATED.replace(", ips", ", domain: null, ips")}
    kvmctl.apply(fewer, "--max-disruption", "interrupt")
    assert definition(conn).find("domain") is None
    assert definition(conn).find("mtu") is not None, "what the manifest doesn't say is left alone"


def test_a_definition_changed_by_hand_is_brought_into_effect(kvmctl: Any, conn: Any) -> None:
    """virsh net-edit changes what counts at the next start, and virsh net-update --live what runs alone."""
    import libvirt

    records = f"{ISOLATED}, mtu: 1300, dns: {{txts: [{{name: motd, value: hello}}]}}"
    kvmctl.apply({"network/lab": records})
    network = conn.networkLookupByName("lab")
    command, section = libvirt.VIR_NETWORK_UPDATE_COMMAND_DELETE, libvirt.VIR_NETWORK_SECTION_DNS_TXT
    network.update(command, section, -1, "<txt name='motd'/>", libvirt.VIR_NETWORK_UPDATE_AFFECT_LIVE)
    (action,) = kvmctl.json("plan", specs={"network/lab": records})["actions"]
    assert (action["operation"], action["disruption"]) == ("net-update", "live")
    assert action["equivalent"] == [
        'virsh net-update lab add-last dns-txt \'<txt name="motd" value="hello" />\' --live'
    ]
    kvmctl.apply({"network/lab": records})
    conn.networkDefineXML(ET.tostring(definition(conn), encoding="unicode").replace("1300", "1350"))
    kvmctl.apply({"network/lab": records})
    assert definition(conn).find("mtu").get("size") == "1300"  # type: ignore[union-attr]
    conn.networkDefineXML(ET.tostring(definition(conn), encoding="unicode").replace("1300", "1350"))
    edited = {"network/lab": records.replace("1300", "1350")}
    assert [each["operation"] for each in kvmctl.json("plan", specs=edited)["actions"]] == ["net-restart"]
    kvmctl.apply(edited, "--max-disruption", "interrupt")
    assert ET.fromstring(network.XMLDesc(0)).find("mtu").get("size") == "1350"  # type: ignore[union-attr]


def test_an_update_that_fails_half_way_is_undone(kvmctl: Any, conn: Any) -> None:
    """libvirt takes the record, and refuses the range, which has more than 65535 addresses."""
    wide = ISOLATED.replace("192.168.150.1, prefix: 24", "10.0.0.1, prefix: 8")
    kvmctl.apply({"network/lab": wide})
    before = definition(conn)
    ranges = wide.replace("prefix: 8", "prefix: 8, dhcp: {ranges: [{start: 10.0.0.10, end: 10.9.0.1}]}")
    specs = {"network/lab": f"{ranges}, dns: {{txts: [{{name: motd, value: hello}}]}}"}
    told = kvmctl.run("apply", "--yes", specs=specs, code=1).stdout
    assert "its lists are as they were before" in told
    for found in (definition(conn), ET.fromstring(ownership.split(conn.networkLookupByName("lab").XMLDesc(0))[0])):
        assert ET.tostring(found) == ET.tostring(before)
    kvmctl.run("plan", "--detailed-exitcode", specs={"network/lab": wide})


def test_dhcp_hosts_are_matched_by_their_keys(kvmctl: Any, conn: Any) -> None:
    def network(*hosts: str) -> dict[str, str]:
        dhcp = f"dhcp: {{hosts: [{', '.join(hosts)}]}}"
        return {"network/lab": f"active: false, bridge: br-t, ips: [{{address: 192.168.150.1, prefix: 24, {dhcp}}}]"}

    one = '{mac: "52:54:00:00:00:01", ip: 192.168.150.11, name: a}'
    two = '{mac: "52:54:00:00:00:02", ip: 192.168.150.12, name: b}'
    kvmctl.apply(network(one, two))
    kvmctl.apply(network(two, one))
    assert [each.get("name") for each in definition(conn).iterfind("ip/dhcp/host")] == ["a", "b"]
    told = kvmctl.apply(network(two.replace(".12", ".99")))
    assert "192.168.150.12 → 192.168.150.99" in told
    assert [each.get("ip") for each in definition(conn).iterfind("ip/dhcp/host")] == ["192.168.150.99"]


def test_another_uuid_of_a_network_is_refused(kvmctl: Any, conn: Any) -> None:
    kvmctl.apply({"network/lab": ISOLATED})
    uuid = conn.networkLookupByName("lab").UUIDString()
    other = {"network/lab": f'{ISOLATED}, uuid: "11111111-2222-3333-4444-555555555555"'}
    assert "spec.uuid" in kvmctl.run("apply", "--yes", specs=other, code=3).stderr
    assert conn.networkLookupByName("lab").UUIDString() == uuid
    kvmctl.apply({"network/lab": f'{ISOLATED}, uuid: "{uuid.upper()}"'})


def test_a_network_in_use_is_not_deleted_and_an_unused_one_is(kvmctl: Any, conn: Any) -> None:
    kvmctl.apply({"network/lab": ISOLATED, "vm/m": "type: qemu, memory: 64MiB, interfaces: [{network: lab}]"})
    assert "in use by vm/m" in kvmctl.run("delete", "network/lab", "--yes", code=3).stderr
    assert conn.networkLookupByName("lab").isActive()
    kvmctl.run("delete", "network/lab", "vm/m", "--yes")
    assert conn.listAllNetworks() == []
    assert conn.listAllDomains() == []


def test_get_lists_networks(kvmctl: Any) -> None:
    kvmctl.apply(
        {
            "network/up": ISOLATED,
            "network/idle": "forward: {mode: nat}, active: false, autostart: true, " + ISOLATED.replace("br-t", "br-u"),
        }
    )
    assert "idle" not in kvmctl.run("get", "networks").stdout
    rows = {line.split()[0]: line.split() for line in kvmctl.run("get", "networks", "--all").stdout.splitlines()}
    assert rows["up"][1:5] == ["active", "no", "isolated", "br-t"]
    assert rows["idle"][1:4] == ["inactive", "yes", "nat"]
