"""What waits for a start: told, brought into effect by a restart where that is allowed, undone where it fails."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING, Any

import pytest

from kvmctl.actions import Disruption
from kvmctl.fields import rows
from kvmctl.models.vm import UpdatePolicy

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FOLDER = "/var/lib/libvirt/images"
ROOT = {
    "pool/p": f"type: dir, path: {FOLDER}/p",
    "disk/root": "pool: p, format: qcow2, source: {path: tiny.qcow2, format: qcow2}",
}
RESTART = ("--max-disruption", "restart")


def booting(more: str, *, channel: bool = True) -> dict[str, str]:
    agent = ", channels: [{name: org.qemu.guest_agent.0}]" if channel else ""
    machine = (
        "type: qemu, powerState: Running, memory: 192MiB, os: {machine: q35, boot: [hd]}, "
        f"disks: [{{target: vda, disk: root, bus: virtio}}]{agent}, {more}"
    )
    return {**ROOT, "vm/web": machine}


def blank(more: str) -> dict[str, str]:
    """Return a machine without an operating system, which stops only when its power is cut."""
    return {"vm/web": f"type: qemu, memory: 64MiB, shutdown: {{timeout: 1s, force: true}}, {more}"}


def operations(plan: Any) -> list[tuple[str, str]]:
    return [(each["operation"], each["disruption"]) for each in plan["actions"]]


def paths(changes: Any) -> list[str]:
    return [change["path"] for change in changes]


def running(conn: Any) -> ET.Element:
    return ET.fromstring(conn.lookupByName("web").XMLDesc(0))


def test_the_words_of_the_policy_are_the_classes() -> None:
    codec: Any = rows(UpdatePolicy)["maxDisruption"].codec
    assert list(codec.values) == [each.word for each in Disruption]


@pytest.mark.guest
def test_a_guest_is_restarted_once_and_is_back(
    kvmctl: Any, conn: Any, guest_of: Callable[[str], Any], tiny_guest: Any, tmp_path: Path
) -> None:
    """The guest's own counter of its starts tells, and its agent answers when apply returns."""
    (tmp_path / "tiny.qcow2").symlink_to(tiny_guest.disk)
    kvmctl.apply(booting("vcpus: 1"))
    guest = guest_of("web")
    assert (guest.boots(), guest.run("nproc").strip()) == (1, "1")

    more = booting("vcpus: 2, onCrash: restart")
    assert operations(kvmctl.json("plan", specs=more)) == [("redefine", "next-boot")]
    kvmctl.apply(more)
    assert guest.boots() == 1
    waiting = kvmctl.json("plan", specs=more)["pending"]
    assert paths(waiting[0]["because"]) == ["spec.vcpus", "spec.onCrash"]

    plan = kvmctl.json("plan", *RESTART, specs=more)
    assert operations(plan) == [("restart", "restart")]
    assert plan["actions"][0]["because"] == waiting[0]["because"]
    assert (plan["pending"], plan["actions"][0]["equivalent"]) == ([], ["virsh shutdown web", "virsh start web"])
    assert "No changes" in kvmctl.run("plan", specs=more).stdout
    assert "1 action done" in kvmctl.apply(more, *RESTART)
    conn.lookupByName("web").getTime()  # the agent answers already
    assert (guest.boots(), guest.run("nproc").strip()) == (2, "2")
    assert kvmctl.json("plan", *RESTART, "--detailed-exitcode", specs=more)["actions"] == []

    # Defined and restarted by one apply.
    at_once = booting("vcpus: 1, onCrash: restart")
    told = kvmctl.json("apply", "--yes", *RESTART, specs=at_once)
    assert operations(told) == [("redefine", "next-boot"), ("restart", "restart")]
    assert (guest.boots(), guest.run("nproc").strip()) == (3, "1")


def test_a_machine_whose_manifest_does_not_let_it_be_restarted_waits_on(kvmctl: Any, conn: Any) -> None:
    """By its own policy, or because an apply that was cut short couldn't be made good by the next one."""
    kvmctl.apply(blank("powerState: Running"))
    started = conn.lookupByName("web").ID()
    kvmctl.apply(blank("powerState: Running, onCrash: restart"))
    for more, reason in (
        ("powerState: Running, updatePolicy: {maxDisruption: next-boot}", "maxDisruption is next-boot"),
        ("updatePolicy: {maxDisruption: restart}", "doesn't say powerState: Running"),
    ):
        specs = blank(f"onCrash: restart, {more}")
        plan = kvmctl.json("plan", *RESTART, specs=specs)
        assert plan["actions"] == []
        assert paths(plan["pending"][0]["because"]) == ["spec.onCrash"]
        assert reason in plan["pending"][0]["note"]
        assert reason in kvmctl.run("plan", *RESTART, specs=specs).stdout
        assert "No changes" in kvmctl.run("apply", "--yes", *RESTART, specs=specs).stdout
    assert conn.lookupByName("web").ID() == started
    specs = blank("onCrash: restart, powerState: Running, updatePolicy: {maxDisruption: restart}")
    assert operations(kvmctl.json("apply", "--yes", *RESTART, specs=specs)) == [("restart", "restart")]
    assert conn.lookupByName("web").ID() != started


