"""A plan can't lie: for random pairs of manifests libvirt's events show exactly what was planned, and no more is left.

Each pair plays on a real libvirtd: the old manifests are applied, the new ones planned and applied, while a second
connection listens. The short suite plays the same pairs each time; with --long other ones, whose seed a failure tells.
"""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, given, note, seed, settings
from hypothesis import strategies as st

from kvmctl.actions import Disruption
from kvmctl.diff import diff
from kvmctl.models import BY_SHORT
from kvmctl.models.network import Network
from kvmctl.models.vm import VirtualMachine
from kvmctl.xmlio import parse, read, serialize

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

FOLDER = "/var/lib/libvirt/images"
SHORT, LONG = 20, 200
SHORT_SEED = 1
HEARD_SECONDS = 30
LIFECYCLE = 0
"""The number of this event, for each kind of object (libvirt 9.0)."""
OMITTED = "(omitted)"
OWN = "secret/kvmctl."
"""How the secrets begin in which kvmctl keeps locks and what it did."""

Picks = dict[str, Any]
Specs = dict[str, dict[str, Any]]

HOST = {"mac": "52:54:00:00:00:0a", "ip": "192.168.150.50"}
SECOND_HOST = {"mac": "52:54:00:00:00:0b", "ip": "192.168.150.51"}
# What each field may say; a value that stands more than once comes more often. What is omitted stays as it is.
FIELDS: dict[str, list[Any]] = {
    "vm powerState": ["Running", "Running", "Running", "Paused", "Off"],
    "vm autostart": [True, False],
    "vm title": [OMITTED, None, "one", "an & other"],
    "vm description": [OMITTED, None, "two\nlines"],
    "vm vcpus": [{"max": 4, "current": 1}, {"max": 4, "current": 3}, {"max": 2, "current": 2}],
    "vm memory": ["32MiB", {"max": "48MiB", "current": "48MiB"}, {"max": "40MiB"}],
    "vm cputune": [OMITTED, None, *({"vcpupins": [{"vcpu": 0, "cpuset": at}]} for at in "01"), {"emulatorpin": "0-1"}],
    "vm iothreads": [OMITTED, 1, 2],
    "vm features": [OMITTED, {"acpi": True, "pae": True}, {"acpi": True, "apic": True, "pae": False}],
    "vm clock": [OMITTED, {"offset": "utc"}, {"offset": "localtime"}],
    "vm onReboot": [OMITTED, "restart", "destroy"],
    "vm rngs": [OMITTED, [], [{"model": "virtio", "backend": {"model": "random", "device": "/dev/urandom"}}]],
    "vm inputs": [OMITTED, [], [{"type": "tablet", "bus": "usb"}]],
    "vm channels": [OMITTED, [], [{"name": "org.qemu.guest_agent.0"}]],
    "vm graphics": [OMITTED, [], [{"type": "vnc"}]],
    "vm watchdogs": [OMITTED, [], [{"model": "i6300esb"}]],
    "vm sounds": [OMITTED, [], [{"model": "ac97"}]],
    "vm videos": [OMITTED, [{"model": "vga"}]],
    "vm serials": [OMITTED, [], [{"type": "pty"}]],
    "vm memballoon": [OMITTED, OMITTED, {"model": "virtio", "freePageReporting": True}],
    "vm onCrash": [OMITTED, "destroy", "preserve"],
    "vm pm": [OMITTED, {"suspendToDisk": False}],
    "os boot": [OMITTED, ["hd"], ["network", "hd"]],
    "os bootMenu": [OMITTED, True, False],
    "vda cache": [OMITTED, "none", "writeback"],
    "vda iotune": [OMITTED, {"totalIopsSec": 500}, {"totalIopsSec": 900}],
    "vda serial": [OMITTED, "a", "b"],
    "lan network": ["lab", "lab", "yard"],
    "lan link": [OMITTED, "up", "down"],
    "lan filterref": [OMITTED, None, "mild"],
    "lan model": ["virtio", "virtio", "virtio", "e1000e"],
    "has sda": [True, False],
    "has sdb": [True, False],
    "has sdc": [True, False],
    "has wan": [True, False],
    "has vm": [True, True, True, True, True, False],
    "network active": [True, True, False],
    "network autostart": [True, False],
    "network domain": [OMITTED, {"name": "lab.example"}],
    "network mtu": [OMITTED, OMITTED, 1400],
    "network forward": [OMITTED, OMITTED, OMITTED, {"mode": "route"}],
    "network bridge": ["br-l", "br-l", {"name": "br-l", "stp": False}, "br-m"],
    "network dns": [OMITTED, {"txts": [{"name": "motd", "value": "hello"}]}, {"txts": []}],
    "network portgroups": [OMITTED, [], [{"name": "staff", "default": True}]],
    "dhcp hosts": [[], [HOST | {"name": "web"}], [HOST | {"name": "www"}, SECOND_HOST]],
    "dhcp ranges": [[{"start": f"192.168.150.{at}0", "end": f"192.168.150.{at}9"}] for at in (1, 6)],
    "yard active": [True, False],
    "root size": [1, 2, 4],
    "second size": [1, 2, 4],
    "second format": ["raw", "raw", "raw", "qcow2"],
    "third pool": ["p", "p", "p", "spare"],
    "cd disk": [OMITTED, "medium"],
    "spare active": [True, False],
    "spare autostart": [True, False],
    "secret description": [OMITTED, "x", "y"],
    "filter rules": [
        [{"action": "drop", "direction": "out", "icmp": {}}],
        [{"action": "accept", "direction": "in", "tcp": {"dstPortStart": 80}}],
    ],
}  # fmt: skip
MOST_CHANGES = 6
LIMITS = ["next-boot", "interrupt", "restart", "restart"]


