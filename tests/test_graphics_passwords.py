"""The passwords of graphics: come from where manifests say, reach QEMU and the definition, and are shown nowhere."""

from __future__ import annotations

import json
import socket
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from kvmctl.sandbox import Sandbox

OLD, NEW = "s3cretA1", "s3cretB2"
SOCKET = "/var/lib/libvirt/images/vnc.sock"
SECONDS = 20


def asked(path: Path, password: str) -> str:
    """Return what a VNC server on a socket says to a viewer with a password: `open` where it asks for none."""
    with socket.socket(socket.AF_UNIX) as viewer:
        viewer.settimeout(SECONDS)
        viewer.connect(str(path))
        stream = viewer.makefile("rwb", buffering=0)
        version = stream.read(12)
        assert version is not None
        assert version.startswith(b"RFB 003.")
        stream.write(b"RFB 003.008\n")
        count = stream.read(1)
        offered = stream.read(count[0] if count else 0) or b""
        if b"\x01" in offered:
            return "open"
        stream.write(b"\x02")
        stream.write(encrypted(read(stream, 16), password))
        return "welcome" if read(stream, 4) == bytes(4) else "refused"


def read(stream: Any, count: int) -> bytes:
    """Return so many bytes of a stream."""
    found = b""
    while len(found) < count:
        more = stream.read(count - len(found))
        assert more, "the server hung up"
        found += more
    return found


def encrypted(challenge: bytes, password: str) -> bytes:
    """Return the answer to a challenge: DES with the password, the bits of each byte turned round, as its key.

    Three times with the same key is once, and OpenSSL still knows that.
    """
    key = "".join(f"{int(f'{byte:08b}'[::-1], 2):02x}" for byte in password.encode().ljust(8, b"\0"))
    words = ["openssl", "enc", "-des-ede3", "-K", key * 3, "-nopad"]
    return subprocess.run(words, input=challenge, capture_output=True, check=True).stdout


def graphics(conn: Any, name: str = "a", *, running: bool = False) -> dict[str, str]:
    """Return the attributes of a machine's graphics with the password."""
    import xml.etree.ElementTree as ET

    import libvirt

    flags = libvirt.VIR_DOMAIN_XML_SECURE | (0 if running else libvirt.VIR_DOMAIN_XML_INACTIVE)
    found = ET.fromstring(conn.lookupByName(name).XMLDesc(flags)).find("devices/graphics")
    assert found is not None
    return found.attrib


@pytest.mark.guest
def test_a_running_guest_asks_for_the_new_password(
    shared_sandbox: Sandbox, empty_sandbox: Callable[[], None], boot_guest: Callable[..., Any],
    unbroken: Callable[[Any], Any], tmp_path: Path,
) -> None:  # fmt: skip
    empty_sandbox()
    held = tmp_path / "password"
    held.write_text(OLD)
    vnc = {
        "type": "vnc",
        "listen": f"socket:{SOCKET}",
        "password": {"file": str(held)},
        "passwdValidTo": "2100-01-01T00:00:00",
    }
    guest = boot_guest(shared_sandbox, graphics=[vnc])
    door, number = shared_sandbox.outside(SOCKET), guest.conn.lookupByName("web").ID()
    assert [asked(door, each) for each in (OLD, NEW)] == ["welcome", "refused"]
    with unbroken(guest):
        held.write_text(NEW)
        specs = guest.specs()
        assert "No changes" in guest.kvmctl.run("plan", specs=specs).stdout, "a read-only connection is told nothing"
        told = guest.kvmctl.json("apply", "--yes", specs=specs)["actions"]
        assert [(each["operation"], each["disruption"]) for each in told] == [("update-device", "live")]
        assert [asked(door, each) for each in (OLD, NEW)] == ["refused", "welcome"]
        assert [graphics(guest.conn, "web", running=each)["passwd"] for each in (True, False)] == [NEW, NEW]
        assert "No changes" in guest.kvmctl.run("apply", "--yes", specs=specs).stdout

        guest.change("update-device", graphics=[vnc | {"passwdValidTo": "2001-01-01T00:00:00"}])
        assert asked(door, NEW) == "refused"
        guest.change("update-device", graphics=[vnc])
        assert asked(door, NEW) == "welcome"

        # Whatever else changes of the machine leaves the password that it has.
        guest.kvmctl.apply(guest.specs(onCrash="destroy"))
        assert [graphics(guest.conn, "web", running=each)["passwd"] for each in (True, False)] == [NEW, NEW]
        assert asked(door, NEW) == "welcome"
    assert guest.conn.lookupByName("web").ID() == number


def machine(password: str, more: str = "") -> dict[str, str]:
    """Return the manifest of a machine with VNC."""
    return {"vm/a": f"type: qemu, memory: 32MiB, graphics: [{{type: vnc{password}}}]{more}"}


