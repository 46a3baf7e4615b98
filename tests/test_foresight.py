"""A plan's questions asked by a second process: the same answers, whatever happens to that process."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Any

import pytest

from kvmctl import foresight
from kvmctl.cli import session
from kvmctl.errors import HypervisorError
from kvmctl.foresight import Foresight
from kvmctl.hypervisor import Hypervisor
from kvmctl.inventory import Address

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Program
    from kvmctl.sandbox import Sandbox

HOST = {
    "network/lab": "active: true, forward: {mode: nat}, ips: [{address: 192.168.100.1, prefix: 24}]",
    "vm/a": "type: qemu, memory: 32MiB, powerState: Paused, interfaces: [{name: lan, network: lab}]",
    "vm/b": "type: qemu, memory: 32MiB",
    "vm/c": "type: qemu, memory: 32MiB",
}
NAMES = frozenset({"lab", "a", "b"})


@pytest.fixture
def host(kvmctl: Program) -> Program:
    kvmctl.apply(HOST)
    return kvmctl


@pytest.mark.usefixtures("host")
def test_it_tells_what_a_connection_tells(sandbox: Sandbox) -> None:
    with Foresight(sandbox.uri, NAMES) as seen, Hypervisor.open(sandbox.uri, readonly=True) as real:
        plain = [[entry._replace(handle=None) for entry in found] for found in (real.domains(), real.networks())]
        told = [[tuple(vars(entry).values()) for entry in found] for found in (seen.domains(), seen.networks())]
        assert [[entry[1:] for entry in found] for found in told] == [[tuple(e)[:-1] for e in found] for found in plain]
        assert seen.libvirt_version() == real.libvirt_version()
        assert seen.hypervisor_version() == real.hypervisor_version()
        assert seen._real is None
        jobs: list[Any] = [seen.domain_xml_job(entry) for entry in seen.domains()]
        jobs += [seen.domain_xml_job(seen.domains()[0], running=True), seen.network_xml_job(seen.networks()[0])]
        answers = dict(seen.ask_all(jobs))
        expected = [real.domain_xml(entry) for entry in real.domains()]
        expected += [real.domain_xml("a", running=True), real.network_xml("lab")]
        assert [answers[position] for position in range(len(jobs))] == expected
        assert seen._real is not None, "c was not foreseen and has to be asked for"


def test_a_plan_is_the_same_with_and_without_it(
    host: Program, monkeypatch: pytest.MonkeyPatch, sandbox: Sandbox
) -> None:
    changed = {**HOST, "vm/b": "type: qemu, memory: 64MiB", "vm/new": "type: qemu, memory: 32MiB"}
    path = host.write(changed)
    plain = session.read_only_plan(sandbox.uri, [path], (), ())
    monkeypatch.setattr(foresight, "WORTHWHILE", 0)
    begun = []
    real = Foresight.__init__

    def counted(self: Foresight, uri: str | None, names: frozenset[str]) -> None:
        begun.append(names)
        real(self, uri, names)

    monkeypatch.setattr(Foresight, "__init__", counted)
    told = session.read_only_plan(sandbox.uri, [path], (), ())
    assert begun == [frozenset({"lab", "a", "b", "c", "new"})]
    assert told.actions == plain.actions
    assert {action.address for action in told.actions} == {Address("vm", "b"), Address("vm", "new")}
    assert (told.unchanged, told.pending, told.refused) == (plain.unchanged, plain.pending, plain.refused)


@pytest.mark.usefixtures("host")
def test_a_process_that_dies_costs_nothing_but_time(sandbox: Sandbox) -> None:
    with Foresight(sandbox.uri, NAMES) as seen:
        os.kill(seen._child, signal.SIGKILL)
        assert [entry.name for entry in seen.domains()] == ["a", "b", "c"]
        (answer,) = dict(seen.ask_all([seen.domain_xml_job(seen.domains()[1])])).values()
        assert "<name>b</name>" in answer


@pytest.mark.usefixtures("host")
@pytest.mark.parametrize("libvirt_fails", [True, False])
def test_what_a_process_did_not_come_to_is_asked_anew(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, *, libvirt_fails: bool
) -> None:
    real = foresight._answers

    def ends(hypervisor: Hypervisor, wanted: Any) -> Iterator[Any]:
        if wanted[0][1].name == "b":
            if libvirt_fails:
                raise HypervisorError("the connection was lost", "", 0)
            os._exit(1)
        yield from real(hypervisor, wanted)

    monkeypatch.setattr(foresight, "_answers", ends)
    monkeypatch.setattr(foresight, "_SOME", 1)
    with Foresight(sandbox.uri, NAMES) as seen:
        jobs = [seen.domain_xml_job("b"), seen.domain_xml_job("a")]
        answers = dict(seen.ask_all(jobs))
        assert "<name>b</name>" in answers[0]
        assert "<name>a</name>" in answers[1]
        assert [job.name for job in seen._answers] == ["a", "a"]
        assert seen._real is not None
        assert seen._real.calls == len(("look up b by its name", "its XML"))


def test_a_host_that_cannot_be_reached_is_the_same_error() -> None:
    uri = "qemu:///system?socket=/nowhere/libvirt-sock"
    with pytest.raises(HypervisorError) as expected:
        Hypervisor.open(uri, readonly=True)
    with Foresight(uri, NAMES) as seen, pytest.raises(HypervisorError) as caught:
        seen.domains()
    assert str(caught.value) == str(expected.value)
    assert caught.value.code == expected.value.code


def test_a_plan_that_fails_leaves_no_process(sandbox: Sandbox) -> None:
    with pytest.raises(ValueError, match="stop here"), Foresight(sandbox.uri, NAMES) as seen:
        raise ValueError("stop here")
    with pytest.raises(ChildProcessError):
        os.waitpid(seen._child, 0)


def test_few_manifests_are_not_worth_a_process() -> None:
    assert Foresight.of("test:///default", ["metadata: {name: a}"]) is None


def test_a_mistake_in_the_process_ends_it(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    def mistaken(_uri: str | None, _names: frozenset[str]) -> dict[str, Any]:
        raise RuntimeError("a mistake")

    monkeypatch.setattr(foresight, "_look", mistaken)
    with Foresight(sandbox.uri, NAMES) as seen:
        assert list(seen.domains()) == []
        assert seen._real is not None