class Pair(NamedTuple):
    """Manifests, what becomes of them, and how far the apply may go."""

    old: Specs
    new: Specs
    limit: str


def runs(picks: Picks) -> bool:
    return bool(picks["vm powerState"] != "Off")


def pair_of(chance: random.Random) -> Pair:
    """Return manifests, and the same ones with a few other fields."""
    board = chance.choice(["q35", "pc"])
    old = {name: chance.choice(values) for name, values in FIELDS.items()}
    changes = chance.sample(sorted(FIELDS), chance.randint(1, MOST_CHANGES))
    new = old | {name: chance.choice([value for value in FIELDS[name] if value != old[name]]) for name in changes}
    if "spare" in (old["third pool"], new["third pool"]):
        old["spare active"] = new["spare active"] = True  # a disk moves only between pools that are started
    for name in ("root size", "second size"):
        new[name] = max(old[name], new[name])  # a disk never shrinks
    if old["has vm"] and runs(old) and runs(new):
        # Nobody works in these guests: what is on PCI would never let go.
        for name in ("has wan", "vm rngs", "vm watchdogs"):
            new[name] = old[name] if new[name] in (False, []) else new[name]
    return Pair(specs(old, board), specs(new, board), chance.choice(LIMITS))


def part(picks: Picks, start: str) -> dict[str, Any]:
    """Return the fields of one part that say something."""
    found = {name.removeprefix(f"{start} "): value for name, value in picks.items() if name.startswith(f"{start} ")}
    return {name: value for name, value in found.items() if value is not OMITTED}


def specs(picks: Picks, board: str) -> Specs:
    """Return the manifests: a machine, and what it stands on, which is there while it runs."""
    lab, yard = part(picks, "network"), part(picks, "yard")
    if picks["has vm"] and runs(picks):
        (lab if picks["lan network"] == "lab" else yard)["active"] = True
    found = {
        "pool/p": {"type": "dir", "path": f"{FOLDER}/p"},
        "pool/spare": {"type": "dir", "path": f"{FOLDER}/spare", **part(picks, "spare")},
        "disk/root": {"pool": "p", "format": "qcow2", "size": f"{picks['root size']}MiB"},
        "disk/second": {"pool": "p", "format": picks["second format"], "size": f"{picks['second size']}MiB"},
        "disk/third": {"pool": picks["third pool"], "format": "raw", "size": "1MiB"},
        "disk/medium": {"pool": "p", "format": "raw", "size": "1MiB"},
        "network/lab": {**lab, "ips": [ip("192.168.150.1", dhcp=part(picks, "dhcp"))]},
        "network/yard": {**yard, "bridge": "br-y", "ips": [ip("192.168.151.1")]},
        "secret/key": {
            "usage": {"type": "ceph", "name": "key"}, **part(picks, "secret")
        },
        "nwfilter/mild": part(picks, "filter"),
    }  # fmt: skip
    return found | ({"vm/web": machine(picks, board)} if picks["has vm"] else {})


def ip(address: str, **more: Any) -> dict[str, Any]:
    return {"address": address, "prefix": 24, **more}


