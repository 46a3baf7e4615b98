"""What people and programs read of a plan; the same of each story is in cases/."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from kvmctl import xmlio
from kvmctl.actions import Action, Disruption, Operation, Pending, Refusal
from kvmctl.apply.result import Result, Status
from kvmctl.diff import Change
from kvmctl.document import decode
from kvmctl.errors import Problem
from kvmctl.fields import rows
from kvmctl.inventory import Address, Live, Resource
from kvmctl.models import BY_SHORT
from kvmctl.models.vm import VirtualMachine
from kvmctl.observe import HostFacts, Observation
from kvmctl.plan import Plan, build
from kvmctl.render import (
    commands,
    drift_text,
    github,
    html,
    junit,
    line,
    markdown,
    plan_json,
    plan_text,
    prometheus,
    report,
    results_json,
    results_text,
    sarif,
)
from kvmctl.render.value import shown

if TYPE_CHECKING:
    from pathlib import Path

HOST = HostFacts("qemu:///system", "9.0.0", "QEMU 7.2.0", "x86_64", {"x86_64": ("qemu",)})
WEB = Address("vm", "web")
XML = (
    "<domain type='qemu'><name>web</name><memory unit='KiB'>65536</memory><vcpu>1</vcpu><title>old</title>"
    "<devices><graphics type='vnc' passwd='s3cret'/></devices></domain>"
)


def planned(*, name: str = "web", **spec: Any) -> Plan:
    """Return the plan that changes an existing machine that is off."""
    address = Address("vm", name)
    wanted = decode(VirtualMachine, {"memory": "64MiB", **spec})
    have = Resource(address, xmlio.read(VirtualMachine, xmlio.parse(XML)), live=Live(XML))
    return build({address: Resource(address, wanted)}, Observation({address: have}, frozenset(), HOST))


def texts(plan: Plan) -> list[str]:
    return [
        line.plain(plan_text.lines(plan)), line.plain(drift_text.lines(plan)), runbook(plan),
        plan_json.text(plan_json.document(plan)),
    ]  # fmt: skip


def runbook(plan: Plan) -> str:
    return "".join(f"{each}\n" for each in commands.lines(plan))


def change(path: tuple[str, ...] = ("title",), before: Any = "a", after: Any = "b") -> Change:
    return Change(path, before, after, rows(VirtualMachine)[path[0]])


REFUSED = Refusal(WEB, (change(("uuid",)),), Disruption.NONE, "kvmctl does not change spec.uuid", "leave it out")
PENDING = Pending(WEB, (change(),))
DONE = Action(WEB, Operation.REDEFINE, Disruption.NEXT_BOOT, (change(),), ("virsh define web.xml",), "a note")
PLANS = {
    "empty": Plan((), {}),
    "unchanged": planned(),
    "action": Plan((DONE,), {0: frozenset()}),
    "refused": Plan((), {}, (REFUSED,)),
    "pending": Plan((), {}, (), (PENDING,), 1),
    "all": Plan((DONE,), {0: frozenset()}, (REFUSED,), (PENDING,)),
}
every_plan = pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)


@every_plan
def test_no_changes_is_said_exactly_where_there_is_no_action(plan: Plan) -> None:
    text, _, shell, _ = texts(plan)
    assert ("No changes" in text) is (not plan.actions)
    assert ("No changes" in shell) is (not plan.actions)


@every_plan
def test_json_keeps_the_contract(plan: Plan) -> None:
    text = plan_json.text(plan_json.document(plan, [Problem("message", "hint", "file", 1, 2, "field")]))
    document = json.loads(text)
    assert document["formatVersion"] == "1.0"
    assert document["summary"].keys() >= {"create", "update", "delete", "unchanged", "pending"}
    assert document.keys() == {"formatVersion", "summary", "actions", "refused", "pending", "problems"}
    for action in document["actions"]:
        assert action.keys() >= {"address", "action", "disruption", "because", "equivalent"}
        assert action["action"] in {"create", "update", "delete"}
        assert all(each.keys() == {"path", "before", "after"} for each in action["because"])
    assert document["problems"] == [
        {"column": 2, "field": "field", "file": "file", "hint": "hint", "line": 1, "message": "message"}
    ]
    assert text == json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


@every_plan
def test_the_same_plan_gives_the_same_bytes(plan: Plan) -> None:
    assert texts(plan) == texts(plan)


@every_plan
def test_the_runbook_is_a_shell_script(plan: Plan) -> None:
    subprocess.run(["sh", "-n"], input=runbook(plan), text=True, check=True)


def test_no_xml_and_no_secret_is_shown() -> None:
    plan = planned(title="new", graphics=[{"type": "vnc", "autoport": True}])
    assert plan.actions
    for text in texts(plan):
        assert "s3cret" not in text
        assert "<" not in text
    for told in (report.of_plan(plan), report.of_drift(plan), report.of_apply(plan, ())):
        for each in (markdown, junit, sarif, github, prometheus, html):
            text = each.text(told)
            assert "vm" in text
            assert "s3cret" not in text


NASTY = ["$(touch pwned)", "a'b\"c", "first\nrm -rf /", "a\rb", "a\u2028b", "; reboot #", "-x"]


@pytest.mark.parametrize("nasty", NASTY)
def test_a_value_never_becomes_a_command_of_the_runbook(nasty: str) -> None:
    book = runbook(planned(description=nasty, serials=[{"type": "file", "path": f"/{nasty[:2]}"}]))
    assert [each.split()[0] for each in book.split("\n") if each and not each.startswith("#")] == ["virsh", "virsh"]


@pytest.mark.parametrize("name", ["two words", "quote's", "$(id)", "-f"])
def test_names_are_quoted_in_the_runbook(name: str, tmp_path: Path) -> None:
    book = runbook(planned(name=name, title="new")).replace("virsh", "printf '%s|'")
    said = subprocess.run(["sh"], input=book, text=True, capture_output=True, check=True, cwd=tmp_path).stdout
    assert f"define|{name}.xml|" in said


def test_the_words_of_a_plan() -> None:
    assert line.plain(plan_text.lines(PLANS["all"])) == (
        "  ~ vm/web  redefine  [next-boot]\n"
        "      spec.title  a → b\n"
        "      (a note)\n"
        "  ! vm/web  refused  [none]\n"
        "      spec.uuid  a → b\n"
        "      kvmctl does not change spec.uuid; leave it out\n"
        "  … vm/web  pending until its next start (running → defined)\n"
        "      spec.title  a → b\n"
        "\n"
        "Plan: 0 to create, 1 to update, 0 to delete, 1 refused, 0 unchanged; "
        "1 resource pending until the next start.\n"
        "Nothing is applied while a difference is refused.\n"
        "Strongest disruption: next-boot.\n"
    )


def test_the_words_of_drift() -> None:
    missing = Action(Address("disk", "root"), Operation.CREATE, Disruption.NONE, (change(before=None),))
    plan = Plan((DONE, missing), {}, (), (PENDING,), 3)
    assert line.plain(drift_text.lines(plan)) == (
        "  vm/web  differs [managed]\n"
        "      spec.title: is a, should be b\n"
        "  disk/root  missing [managed]\n"
        "  vm/web  pending until its next start [pending]\n"
        "      spec.title: running with a, defined as b\n"
        "Drift: 2 resources not as the manifests say, 3 as they should be; 1 resource pending until the next start.\n"
    )
    assert line.plain(drift_text.lines(PLANS["empty"])).startswith("No drift")


def test_results_say_what_failed_and_what_was_skipped() -> None:
    results = [
        Result(DONE, Status.DONE), Result(DONE, Status.FAILED, "no room", "make some"),
        Result(DONE, Status.SKIPPED, "needs vm/web redefine, which failed"),
    ]  # fmt: skip
    assert line.plain(results_text.summary(results)) == (
        "  failed vm/web redefine: no room; make some\n"
        "  skipped vm/web redefine: needs vm/web redefine, which failed\n"
        "Apply: 1 action done, 1 failed, 1 skipped.\n"
    )
    (action,) = results_json.document(PLANS["action"], results[1:2])["actions"]
    assert (action["status"], action["error"], action["hint"]) == ("failed", "no room", "make some")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "none"),
        (True, "true"),
        ("", '""'),
        (0, "0"),
        ("a\nb\tc", "a\\nb\\tc"),
        ([1, "a"], "[1, a]"),
        ({"a": None, "b": [False]}, "{b: [false]}"),
        ({}, "{}"),
        ("x" * 200, "x" * 159 + "…"),
    ],
)
def test_values_stand_in_one_line(value: Any, text: str) -> None:
    assert shown(value) == text


def test_colour_changes_no_word() -> None:
    for plan in PLANS.values():
        stream = io.StringIO()
        line.write(plan_text.lines(plan), stream, color=True)
        assert _without_styles(stream.getvalue()) == line.plain(plan_text.lines(plan))


def _without_styles(text: str) -> str:
    while "\x1b[" in text:
        before, _, rest = text.partition("\x1b[")
        text = before + rest.partition("m")[2]
    return "".join(f"{each.rstrip()}\n" for each in text.splitlines())


def test_without_colour_rich_is_not_loaded() -> None:
    code = (
        "import sys, io; from kvmctl.plan import Plan; from kvmctl.render import line, plan_text;"
        "line.write(plan_text.lines(Plan((), {})), io.StringIO(), color=False); sys.exit('rich' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_kind_can_be_shown() -> None:
    want = {
        "pool/p": {"type": "dir", "path": "/v"}, "network/n": {}, "disk/d": {"pool": "p", "size": "1GiB"},
        "vm/v": {"type": "qemu", "memory": "64MiB"},
    }  # fmt: skip
    found = {}
    for text, spec in want.items():
        address = Address(*text.split("/"))
        found[address] = Resource(address, decode(BY_SHORT[address.kind].model, spec))
    plan = build(found, Observation({}, frozenset(), HOST))
    assert [line.plain(plan_text.lines(plan)).count(f"+ {address}  create") for address in found] == [1, 1, 1, 1]
    assert runbook(plan).count("virsh") >= len(found)
