"""The order of actions, what a removal takes along and what it refuses; the plans of single resources are in cases/."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmctl import xmlio
from kvmctl.actions import Action, Disruption, Operation
from kvmctl.document import decode
from kvmctl.inventory import Address, Inventory, Live, Resource
from kvmctl.models import BY_SHORT
from kvmctl.models.vm import VirtualMachine
from kvmctl.observe import HostFacts, Observation
from kvmctl.plan import Asked, Plan, build, build_removal
from kvmctl.plan.order import ordered

if TYPE_CHECKING:
    import random

HOST = HostFacts("qemu:///system", "9.0.0", "QEMU 7.2.0", "x86_64", {"x86_64": ("qemu",)})


def address(text: str) -> Address:
    return Address(*text.split("/", 1))


def wanted(specs: dict[str, dict[str, Any]]) -> dict[Address, Resource]:
    return {
        address(text): Resource(address(text), decode(BY_SHORT[address(text).kind].model, spec))
        for text, spec in specs.items()
    }


LAB: dict[str, dict[str, Any]] = {
    "vm/web": {"memory": 1024, "disks": [{"target": "vda", "disk": "top"}], "interfaces": [{"network": "lab"}]},
    "vm/db": {"memory": 1024, "disks": [{"target": "vda", "disk": "data"}]},
    "disk/top": {"pool": "p", "backing": "middle", "format": "qcow2"},
    "disk/copy": {"pool": "p", "source": {"disk": "data"}},
    "disk/middle": {"pool": "p", "backing": "base", "format": "qcow2"},
    "disk/data": {"pool": "p", "size": 512},
    "disk/base": {"pool": "p", "size": 512},
    "pool/p": {"type": "dir", "path": "/v"},
    "network/lab": {},
}
NEEDS = {
    "vm/web": {"disk/top", "network/lab"}, "vm/db": {"disk/data"}, "disk/top": {"disk/middle", "pool/p"},
    "disk/middle": {"disk/base", "pool/p"}, "disk/base": {"pool/p"}, "disk/data": {"pool/p"},
    "disk/copy": {"disk/data", "pool/p"}, "pool/p": set(), "network/lab": set(),
}  # fmt: skip


def does(text: str, operation: Operation = Operation.CREATE) -> Action:
    return Action(address(text), operation, Disruption.NONE)


def needs_by_name(actions: tuple[Action, ...], needs: Any) -> dict[str, set[str]]:
    return {str(action.address): {str(actions[at].address) for at in needs[i]} for i, action in enumerate(actions)}


def test_what_is_needed_comes_first() -> None:
    actions, needs = ordered([does(text) for text in LAB], wanted(LAB), {})
    assert [str(action.address) for action in actions] == [
        "pool/p", "network/lab", "disk/data", "disk/base", "vm/db", "disk/copy", "disk/middle", "disk/top", "vm/web",
    ]  # fmt: skip
    assert needs_by_name(actions, needs) == NEEDS


@given(st.randoms(use_true_random=False))
def test_every_order_of_writing_gives_an_order_that_can_be_done(shuffle: random.Random) -> None:
    names = list(LAB)
    shuffle.shuffle(names)
    actions, needs = ordered([does(text) for text in names], wanted(LAB), {})
    assert sorted(str(action.address) for action in actions) == sorted(LAB)
    assert all(need < index for index, each in needs.items() for need in each)
    assert needs_by_name(actions, needs) == NEEDS


def test_independent_actions_stay_as_they_came() -> None:
    names = ["network/b", "pool/z", "network/a", "pool/c"]
    want = wanted({name: {"type": "dir"} if name.startswith("pool") else {} for name in names})
    actions, needs = ordered([does(text) for text in names], want, {})
    assert [str(action.address) for action in actions] == names
    assert set(needs.values()) == {frozenset()}


def test_actions_on_one_resource_stay_in_their_order() -> None:
    steps = [does("vm/web", each) for each in (Operation.REDEFINE, Operation.START, Operation.AUTOSTART)]
    actions, needs = ordered([*steps, does("network/lab")], wanted(LAB), {})
    assert [action.operation.value for action in actions if action.address.kind == "vm"] == [
        "redefine", "start", "set-autostart",
    ]  # fmt: skip
    assert actions[0].address == address("network/lab")
    assert dict(needs) == {
        0: frozenset(), 1: frozenset({0}), 2: frozenset({0, 1}), 3: frozenset({0, 2}),
    }  # fmt: skip


# What exists: as observe tells it, all of it.


def disk(name: str, backing: str = "") -> Resource:
    facts = {"path": f"/v/{name}", "pool": "p", "volume": name, "type": "file", "format": "qcow2"}
    below = {"backing": {"path": f"/v/{backing}", "format": "qcow2"}} if backing else {}
    spec = decode(BY_SHORT["disk"].model, {"pool": "p", "size": 512, **below})
    return Resource(Address("disk", name), spec, live=Live("<volume/>", active=True, facts=facts))


def machine(name: str, *disks: str, network: str = "", active: bool = False, more: str = "") -> Resource:
    devices = "".join(f"<disk><source file='/v/{each}'/><target dev='vd{each[0]}'/>{more}</disk>" for each in disks)
    devices += f"<interface type='network'><source network='{network}'/></interface>" if network else ""
    xml = f"<domain><name>{name}</name><devices>{devices}</devices></domain>"
    spec = xmlio.read(VirtualMachine, xmlio.parse(xml))
    return Resource(Address("vm", name), spec, live=Live(xml, xml if active else "", active))


def plain(text: str, *, active: bool = True) -> Resource:
    at = address(text)
    spec = decode(BY_SHORT[at.kind].model, {"type": "dir"} if at.kind == "pool" else {})
    return Resource(at, spec, live=Live("<x/>", active=active))


HAVE = [
    machine("web", "top", network="lab"), machine("db", "data", active=True), disk("top", "base"), disk("base"),
    disk("data"), plain("pool/p"), plain("network/lab"),
]  # fmt: skip


def removal(*names: str, have: list[Resource] = HAVE, data_loss: bool = False, explicit: bool = True) -> Plan:
    inventory: Inventory = {resource.address: resource for resource in have}
    seen = Observation(inventory, frozenset(), HOST)
    wishes = [address(name) for name in names]
    asked = Asked.BY_NAME if explicit else Asked.BY_MANIFEST
    return build_removal(wishes, seen, {}, allow_data_loss=data_loss, asked=asked)


def names(plan: Plan) -> list[str]:
    return [str(action.address) for action in plan.actions]


ALL = [str(resource.address) for resource in HAVE]


def test_removal_goes_the_other_way_round() -> None:
    plan = removal(*reversed(ALL), data_loss=True)
    assert names(plan) == ["vm/db", "vm/web", "network/lab", "disk/data", "disk/top", "disk/base", "pool/p"]
    assert plan.refused == ()
    done: set[str] = set()
    for index, action in enumerate(plan.actions):
        assert {str(plan.actions[need].address) for need in plan.needs[index]} <= done
        done.add(str(action.address))
    assert needs_by_name(plan.actions, plan.needs)["disk/base"] == {"disk/top"}


def test_a_named_disk_is_refused_without_the_flag_and_its_path_is_told() -> None:
    plan = removal("vm/web", "disk/top")
    assert [(str(each.address), each.disruption, each.reason, each.hint) for each in plan.refused] == [
        (
            "disk/top",
            Disruption.DATA_LOSS,
            "deleting disk/top deletes /v/top and all that is in it",
            "say --allow-data-loss if that is meant",
        )
    ]
    assert names(plan) == ["vm/web"]


def test_by_file_disks_and_their_pools_stay_and_are_told() -> None:
    plan = removal(*ALL, explicit=False)
    assert plan.refused == ()
    assert names(plan) == ["vm/web", "vm/db", "network/lab"]
    assert sorted(str(each.address) for each in plan.kept) == ["disk/base", "disk/data", "disk/top", "pool/p"]


def test_with_the_flag_a_machine_takes_its_own_disks_along() -> None:
    plan = removal("vm/db", data_loss=True)
    assert names(plan) == ["vm/db", "disk/data"]
    assert [action.disruption for action in plan.actions] == [Disruption.DESTROY, Disruption.DATA_LOSS]
    assert plan.actions[1].note == "deletes /v/data"


@pytest.mark.parametrize(
    "other",
    [
        machine("other", "data"),
        machine("other", "data", more="<readonly/>"),
        disk("other", "data"),
    ],
    ids=["written", "read", "backing"],
)
def test_a_disk_that_somebody_else_stands_on_stays(other: Resource) -> None:
    assert names(removal("vm/db", have=[*HAVE, other], data_loss=True)) == ["vm/db"]
    plan = removal("disk/data", "vm/db", have=[*HAVE, other], data_loss=True)
    assert [each.reason for each in plan.refused] == [f"disk/data is in use by {other.address}"]


def test_a_disk_that_was_plugged_into_a_running_machine_is_in_use() -> None:
    idle = machine("other")
    plugged = machine("other", "data", active=True)
    assert idle.live is not None
    assert plugged.live is not None
    running = Resource(idle.address, idle.spec, live=Live(idle.live.xml, plugged.live.xml, active=True))
    plan = removal("disk/data", "vm/db", have=[*HAVE, running], data_loss=True)
    assert [each.reason for each in plan.refused] == ["disk/data is in use by vm/other"]


def test_a_disk_that_is_only_read_is_not_taken_along() -> None:
    reader = machine("reader", "data", more="<readonly/>")
    have = [reader, disk("data"), plain("pool/p")]
    assert names(removal("vm/reader", have=have, data_loss=True)) == ["vm/reader"]


def test_a_network_in_use_is_refused() -> None:
    plan = removal("network/lab")
    assert [(each.reason, each.hint) for each in plan.refused] == [
        ("network/lab is in use by vm/web", "delete or change vm/web first")
    ]
    assert removal("network/lab", "vm/web").refused == ()


def test_a_pool_goes_without_its_files() -> None:
    plan = removal("pool/p")
    assert (names(plan), plan.refused, plan.actions[0].note) == (["pool/p"], (), "its files stay where they are")


def test_what_does_not_exist_needs_no_removal() -> None:
    assert removal("vm/ghost", "disk/ghost", data_loss=True).is_empty


def test_a_running_machine_is_stopped_first() -> None:
    (action,) = removal("vm/db").actions
    assert action.equivalent[0] == "virsh shutdown db"
    assert action.equivalent[-1].startswith("virsh undefine db ")
    assert {"mode", "timeout", "force"} <= action.details.keys()
    assert removal("vm/web").actions[0].details == {"keep_firmware_state": True}


def test_nothing_wanted_is_an_empty_plan() -> None:
    plan = build({}, Observation({}, frozenset(), HOST))
    assert plan.is_empty
    assert (plan.actions, plan.unchanged, plan.pending) == ((), 0, ())


def test_counts_and_limits() -> None:
    plan = build(wanted({"vm/a": {"memory": "64MiB"}, "network/n": {}}), Observation({}, frozenset(), HOST))
    assert (plan.count("create"), plan.count("update"), plan.count("delete")) == (2, 0, 0)
    assert plan.above(Disruption.NONE) == ()
    loss = removal("disk/data", "vm/db", data_loss=True)
    assert [str(action.address) for action in loss.above(Disruption.DESTROY)] == ["disk/data"]
    assert not loss.is_empty


@pytest.mark.parametrize("disruption", list(Disruption))
def test_classes_have_the_words_of_the_command_line(disruption: Disruption) -> None:
    assert Disruption.parse(disruption.word) is disruption


def test_the_words_are_in_the_order_of_the_contract() -> None:
    assert [each.word for each in sorted(Disruption)] == [
        "none", "live", "next-boot", "interrupt", "restart", "destroy", "data-loss",
    ]  # fmt: skip