GIVEN = ", password: {env: KVMCTL_TEST_PASSWORD}"


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KVMCTL_TEST_PASSWORD", OLD)


def done(kvmctl: Any, specs: dict[str, str]) -> list[tuple[str, str, str]]:
    """Return what an apply does, and the first reason for it."""
    told = kvmctl.json("apply", "--yes", specs=specs)
    return [(each["operation"], each["disruption"], each["because"][0]["path"]) for each in told["actions"]]


def test_a_new_machine_has_its_password_and_one_that_is_off_gets_another(
    kvmctl: Any, conn: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    kvmctl.apply(machine(GIVEN))
    assert graphics(conn)["passwd"] == OLD
    assert "No changes" in kvmctl.run("apply", "--yes", specs=machine(GIVEN)).stdout
    monkeypatch.setenv("KVMCTL_TEST_PASSWORD", NEW)
    assert done(kvmctl, machine(GIVEN)) == [("redefine", "none", "spec.graphics[vnc].password")]
    assert graphics(conn)["passwd"] == NEW
    kvmctl.apply(machine("", ", title: not managed"))
    assert graphics(conn)["passwd"] == NEW
    assert done(kvmctl, machine(", password: null")) == [("redefine", "none", "spec.graphics[vnc].password")]
    assert "passwd" not in graphics(conn)
    assert "No changes" in kvmctl.run("apply", "--yes", specs=machine(", password: null")).stdout
    spice = {"vm/a": f"type: qemu, memory: 32MiB, graphics: [{{type: vnc}}, {{type: spice{GIVEN}}}]"}
    kvmctl.apply(spice)
    assert f"passwd='{NEW}'" in conn.lookupByName("a").XMLDesc(3)


def test_the_first_password_of_a_running_guest_waits_for_its_next_start(kvmctl: Any, conn: Any) -> None:
    running = ", powerState: Running, shutdown: {timeout: 1s, force: true}"
    kvmctl.apply(machine("", running))
    assert done(kvmctl, machine(GIVEN, running)) == [("redefine", "next-boot", "spec.graphics[vnc].password")]
    assert [graphics(conn, running=each).get("passwd") for each in (True, False)] == [None, OLD]
    restart = kvmctl.json("apply", "--yes", "--max-disruption", "restart", specs=machine(GIVEN, running))
    assert [each["operation"] for each in restart["actions"]] == ["restart"]
    assert [graphics(conn, running=each).get("passwd") for each in (True, False)] == [OLD, OLD]
    # None again can't be had of a running QEMU either.
    assert done(kvmctl, machine(", password: null", running)) == [
        ("redefine", "next-boot", "spec.graphics[vnc].password")
    ]
    assert [graphics(conn, running=each).get("passwd") for each in (True, False)] == [OLD, None]


def test_the_password_is_nowhere_to_be_seen(
    kvmctl: Any, conn: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = tmp_path / "plan.json"
    specs = machine(f'{GIVEN}, passwdValidTo: "2100-01-01T00:00:00"', ", powerState: Running")
    told = [
        kvmctl.run("plan", "--out", str(plan), specs=specs),
        kvmctl.run("plan", "-o", "commands", specs=specs),
        kvmctl.run("apply", "--yes", "-o", "json", specs=specs),
    ]
    monkeypatch.setenv("KVMCTL_TEST_PASSWORD", NEW)
    told += [
        kvmctl.run("apply", "--yes", "-o", "json", specs=specs),
        kvmctl.run("get", "vm", "-o", "yaml"),
        kvmctl.run("import", "vm/a"),
    ]
    assert graphics(conn, running=True)["passwd"] == NEW
    assert "write password: {env: NAME}" in told[-1].stdout
    for text in [*(each.stdout + each.stderr for each in told), plan.read_text()]:
        assert OLD not in text
        assert NEW not in text
    assert json.loads(told[3].stdout)["actions"][0]["because"] == [
        {"path": "spec.graphics[vnc].password", "before": "(not shown)", "after": {"env": "KVMCTL_TEST_PASSWORD"}}
    ]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("123456789", "vm/a: a secret that it is given is longer than 8 bytes, the most that VNC knows"),
        ("a\nb", "vm/a: a secret that it is given is no text of one line"),
        ("", "vm/a: a secret that it is given is empty"),
    ],
)
def test_nothing_is_made_with_a_password_that_cannot_be(
    kvmctl: Any, conn: Any, monkeypatch: pytest.MonkeyPatch, value: str, said: str
) -> None:
    monkeypatch.setenv("KVMCTL_TEST_PASSWORD", value)
    told = kvmctl.run("apply", "--yes", specs=machine(GIVEN), code=1)
    assert said in told.stdout + told.stderr
    assert not value or value not in told.stdout + told.stderr
    assert conn.listAllDomains() == []
