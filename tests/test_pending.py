"""What waits for a start, told by comparing what runs with what is defined: every field, and nothing else."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest

from kvmctl import xmlio
from kvmctl.fields import UNSET, Shape, Source, changed, rows, stating
from kvmctl.models.vm import VirtualMachine
from kvmctl.plan.waiting import differences

if TYPE_CHECKING:
    from collections.abc import Iterator

CASES = Path(__file__).resolve().parent / "cases" / "vm"
UNTOLD = {
    "clock.adjustment",  # the guest moves it
    "cpu.check", "cpu.features.policy", "cpu.fallback", "cpu.match", "cpu.migratable", "cpu.vendor", "cpu.vendorId",
    "disks.backingChain",  # block jobs change it
    "disks.tray",
    "memoryDevices.address",  # what runs has the module's place in the guest's memory beside its slot
    "vcpus.individual",
}  # fmt: skip
"""Fields that can't be told to wait, because what runs always says something of its own."""


@cache
def machines() -> tuple[VirtualMachine, ...]:
    """Return the machines that the stories come to, which have every field among them."""
    return tuple(
        xmlio.read(VirtualMachine, ET.parse(path).getroot())
        for path in sorted(CASES.glob("*/after*.xml"))
        if ET.parse(path).getroot().tag == "domain"
    )


def lacking(spec: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Yield for each field that a spec states its name and the spec without it."""
    for name, row in rows(type(spec)).items():
        value = getattr(spec, row.name)
        if (
            row.source is not Source.XML
            or value in (UNSET, None, (), row.absent, row.unsaid)
            or row.shape is Shape.DOCUMENT
        ):
            continue
        here = (*path, name)
        if row.shape is Shape.MODEL:
            yield from ((field, changed(spec, **{row.name: less})) for field, less in lacking(value, here))
        elif row.shape is Shape.MODELS:
            for at, item in enumerate(value):
                yield from (
                    (field, changed(spec, **{row.name: (*value[:at], less, *value[at + 1 :])}))
                    for field, less in lacking(item, here)
                )
        elif not row.fallback:
            yield ".".join(here), changed(spec, **{row.name: row.absent})


def part(machine: VirtualMachine, name: str) -> VirtualMachine:
    """Return a machine that says one of its fields only: comparing all of each would take minutes."""
    row = rows(VirtualMachine)[name]
    return stating(VirtualMachine, **{row.name: getattr(machine, row.name)})


def test_every_field_that_the_definition_got_later_waits() -> None:
    told: set[str] = set()
    untold: set[str] = set()
    for machine in machines():
        for field, running in lacking(machine):
            if field not in told:
                first = field.partition(".")[0]
                (told if differences(part(running, first), part(machine, first)) else untold).add(field)
    assert len(told) > 900
    assert sorted(field for field in untold - told if not field.startswith(tuple(UNTOLD))) == []
    assert {name for name in UNTOLD if not any(field.startswith(name) for field in untold - told)} == set()


def machine(cpu: str, more: str = "") -> dict[str, str]:
    power = "powerState: Running, shutdown: {timeout: 1s, force: true}"
    return {"vm/web": f"type: qemu, memory: 64MiB, os: {{machine: q35}}, {power}, cpu: {{{cpu}}}, {more}"}


@pytest.mark.parametrize(
    ("before", "after", "paths"),
    [
        ("mode: custom, model: Nehalem", "mode: custom, model: Westmere", ["spec.cpu.model"]),
        ("mode: custom, model: Nehalem", "mode: maximum, model: null", ["spec.cpu.mode"]),
        ("mode: maximum", "mode: custom, model: Nehalem", ["spec.cpu.mode"]),
        (
            "mode: custom, model: Nehalem",
            "mode: custom, model: Nehalem, features: [{name: aes, policy: require}, {name: sse4.2, policy: disable}]",
            ["spec.cpu.features[aes]", "spec.cpu.features[sse4.2]"],
        ),
    ],
    ids=["model", "to-maximum", "from-maximum", "features"],
)
def test_a_cpu_waits_that_libvirt_writes_otherwise_while_it_runs(
    kvmctl: Any, before: str, after: str, paths: list[str]
) -> None:
    kvmctl.apply(machine(before))
    assert kvmctl.json("plan", specs=machine(before))["pending"] == []
    told = kvmctl.json("apply", "--yes", specs=machine(after))
    assert [(each["operation"], each["disruption"]) for each in told["actions"]] == [("redefine", "next-boot")]
    pending = kvmctl.json("plan", specs=machine(after))["pending"]
    assert [change["path"] for change in pending[0]["because"]] == paths
    assert [change["path"] for change in kvmctl.json("get", "vm/web")["items"][0]["status"]["pending"]] == paths
    kvmctl.apply(machine(after), "--max-disruption", "restart")
    assert kvmctl.json("plan", specs=machine(after))["pending"] == []


def test_what_a_start_fills_in_waits_for_nothing(kvmctl: Any) -> None:
    """Ports, paths, sockets, firmware, labels, a resource group: libvirt picks them, and they are nobody's change."""
    specs = machine(
        "mode: host-model",
        "os: {machine: q35, firmware: uefi, secureBoot: false}, vcpus: {max: 4, current: 2}, "
        "graphics: [{type: vnc, autoport: true, websocket: -1}], serials: [{type: pty}], "
        "channels: [{name: org.qemu.guest_agent.0}], interfaces: [{type: user, model: virtio}], "
        "disks: [{target: sda, device: cdrom, bus: sata}], "
        "rngs: [{model: virtio, backend: {model: random, device: /dev/urandom}}]",
    )
    kvmctl.apply({"vm/web": specs["vm/web"].replace("os: {machine: q35}, ", "", 1)})
    assert kvmctl.json("plan", specs={"vm/web": "memory: 64MiB"})["pending"] == []
    assert "pending" not in kvmctl.json("get", "vm/web")["items"][0]["status"]


def test_a_port_and_a_firmware_that_are_stated_wait(kvmctl: Any) -> None:
    def stated(more: str) -> dict[str, str]:
        return machine("mode: maximum", more)

    kvmctl.apply(stated("graphics: [{type: vnc, autoport: false, port: 5971}], features: {pae: true}"))
    after = {
        "vm/web": stated("graphics: [{type: vnc, autoport: false, port: 5972}], features: {pae: null}")["vm/web"]
        .replace("machine: q35", "machine: q35, firmware: uefi, secureBoot: false")
    }  # fmt: skip
    kvmctl.run("apply", "--yes", specs=after)
    pending = kvmctl.json("plan", specs=after)["pending"]
    paths = {change["path"] for change in pending[0]["because"]}
    assert paths == {"spec.graphics[vnc].port", "spec.features.pae", "spec.os.firmware", "spec.os.secureBoot"}
    kvmctl.apply(after, "--max-disruption", "restart")
    assert kvmctl.json("plan", specs=after)["pending"] == []
