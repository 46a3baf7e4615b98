"""Changes that reach the running guest and not its definition: told as they are, and finished by the next apply."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

DEFINITIONS = "/etc/libvirt/qemu"
NIC = "interfaces: [{name: lan, type: user, model: virtio, link: up}]"


def machine(vcpus: int, memory: str, nic: str) -> dict[str, str]:
    held = f"vcpus: {{current: {vcpus}, max: 4}}, memory: {{current: {memory}, max: 128MiB}}, {nic}"
    return {"vm/web": f"type: qemu, powerState: Running, shutdown: {{timeout: 1s, force: true}}, {held}"}


def done(sandbox: Any, *argv: str) -> None:
    result = sandbox.run(list(argv))
    assert result.returncode == 0, result.stderr


@contextmanager
def read_only(sandbox: Any) -> Iterator[None]:
    """Let libvirtd write no definition."""
    done(sandbox, "mount", "--bind", DEFINITIONS, DEFINITIONS)
    try:
        done(sandbox, "mount", "-o", "remount,bind,ro", DEFINITIONS)
        yield
    finally:
        done(sandbox, "umount", DEFINITIONS)


class Half(NamedTuple):
    """A change that a running guest takes; `place` of it is what the guest and then the definition say halfway."""

    operation: str
    after: tuple[int, str, str]
    place: str
    values: tuple[str, str]


HALVES = (
    Half("set-vcpus", (2, "128MiB", NIC), "vcpu/@current", ("2", "1")),
    Half("update-device", (1, "128MiB", NIC.replace("up", "down")), "devices/interface/link/@state", ("down", "up")),
)


@pytest.mark.parametrize("half", HALVES, ids=lambda half: half.operation)
def test_a_definition_that_can_not_be_written_is_told_and_made_good(
    kvmctl: Any, conn: Any, sandbox: Any, half: Half
) -> None:
    import libvirt

    kvmctl.apply(machine(1, "128MiB", NIC))
    with read_only(sandbox):
        told = kvmctl.json("apply", "--yes", specs=machine(*half.after), code=1)
    (action,) = told["actions"]
    assert (action["operation"], action["status"]) == (half.operation, "failed")
    assert "vm/web was changed as it runs, but its definition was not: can't " in action["error"]
    path, _, attribute = half.place.rpartition("/@")
    for flags, value in zip((0, libvirt.VIR_DOMAIN_XML_INACTIVE), half.values, strict=True):
        element = ET.fromstring(conn.lookupByName("web").XMLDesc(flags)).find(path)
        assert element is not None
        assert element.get(attribute) == value
    kvmctl.apply(machine(*half.after))