def test_more_than_a_machine_allows_is_refused(kvmctl: Any, conn: Any) -> None:
    """Also where the command line allows it; the plan shows it beforehand, and nothing is changed."""
    kvmctl.apply(blank("powerState: Running"))
    refusing = blank("powerState: Off, onCrash: restart, updatePolicy: {maxDisruption: live}")
    for option in ((), ("--max-disruption", "data-loss")):
        plan = kvmctl.json("plan", *option, specs=refusing)
        assert [each["disruption"] for each in plan["refused"]] == ["restart"]
        assert operations(plan) == [("redefine", "none")]
        said = kvmctl.run("apply", "--yes", *option, specs=refusing, code=3).stderr
        assert "stop is restart, and spec.updatePolicy.maxDisruption allows no more than live" in said
    waiting = blank("onCrash: restart, updatePolicy: {maxDisruption: live}")
    said = kvmctl.run("apply", "--yes", specs=waiting, code=3).stderr
    assert "redefine is next-boot, and spec.updatePolicy.maxDisruption allows no more than live" in said
    assert conn.lookupByName("web").isActive()
    assert running(conn).findtext("on_crash") == "destroy"
    allowing = blank("powerState: Off, updatePolicy: {maxDisruption: restart}")
    assert "disturbs more than next-boot" in kvmctl.run("apply", "--yes", specs=allowing, code=3).stderr
    kvmctl.apply(allowing, *RESTART)
    assert not conn.lookupByName("web").isActive()


def test_a_machine_is_paused_again_after_its_restart(kvmctl: Any, conn: Any) -> None:
    kvmctl.apply(blank("powerState: Paused"))
    before = conn.lookupByName("web").ID()
    kvmctl.apply(blank("powerState: Paused, onCrash: restart"), *RESTART)
    domain = conn.lookupByName("web")
    assert domain.ID() != before
    assert domain.info()[0] == 3  # VIR_DOMAIN_PAUSED
    assert running(conn).findtext("on_crash") == "restart"


def test_a_machine_that_does_not_start_as_wanted_runs_on_as_it_was(kvmctl: Any, conn: Any, sandbox: Any) -> None:
    """A medium that isn't there is found out by the start only."""
    kvmctl.apply(blank("powerState: Running"))
    definition = conn.lookupByName("web").XMLDesc(2)
    before = conn.lookupByName("web").ID()
    lacking = blank("powerState: Running, disks: [{target: sda, bus: sata, device: cdrom, file: /srv/lacking.iso}]")
    told = kvmctl.json("apply", "--yes", *RESTART, specs=lacking, code=4)
    assert [(each["operation"], each["status"]) for each in told["actions"]] == [
        ("redefine", "done"), ("restart", "failed"),
    ]  # fmt: skip
    assert "runs as it was before, with its former definition" in told["actions"][1]["error"]
    assert "/srv/lacking.iso" in told["actions"][1]["error"]
    assert conn.lookupByName("web").ID() != before
    assert conn.lookupByName("web").XMLDesc(2) == definition
    sandbox.outside("/srv").mkdir(exist_ok=True)
    sandbox.outside("/srv/lacking.iso").write_bytes(bytes(1 << 20))
    kvmctl.apply(lacking, *RESTART)
    sandbox.outside("/srv/lacking.iso").unlink()


def test_a_guest_that_does_not_stop_is_not_cut_off(kvmctl: Any, conn: Any) -> None:
    stubborn = "powerState: Running, shutdown: {timeout: 1s}"
    kvmctl.apply({"vm/web": f"type: qemu, memory: 64MiB, {stubborn}"})
    before = conn.lookupByName("web").ID()
    specs = {"vm/web": f"type: qemu, memory: 64MiB, {stubborn}, onCrash: restart"}
    told = kvmctl.json("apply", "--yes", *RESTART, specs=specs, code=4)
    assert "did not stop within 1 s and runs on" in told["actions"][1]["error"]
    assert conn.lookupByName("web").ID() == before
    assert paths(kvmctl.json("plan", specs=specs)["pending"][0]["because"]) == ["spec.onCrash"]


def test_a_saved_plan_says_whether_machines_are_restarted(kvmctl: Any, conn: Any, tmp_path: Path) -> None:
    kvmctl.apply(blank("powerState: Running"))
    specs = blank("powerState: Running, onCrash: restart")
    kvmctl.apply(specs)
    before = conn.lookupByName("web").ID()
    saved = str(tmp_path / "plan.json")
    kvmctl.run("plan", "--out", saved, *RESTART, specs=specs)
    refused = kvmctl.run("apply", saved, "--yes", specs=specs, code=3).stderr
    assert "restart [restart] disturbs more than next-boot" in refused
    assert "1 action done" in kvmctl.run("apply", saved, "--yes", *RESTART, specs=specs).stdout
    assert conn.lookupByName("web").ID() != before
    # A plan without restarts stays one, whatever else may be disturbed.
    more = blank("powerState: Running, onCrash: destroy")
    kvmctl.run("plan", "--out", saved, specs=more)
    told = kvmctl.json("apply", saved, "--yes", *RESTART, specs=more)
    assert operations(told) == [("redefine", "next-boot")]
