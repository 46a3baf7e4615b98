"""Networks changed under guests that run: the lists at once, the rest by a restart that gives each guest its link back.

Each guest has booted and says from inside, through its agent, what it sees; its uptime shows that it was never stopped.
"""

from __future__ import annotations

import base64
import importlib
import json
import subprocess
import time
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING, Any

import pytest

from kvmctl import ownership

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.guest

SECONDS = 60
MAC = "52:54:00:00:00:0a"
NICS = f'{{name: lan, network: lab, model: virtio, mac: "{MAC}"}}, {{name: direct, bridge: br-t, model: virtio}}'
RANGE = "ranges: [{start: 192.168.150.10, end: 192.168.150.90}]"


def network(*, ip: str = "192.168.150.1", dhcp: str = RANGE, more: str = "") -> str:
    """Return a network whose bridge passes packets at once; with STP it takes two seconds."""
    ips = f"ips: [{{address: {ip}, prefix: 24, dhcp: {{{dhcp}}}}}]"
    return f"bridge: {{name: br-t, stp: false}}, domain: {{name: lab.example}}, {ips}, {more}"


def machine(tiny_guest: Any) -> str:
    boot = f"kernel: {tiny_guest.kernel}, initrd: {tiny_guest.initrd}, cmdline: console=ttyS0 quiet"
    return (
        f"type: qemu, powerState: Running, memory: 160MiB, os: {{machine: q35, {boot}}}, interfaces: [{NICS}], "
        "channels: [{name: org.qemu.guest_agent.0}], shutdown: {timeout: 1s, force: true}"
    )


class Guest:
    """The tiny guest, spoken to through its agent."""

    def __init__(self, conn: Any) -> None:
        self.domain = conn.lookupByName("web")

    def ask(self, command: str, **arguments: Any) -> Any:
        """Return the agent's answer to a command."""
        agent: Any = importlib.import_module("libvirt_qemu")
        text = json.dumps({"execute": command, "arguments": arguments})
        return json.loads(agent.qemuAgentCommand(self.domain, text, 10, 0))["return"]

    def wait(self) -> Guest:
        """Return once the agent answers."""
        import libvirt

        deadline = time.monotonic() + SECONDS
        while True:
            try:
                self.ask("guest-ping")
            except libvirt.libvirtError:
                assert time.monotonic() < deadline, "the guest's agent doesn't answer"
                time.sleep(0.3)
            else:
                return self

    def run(self, script: str) -> str:
        """Return what a shell in the guest prints."""
        options = {"capture-output": True}
        started = self.ask("guest-exec", path="/bin/sh", arg=["-c", script], **options)
        deadline = time.monotonic() + SECONDS
        while not (ended := self.ask("guest-exec-status", pid=started["pid"]))["exited"]:
            assert time.monotonic() < deadline, script
            time.sleep(0.1)
        said = base64.b64decode(ended.get("out-data", "")).decode()
        assert ended["exitcode"] == 0, said
        return said.strip()