def machine(picks: Picks, board: str) -> dict[str, Any]:
    """Return a machine without an operating system, which has to be cut off to stop."""
    devices = {
        "sda": {"target": "sda", "disk": "second", "bus": "scsi"},
        "sdb": {"target": "sdb", "disk": "third", "bus": "usb"},
        "sdc": {"target": "sdc", "device": "cdrom", "bus": "sata", **part(picks, "cd")},
    }
    root = {"target": "vda", "disk": "root", "bus": "virtio", **part(picks, "vda")}
    wan = {"name": "wan", "type": "user", "model": "virtio"}
    return {
        "type": "qemu",
        "shutdown": {"timeout": 0, "force": True},
        "os": {"machine": board, **part(picks, "os")},
        "controllers": [
            {"type": "scsi", "index": 0, "model": "virtio-scsi"},
            {"type": "usb", "index": 0, "model": "qemu-xhci"},
            {"type": "virtio-serial", "index": 0},
        ],
        "disks": [root, *(device for name, device in devices.items() if picks[f"has {name}"])],
        "interfaces": [{"name": "lan", **part(picks, "lan")}, *([wan] if picks["has wan"] else [])],
        **part(picks, "vm"),
    }


class Ears:
    """Hears what becomes of the host's objects: pairs of an address and a word, in order."""

    LIFE = ("defined", "undefined", "started", "suspended", "resumed", "stopped", "shutdown", "pmsuspended", "crashed")
    NETWORK = ("defined", "undefined", "started", "stopped")
    POOL = ("defined", "undefined", "started", "stopped", "created", "deleted")
    SECRET = ("defined", "undefined")

    def __init__(self, conn: Any) -> None:
        import libvirt

        self.conn = conn
        self.heard: list[tuple[str, str]] = []
        for number, words in (
            (libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, self.LIFE),
            (libvirt.VIR_DOMAIN_EVENT_ID_DEVICE_ADDED, "added"),
            (libvirt.VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED, "removed"),
            (libvirt.VIR_DOMAIN_EVENT_ID_REBOOT, "rebooted"),
        ):
            conn.domainEventRegisterAny(None, number, self._hear, ("vm", words))
        conn.networkEventRegisterAny(None, LIFECYCLE, self._hear, ("network", self.NETWORK))
        conn.storagePoolEventRegisterAny(None, LIFECYCLE, self._hear, ("pool", self.POOL))
        conn.secretEventRegisterAny(None, LIFECYCLE, self._hear, ("secret", self.SECRET))

    def _hear(self, _conn: Any, item: Any, *told: Any) -> None:
        kind, words = told[-1]
        name = item.usageID() if kind == "secret" else item.name()
        self.heard.append((f"{kind}/{name}", words if isinstance(words, str) else words[told[0]]))

    def all(self) -> dict[str, list[str]]:
        """Return by address what was heard since the last time: libvirt keeps the order of each kind's events."""
        told = self._say_last_words()
        deadline = time.monotonic() + HEARD_SECONDS
        while not {(each, "undefined") for each in told} <= set(self.heard):
            assert time.monotonic() < deadline, "libvirt's events don't come"
            time.sleep(0.01)
        heard, self.heard = self.heard, []
        found: dict[str, list[str]] = {}
        for address, word in heard:
            if address not in told and not address.startswith(OWN):
                found.setdefault(address, []).append(word)
        return found

    def _say_last_words(self) -> list[str]:
        """Define and remove an object of each kind, which is heard after all that came before; return the addresses."""
        boot = "<memory>1024</memory><os><type>hvm</type></os>"
        for item in (
            self.conn.defineXML(f"<domain type='qemu'><name>last</name>{boot}</domain>"),
            self.conn.networkDefineXML("<network><name>last</name></network>"),
            self.conn.storagePoolDefineXML(
                "<pool type='dir'><name>last</name><target><path>/last</path></target></pool>"
            ),
            self.conn.secretDefineXML("<secret><usage type='ceph'><name>last</name></usage></secret>"),
        ):
            item.undefine()
        return ["vm/last", "network/last", "pool/last", "secret/last"]


class Seen(NamedTuple):
    """The host at one time: by address the definitions and what runs, and the machine's id and QEMU process."""

    defined: dict[str, str]
    running: dict[str, str]
    process: tuple[int, str] | None