class Web:
    """The machine `web` on the network `lab`, as its guest and its host see it."""

    def __init__(self, kvmctl: Any, conn: Any, sandbox: Any, tiny_guest: Any) -> None:
        self.kvmctl, self.conn, self.sandbox = kvmctl, conn, sandbox
        self.machine = machine(tiny_guest)
        kvmctl.apply(self.specs(network()))
        self.guest = Guest(conn).wait()
        self.address_in("192.168.150.")
        self.before, self.uptime = self.cards(), self.now()

    def specs(self, lab: str) -> dict[str, str]:
        """Return the manifests of both, with another network."""
        return {"network/lab": lab, "vm/web": self.machine}

    def plan(self, lab: str) -> list[Any]:
        """Return the actions planned for another network."""
        actions: list[Any] = self.kvmctl.json("plan", specs=self.specs(lab))["actions"]
        return actions

    def now(self) -> float:
        """Return the guest's seconds since its start."""
        return float(self.guest.run("cut -d' ' -f1 /proc/uptime"))

    def address_in(self, subnet: str) -> str:
        """Return the guest's address once it has one that begins like this."""
        deadline = time.monotonic() + SECONDS
        while True:
            told = self.guest.run("ip -4 -o addr show eth0").split()
            if "inet" in told and told[told.index("inet") + 1].startswith(subnet):
                return told[told.index("inet") + 1].partition("/")[0]
            assert time.monotonic() < deadline, told
            time.sleep(0.3)

    def renew(self) -> None:
        """Have the guest's DHCP client give its address back and ask anew."""
        self.guest.run("p=$(cat /run/udhcpc.eth0.pid); kill -USR2 $p; sleep 1; kill -USR1 $p")

    def cards(self) -> list[tuple[str, ...]]:
        """Return of each interface its type, alias, MAC address, PCI address, and the host's end."""
        devices = ET.fromstring(self.conn.lookupByName("web").XMLDesc()).findall("devices/interface")
        places = ("alias/name", "mac/address", "address/bus", "address/slot", "target/dev")
        found = []
        for nic in devices:
            parts = [part.partition("/") for part in places]
            told = [nic.find(tag).get(name) for tag, _, name in parts]  # type: ignore[union-attr]
            found.append((str(nic.get("type")), *map(str, told)))
        return found

    def ports(self) -> list[str]:
        """Return the devices on the network's bridge."""
        told = self.sandbox.run(["ls", "/sys/class/net/br-t/brif"]).stdout
        return sorted(told.split())

    def answers(self, address: str) -> bool:
        """Say whether the guest's web server answers the host."""
        fetch = f"import urllib.request as u; print(u.urlopen('http://{address}/', timeout=10).read().decode())"
        told = self.sandbox.run(["python3", "-c", fetch])
        return bool(told.stdout.strip() == "tiny")

    def dhcp_server(self) -> str:
        """Return the process that serves the network, which a restart of it replaces."""
        return str(self.sandbox.run(["cat", "/run/libvirt/network/lab.pid"]).stdout)

    def link_changes(self) -> int:
        """Return how often the guest's first card lost or got its link."""
        return int(self.guest.run("cat /sys/class/net/eth0/carrier_changes"))


@pytest.fixture
def web(kvmctl: Any, conn: Any, sandbox: Any, tiny_guest: Any) -> Iterator[Web]:
    """A guest that runs on the network; in the end it still is the same, with the same cards on the bridge."""
    web = Web(kvmctl, conn, sandbox, tiny_guest)
    assert len(web.ports()) == 2
    yield web
    assert web.cards() == web.before
    assert web.now() > web.uptime
    assert web.ports() == sorted(card[-1] for card in web.before)


def definitions(conn: Any) -> tuple[ET.Element, ET.Element]:
    """Return the running and the persistent definition of the network."""
    import libvirt

    lab = conn.networkLookupByName("lab")
    running, defined = (ownership.split(lab.XMLDesc(flag))[0] for flag in (0, libvirt.VIR_NETWORK_XML_INACTIVE))
    return ET.fromstring(running), ET.fromstring(defined)