class Host:
    """The host that a pair plays on, looked at and listened to past kvmctl."""

    def __init__(self, kvmctl: Any, sandbox: Any, conn: Any) -> None:
        self.kvmctl, self.sandbox, self.conn = kvmctl, sandbox, conn
        self.ears = Ears(conn)

    def see(self) -> Seen:
        """Return what is there now."""
        import libvirt

        conn, off = self.conn, libvirt.VIR_DOMAIN_XML_INACTIVE
        found = {f"vm/{each.name()}": (each, off) for each in conn.listAllDomains()}
        off = libvirt.VIR_NETWORK_XML_INACTIVE
        found |= {f"network/{each.name()}": (each, off) for each in conn.listAllNetworks()}
        web = found.get("vm/web")
        process = None
        if web and web[0].isActive():
            process = (web[0].ID(), self.sandbox.outside("/run/libvirt/qemu/web.pid").read_text())
        return Seen(
            {address: without_marks(item.XMLDesc(flags)) for address, (item, flags) in found.items()},
            {address: without_marks(item.XMLDesc(0)) for address, (item, _) in found.items() if item.isActive()},
            process,
        )

    def play(self, pair: Pair) -> None:
        """Apply the old manifests, plan and apply the new ones, and hold the plan against what was seen and heard."""
        self.kvmctl.run("apply", "--yes", specs=texts(pair.old))
        before = self.see()
        self.ears.all()
        limit, plan = self.plan(pair, before)
        done = self.kvmctl.json("apply", "--yes", "--max-disruption", limit, specs=texts(pair.new))
        heard, after = self.ears.all(), self.see()
        assert [essence(each) for each in done["actions"]] == [essence(each) for each in plan["actions"]]
        assert {each["status"] for each in done["actions"]} <= {"done"}
        moved = bool({"convert", "move"} & {each["operation"] for each in plan["actions"]})
        for address in {*pair.old, *pair.new}:
            actions = [each for each in plan["actions"] if each["address"] == address]
            check_heard(address, pair.new.get(address, {}), actions, heard.get(address, []))
            check_seen(address, actions, before, after, moved=moved and address == "vm/web")
        assert heard.keys() <= {*pair.old, *pair.new}
        again = self.kvmctl.json("plan", "--detailed-exitcode", specs=texts(pair.new))
        assert (again["actions"], again["refused"]) == ([], [])
        waits = {path for path in paths(again["pending"]) if not path.startswith(f"vm/web {ADDED}")}
        assert waits <= paths(plan["pending"]) | paths(of(plan["actions"], "next-boot")) | UNREACHED

    def plan(self, pair: Pair, before: Seen) -> tuple[str, Any]:
        """Return the plan of the new manifests; where it goes too far for the limit, that of a wider one.

        What goes too far is refused, and the host stays as it is.
        """
        specs = texts(pair.new)
        plan = self.kvmctl.json("plan", "--max-disruption", pair.limit, specs=specs)
        limit = Disruption.parse(pair.limit)
        if all(Disruption.parse(each["disruption"]) <= limit for each in plan["actions"]):
            return pair.limit, plan
        self.kvmctl.run("apply", "--yes", "--max-disruption", pair.limit, specs=specs, code=3)
        assert self.ears.all() == {}
        assert self.see() == before
        return "restart", self.kvmctl.json("plan", "--max-disruption", "restart", specs=specs)


UNREACHED = {"vm/web spec.memory.current"}
"""What a guest without a driver for its balloon never reaches."""
ENDING = {"create", "start", "stop", "restart", "net-restart"}
"""Operations after which what runs isn't what ran, if anything did."""
ADDED = "spec.controllers["
"""How the paths begin of what libvirt adds by itself for a new device."""
LIVES = {"started", "stopped", "suspended", "resumed"}
UNSAID = {("resumed", "started"), ("resumed", "stopped")}
"""A machine's CPUs go on just before libvirt says that it started, and before a suspended one is asked to stop."""


def texts(found: Specs) -> dict[str, str]:
    """Return the manifests as a program's fixture takes them."""
    return {address: json.dumps(spec)[1:-1] for address, spec in found.items()}


def essence(action: Any) -> tuple[Any, ...]:
    return tuple(action[name] for name in ("address", "operation", "disruption", "because"))


def of(actions: Iterable[Any], disruption: str) -> list[Any]:
    return [each for each in actions if each["disruption"] == disruption]


def paths(items: Iterable[Any]) -> set[str]:
    """Return the addresses and paths of what is to change, or waits."""
    return {f"{each['address']} {change['path']}" for each in items for change in each["because"]}


def lives(operation: str, spec: Mapping[str, Any]) -> list[str]:
    """Return what is to be heard of an object's life because of an operation, where it is wanted as `spec` says."""
    starts = ["started", "suspended"] if spec.get("powerState") == "Paused" else ["started"]
    runs = spec.get("powerState", "Off") != "Off" or spec.get("active", "powerState" not in spec)
    return {
        "create": starts if runs else [],
        "start": starts,
        "stop": ["stopped"],
        "restart": ["stopped", *starts],
        "net-restart": ["stopped", "started"],
        "suspend": ["suspended"],
        "resume": ["resumed"],
    }.get(operation, [])