def test_lists_of_a_network_change_at_once(web: Web) -> None:
    address, changes = web.address_in("192.168.150."), web.link_changes()
    lab = network(
        dhcp="ranges: [{start: 192.168.150.60, end: 192.168.150.70}], "
        f'hosts: [{{mac: "{MAC}", name: web, ip: 192.168.150.50}}]',
        more="dns: {hosts: [{ip: 192.168.150.7, hostnames: [db.lab.example]}], txts: [{name: motd, value: hello}], "
        "srvs: [{service: sip, protocol: tcp, domain: lab.example, target: db.lab.example, port: 5060}]}, "
        "portgroups: [{name: staff, default: true}]",
    )
    (action,) = web.plan(lab)
    assert (action["operation"], action["disruption"]) == ("net-update", "live")
    assert [command.split()[3:5] for command in action["equivalent"]] == [
        ["delete", "ip-dhcp-range"],
        ["add-last", "dns-host"],
        ["add-last", "dns-srv"],
        ["add-last", "dns-txt"],
        ["add-last", "ip-dhcp-range"],
        ["add-last", "ip-dhcp-host"],
        ["add-last", "portgroup"],
    ]
    web.kvmctl.apply(web.specs(lab))
    assert "192.168.150.7" in web.guest.run("nslookup -type=a db.lab.example 192.168.150.1")
    assert "hello" in web.guest.run("nslookup -type=txt motd 192.168.150.1")
    assert "5060" in web.guest.run("nslookup -type=srv _sip._tcp.lab.example 192.168.150.1")
    assert web.address_in("192.168.150.") == address
    web.renew()
    assert web.address_in("192.168.150.50")
    assert web.answers("192.168.150.50")
    assert web.link_changes() == changes

    fewer = network(dhcp=f'{RANGE}, hosts: [{{mac: "{MAC}", name: web, ip: 192.168.150.51}}]', more="dns: null")
    (action,) = web.plan(fewer)
    assert "modify" in [command.split()[3] for command in action["equivalent"]]
    web.kvmctl.apply(web.specs(fewer))
    web.renew()
    assert web.address_in("192.168.150.51")
    assert web.guest.run("nslookup -type=a db.lab.example 192.168.150.1 || echo gone").endswith("gone")
    for found in definitions(web.conn):
        assert found.find("dns") is None
        assert found.find("portgroup") is not None, "what the manifest doesn't say is left alone"


def test_the_equivalent_commands_do_the_same(web: Web) -> None:
    lab = network(dhcp=f'{RANGE}, hosts: [{{mac: "{MAC}", name: web, ip: 192.168.150.50}}]', more="dns: {txts: "
                  "[{name: motd, value: it's \"so\"}]}")  # fmt: skip
    (action,) = web.plan(lab)
    for command in action["equivalent"]:
        assert web.sandbox.run(["sh", "-c", command]).returncode == 0
    assert web.plan(lab) == []


def test_a_restart_names_its_guests_and_gives_them_their_link_back(web: Web) -> None:
    address = web.address_in("192.168.150.")
    assert web.answers(address)
    lab = network(more="mtu: 1400")
    (action,) = web.plan(lab)
    assert (action["operation"], action["disruption"]) == ("net-restart", "interrupt")
    assert action["note"] == "cuts off for a moment, and plugs in again, vm/web"
    before, server = definitions(web.conn), web.dhcp_server()
    refused = web.kvmctl.run("apply", "--yes", specs=web.specs(lab), code=3).stderr
    assert "--max-disruption interrupt" in refused
    assert [ET.tostring(each) for each in definitions(web.conn)] == [ET.tostring(each) for each in before]
    changes = web.link_changes()
    told = web.kvmctl.apply(web.specs(lab), "--max-disruption", "interrupt")
    assert f"plugged in again: vm/web ({MAC}), vm/web (" in told
    assert f"heard again: vm/web ({MAC})" in told
    assert web.dhcp_server() != server
    assert web.answers(address)
    assert web.link_changes() == changes, "the guest saw a cable move, and its addresses hadn't changed"
    assert "1400" in web.sandbox.run(["cat", "/sys/class/net/br-t/mtu"]).stdout


def test_guests_hear_of_another_address(web: Web) -> None:
    """A client that follows its link asks anew by itself; that of this guest is told to."""
    changes = web.link_changes()
    lab = network(ip="192.168.151.1", dhcp="ranges: [{start: 192.168.151.10, end: 192.168.151.90}]")
    told = web.kvmctl.apply(web.specs(lab), "--max-disruption", "interrupt")
    assert "plugged in again" in told
    assert web.link_changes() == changes + 2
    web.renew()
    assert web.answers(web.address_in("192.168.151."))