def said(life: list[str]) -> list[str]:
    """Return the words that say something new."""
    return [word for word, then in zip(life, [*life[1:], ""], strict=False) if (word, then) not in UNSAID]


def check_heard(address: str, spec: Mapping[str, Any], actions: Sequence[Any], heard: Sequence[str]) -> None:
    """Hold what an object's events say against its planned actions."""
    operations = Counter(each["operation"] for each in actions)
    if address.startswith(("vm/", "network/", "pool/")):
        expected = [word for each in actions for word in lives(each["operation"], spec)]
        assert said([word for word in heard if word in LIVES]) == said(expected), address
        assert ("defined" in heard) >= bool({"create", "redefine", "net-restart"} & operations.keys()), address
    assert heard.count("added") == operations["attach-device"], address
    assert heard.count("removed") == operations["detach-device"], address
    assert not {"undefined", "rebooted", "crashed", "pmsuspended"} & {*heard}, address


def check_seen(address: str, actions: Sequence[Any], before: Seen, after: Seen, *, moved: bool) -> None:
    """Hold what became of an object's definition, and of what runs, against its planned actions.

    Disks that are moved or converted take the machine's definition with them.
    """
    operations = {each["operation"] for each in actions}
    at_once = [each for each in actions if each["operation"] not in {"redefine", "restart"}]
    if not operations & ENDING:
        if address == "vm/web":
            assert after.process == before.process
        assert unannounced(address, at_once, before.running, after.running, moved=moved) == set(), address
    assert unannounced(address, actions, before.defined, after.defined, moved=moved) == set(), address


def unannounced(
    address: str, actions: Sequence[Any], before: Mapping[str, str], after: Mapping[str, str], *, moved: bool
) -> set[str]:
    """Return the paths of what changed in a definition, and in no action's words."""
    if before.get(address) == after.get(address) or address not in before:
        return set()
    model: Any = VirtualMachine if address == "vm/web" else Network
    was, now = (read(model, parse(each[address])) for each in (before, after))
    silent = (ADDED, "spec.disks[") if moved else (ADDED,)
    changed = {change.text for change in diff(was, now) if not change.text.startswith(silent)}
    announced = {change["path"] for each in actions for change in each["because"]}
    return {path for path in changed if not any(each.startswith(path) for each in announced)} or (
        set() if changed or moved or actions else {"something without a field"}
    )


def without_marks(text: str) -> str:
    """Return a definition without kvmctl's mark, which isn't announced, and what libvirt says of a network's ports."""
    root = parse(text)
    for metadata in root.findall("metadata"):
        root.remove(metadata)
    root.attrib.pop("connections", None)
    for source in root.iterfind("devices/interface/source"):
        source.attrib.pop("portid", None)
    root.tail = None
    return serialize(root)


@pytest.fixture
def host(event_loop: None, kvmctl: Any, sandbox: Any, connect: Callable[[str], Any]) -> Host:  # noqa: ARG001
    """The worker's sandbox, with a connection that hears of events: the event loop comes first."""
    return Host(kvmctl, sandbox, connect(sandbox.uri))


def test_exactly_what_was_planned_happens(
    host: Host, empty_sandbox: Callable[[], None], request: pytest.FixtureRequest
) -> None:
    """Nobody shrinks a pair that fails: they differ in few fields, and each takes seconds."""
    long, number = request.config.getoption("--long"), request.config.getoption("--seed")
    if number is None:
        number = random.SystemRandom().randrange(2**32) if long else SHORT_SEED

    @seed(number)
    @settings(
        max_examples=LONG if long else SHORT, deadline=None, database=None, phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow],
    )  # fmt: skip
    @given(st.randoms(use_true_random=True).map(pair_of))
    def play(pair: Pair) -> None:
        note(f"--seed {number}, up to {pair.limit}\n{manifests(pair.old)}\n# then:\n{manifests(pair.new)}")
        empty_sandbox()
        host.play(pair)

    play()


def manifests(found: Specs) -> str:
    """Return manifests that a user can apply."""
    documents = []
    for address, spec in found.items():
        kind, name = address.split("/")
        head = f"apiVersion: kvmctl/v1\nkind: {BY_SHORT[kind].name}\nmetadata: {{name: {name}}}"
        documents.append(f"{head}\nspec: {json.dumps(spec)}\n")
    return "---\n".join(documents)