def test_a_network_that_does_not_start_is_put_back(web: Web) -> None:
    address, before = web.address_in("192.168.150."), definitions(web.conn)
    taken = "bridge: br-u, ips: [{address: 192.168.155.1, prefix: 24}]"
    specs = {**web.specs(network(ip="192.168.155.1", dhcp="")), "network/other": taken}
    web.kvmctl.apply({"network/other": taken})
    told = web.kvmctl.run("apply", "--yes", "--max-disruption", "interrupt", specs=specs, code=1).stdout
    assert "the former definition is back, and network/lab runs with it" in told
    assert [ET.tostring(each) for each in definitions(web.conn)] == [ET.tostring(each) for each in before]
    assert web.answers(address)
    web.kvmctl.run("plan", "--detailed-exitcode", specs=web.specs(network()))


def test_guests_cut_off_by_hand_are_seen_and_plugged_in_again(web: Web) -> None:
    address, specs = web.address_in("192.168.150."), web.specs(network())
    lab = web.conn.networkLookupByName("lab")
    lab.destroy()
    lab.create()
    assert web.ports() == []
    told = web.kvmctl.run("drift", specs=specs, code=2).stdout
    assert "vm/web  differs [managed]\n      spec.interfaces[lan].network: is none, should be lab\n" in told
    (action,) = web.plan(network())
    assert (action["address"], action["operation"], action["disruption"]) == ("vm/web", "plug-in-again", "live")
    direct = ET.fromstring(web.conn.lookupByName("web").XMLDesc()).findall("devices/interface")[1]
    web.kvmctl.apply(specs)
    assert web.answers(address)
    assert direct.get("type") == "bridge"
    web.sandbox.run(["ip", "link", "set", "dev", web.before[1][-1], "master", "br-t"])


@pytest.mark.parametrize("moment", ["defined", "stopped", "started"])
def test_a_killed_restart_is_gone_on_with(web: Web, moment: str) -> None:
    address, lab = web.address_in("192.168.150."), network(more="mtu: 1400")
    net = web.conn.networkLookupByName("lab")
    moments: dict[str, Callable[[], bool]] = {
        "defined": lambda: definitions(web.conn)[1].find("mtu") is not None,
        "stopped": lambda: not net.isActive(),
        # Asked in this order: while it is stopped, libvirt tells its definition.
        "started": lambda: definitions(web.conn)[0].find("mtu") is not None and net.isActive(),
    }
    arguments = ["apply", "--yes", "--max-disruption", "interrupt", "-f", web.kvmctl.write(web.specs(lab))]
    argv = web.sandbox.inside_argv(web.kvmctl.argv(*arguments), cwd=str(web.kvmctl.folder))
    # In the namespace of processes nsenter would be the parent of what is to be killed.
    direct = [word for word in argv if word != "--pid"]
    with subprocess.Popen(
        direct, env=web.sandbox.inside_env(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        while not moments[moment]():
            assert process.poll() is None, "the apply ended before that moment"
        process.kill()
    # Its lock tells of a process outside the sandbox, of which nobody inside can see that it has ended.
    web.kvmctl.run("unlock", "--yes")
    web.kvmctl.apply(web.specs(lab), "--max-disruption", "interrupt")
    assert [found.find("mtu") is not None for found in definitions(web.conn)] == [True, True]
    assert b"urn:kvmctl:restart" not in ET.tostring(definitions(web.conn)[1]), "it still says that a restart goes on"
    assert web.answers(address)


def test_stopping_a_network_names_its_guests(web: Web) -> None:
    (action,) = web.plan(f"{network()}active: false")
    assert (action["operation"], action["disruption"]) == ("stop", "interrupt")
    assert action["note"] == "cuts off vm/web"
