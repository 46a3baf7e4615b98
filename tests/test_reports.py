"""Reports for pull requests, CI servers and monitoring, read by what reads them; goldens of stories are in cases/."""

from __future__ import annotations

import json
import re
import stat
import subprocess
import sys
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pytest
from markdown_it import MarkdownIt
from prometheus_client.parser import text_string_to_metric_families

from kvmctl.actions import Action, Disruption, Operation, Pending, Refusal
from kvmctl.apply.result import Result, Status
from kvmctl.diff import Change
from kvmctl.document import decode
from kvmctl.errors import Problem
from kvmctl.fields import rows
from kvmctl.inventory import Address, Origin, Resource
from kvmctl.models.vm import VirtualMachine
from kvmctl.plan import Plan
from kvmctl.render import github, html, junit, markdown, prometheus, report, sarif

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from kvmctl.render.report import Report

MAIN = [sys.executable, "-W", "error", "-c", "from kvmctl.cli import main; main()"]
TEXT: dict[str, Callable[[Report], str]] = {
    "markdown": markdown.text, "junit": junit.text, "sarif": sarif.text, "github": github.text,
    "prometheus": prometheus.text, "html": html.text,
}  # fmt: skip
every_format = pytest.mark.parametrize("text", TEXT.values(), ids=TEXT)

HOSTILE = [
    "<script>alert(1)</script>", "</details><img src=x onerror=alert(1)>", "a`b``c```d", "```\n</details>\n# hi",
    "@everyone #1", "[x](javascript:alert(1))", "![x](https://evil.example/p.png)", "a|b", "*bold* _under_ ~~gone~~",
    "a\n::error::injected", "a\r::add-mask::x", "100%0A::warning::x", 'say "hi"\\', "a\u2028b\u202ec", "\x1b[31mred",
    "\ufffe\x00", "https://evil.example www.evil.example", "&lt;b&gt;", "{{ 7 * 7 }}",
]  # fmt: skip
every_hostile = pytest.mark.parametrize("hostile", HOSTILE, ids=range(len(HOSTILE)))


def change(before: Any = "a", after: Any = "b") -> Change:
    return Change(("title",), before, after, rows(VirtualMachine)["title"])


def machine(name: str, file: str = "web.yaml") -> Resource:
    text = f"apiVersion: kvmctl/v1\nkind: VirtualMachine\nmetadata: {{name: x}}\nspec:\n  title: b\n# {len(name)}"
    return Resource(
        Address("vm", name), decode(VirtualMachine, {"memory": "64MiB", "title": "b"}), origin=Origin(file, 10, text)
    )


def planned(name: str = "web", said: str = "a", file: str = "web.yaml") -> Plan:
    """Return a plan in which a name and a value stand everywhere that one can."""
    address = Address("vm", name)
    act = Action(address, Operation.REDEFINE, Disruption.RESTART, (change(said, said + "2"),), ("virsh x",), said)
    refused = Refusal(address, (change(said),), Disruption.DATA_LOSS, said, said)
    return Plan(
        (act,), {0: frozenset()}, (refused,), (Pending(address, (change(said),)),), 0, {address: machine(name, file)}
    )


def reports(plan: Plan) -> dict[str, Report]:
    results = [Result(action, Status.FAILED, "libvirt said no", "ask it") for action in plan.actions]
    problem = Problem("no such field", "did you mean title?", "web.yaml", 3, 7, "spec.titel")
    return {
        "plan": report.of_plan(plan), "drift": report.of_drift(plan), "apply": report.of_apply(plan, results),
        "validate": report.of_problems("validate", [problem]),
    }  # fmt: skip


def tokens(text: str) -> list[Any]:
    """Return what a reader of GitHub's dialect makes of a comment, flat."""
    found = []
    for token in MarkdownIt("gfm-like", {"linkify": False}).parse(text):
        found += [token, *(token.children or ())]
    return found


@every_format
def test_equal_input_gives_equal_bytes(text: Callable[[Report], str]) -> None:
    for told in reports(planned()).values():
        assert text(told) == text(told) != ""


@every_hostile
def test_nothing_in_a_comment_is_taken_for_markup(hostile: str) -> None:
    for told in reports(planned(hostile, hostile)).values():
        text = markdown.text(told)
        assert not {token.type for token in tokens(text)} & {"link_open", "image", "em_open", "s_open"}
        html = [token.content for token in tokens(text) if token.type in ("html_block", "html_inline")]
        tags = set(re.findall(r"<[^>]*>", "".join(html)))
        assert tags <= {"<details>", "</details>", "<summary>", "</summary>", "<code>", "</code>", "<!-- -->"}
        assert [line for line in text.split("\n") if line.startswith("#")] == [
            f"### kvmctl {told.command}", *[line for line in text.split("\n") if line.startswith("# -")]
        ]  # fmt: skip
        outside = re.sub(r"(?ms)^(`{3,})\w+\n.*?^\1$", "", text)
        assert "@everyone" not in outside
        assert "#1" not in outside.replace("&#", "")


@every_hostile
def test_fences_hold_what_is_in_them(hostile: str) -> None:
    text = markdown.text(report.of_plan(planned(said=hostile)))
    fences = [token for token in tokens(text) if token.type == "fence"]
    assert [(token.info, len(token.content.splitlines())) for token in fences] == [
        ("diff", 2), ("sh", 1), ("diff", 2), ("diff", 3)
    ]  # fmt: skip


def many(count: int, *, size: int = 100) -> Plan:
    addresses = [Address("vm", f"web{number}") for number in range(count)]
    quiet = [
        Action(each, Operation.REDEFINE, Disruption.NONE, (change("a" * size, "b" * size),), ("virsh x",))
        for each in addresses
    ]
    loud = Refusal(Address("vm", "last"), (change("ä", "ö"),), Disruption.RESTART, "the reason", "the hint")
    return Plan(tuple(quiet), {}, (loud,))


@pytest.mark.parametrize("count", [1, 250, 300, 2000, 20_000])
def test_a_comment_is_never_too_long_and_says_what_was_cut(count: int) -> None:
    text = markdown.text(report.of_plan(many(count)))
    assert len(text.encode()) <= markdown.LIMIT
    assert f"{count} to update" in text
    assert "the reason; the hint" in text, "what was refused keeps its details"
    folded, listed = text.count("<summary>"), len(re.findall(r"(?m)^- ", re.sub(r"(?ms)^```.*?^```$", "", text)))
    assert text.count("<details>") == text.count("</details>") == folded
    if folded == count + 1:
        assert "A comment holds" not in text
        return
    assert len(text.encode()) > markdown.LIMIT * 0.97, "there was room for more"
    note = (
        f"{listed} finding{'s' * (listed != 1)} without details, {count + 1 - folded - listed} left out. `kvmctl plan`"
    )
    assert note in text


def test_problems_of_manifests_are_told_in_every_format() -> None:
    told = reports(planned())["validate"]
    assert "web.yaml:3:7" in markdown.text(told)
    assert github.text(told).startswith(
        "::error file=web.yaml,line=3,col=7,title=spec.titel::no such field; did you mean title?\n"
    )
    (case,) = ET.fromstring(junit.text(told)).iter("testcase")
    assert (case.get("file"), case.get("line"), [each.tag for each in case]) == ("web.yaml", "3", ["error"])
    (result,) = json.loads(sarif.text(told))["runs"][0]["results"]
    assert result["locations"][0]["physicalLocation"]["region"] == {"startLine": 3, "startColumn": 7}
    assert values(prometheus.text(told)) == {("kvmctl_problems", "validate"): 1.0}


@every_hostile
def test_junit_is_xml_whose_counts_are_right(hostile: str) -> None:
    for told in reports(planned(hostile, hostile)).values():
        root = ET.fromstring(junit.text(told).encode())
        assert root.tag == "testsuites"
        for suite in (root, root[0]):
            cases = list(suite.iter("testcase"))
            assert int(suite.get("tests", "")) == len(cases) > 0
            for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
                assert int(suite.get(name, "")) == len(list(suite.iter(tag)))


def test_what_fails_in_junit() -> None:
    ends = {
        command: [
            (case.get("name"), [each.tag for each in case]) for case in ET.fromstring(junit.text(told)).iter("testcase")
        ]
        for command, told in reports(planned()).items()
    }
    redefine = "vm/web redefine"
    assert ends["plan"] == [(redefine, ["skipped"]), ("vm/web", ["failure"]), ("vm/web", ["skipped"])]
    assert ends["drift"] == [("vm/web", ["failure"]), ("vm/web", ["skipped"])]
    assert ends["apply"] == [(redefine, ["failure"]), ("vm/web", ["failure"]), ("vm/web", ["skipped"])]
    same = report.of_plan(Plan((), {}, unchanged=1, want={Address("vm", "web"): machine("web")}))
    (case,) = ET.fromstring(junit.text(same)).iter("testcase")
    assert (case.get("name"), len(case)) == ("vm/web", 0)


@every_hostile
def test_an_annotation_is_one_command_that_says_what_was_meant(hostile: str) -> None:
    lines = github.text(report.of_plan(planned(hostile, hostile))).split("\n")
    told = [line for line in lines if line.startswith("::")]
    assert len(told) == 3
    assert all(line.startswith("kvmctl plan: ") for line in lines[3:-1])
    for line in told:
        found = re.fullmatch(
            r"::(error|warning|notice) file=web\.yaml,line=(12|14),col=\d+,title=([^:,]*)::([^\r]*)", line
        )
        assert found is not None, line
        title = unquote(found[3])
        assert title.startswith(f"vm/{hostile} ")


def test_annotations_point_to_the_field_and_the_worst_come_first() -> None:
    text = github.text(report.of_plan(planned()))
    waits = "vm/web pending until its next start::spec.title: running with a, defined as b"
    assert text.splitlines()[:3] == [
        "::error file=web.yaml,line=14,col=3,title=vm/web refused [data-loss]::a; a%0Aspec.title: a → b",
        "::warning file=web.yaml,line=14,col=3,title=vm/web redefine [restart]::a%0Aspec.title: a → a2",
        f"::notice file=web.yaml,line=14,col=3,title={waits}",
    ]


@pytest.mark.parametrize(
    ("file", "uri"),
    [("a/web.yaml", "a/web.yaml"), ("a b/ä#.yaml", "a%20b/%C3%A4%23.yaml"), ("/srv/web.yaml", "file:///srv/web.yaml")],
)
def test_sarif_points_to_the_file(file: str, uri: str) -> None:
    for result in json.loads(sarif.text(report.of_drift(planned(file=file))))["runs"][0]["results"]:
        where = result["locations"][0]
        assert where["physicalLocation"]["artifactLocation"] == {"uri": uri}
        assert where["physicalLocation"]["region"] == {"startLine": 14, "startColumn": 3}
        assert where["logicalLocations"] == [{"fullyQualifiedName": "vm/web spec.title", "kind": "resource"}]


@every_hostile
def test_sarif_keeps_its_rules(hostile: str) -> None:
    for told in reports(planned(hostile, hostile)).values():
        log = json.loads(sarif.text(told))
        assert log["version"] == "2.1.0"
        (run,) = log["runs"]
        rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
        assert run["results"]
        for result in run["results"]:
            assert rules[result["ruleIndex"]] == result["ruleId"]
            assert result["level"] in ("error", "warning", "note")
            assert result["message"]["text"]
            assert re.fullmatch("[0-9a-f]{64}", result["partialFingerprints"]["kvmctl/v1"])


def test_sarif_knows_a_finding_again_whatever_its_value_and_line() -> None:
    def prints(plan: Plan) -> list[str]:
        results = json.loads(sarif.text(report.of_plan(plan)))["runs"][0]["results"]
        return [result["partialFingerprints"]["kvmctl/v1"] for result in results]

    assert prints(planned(said="a")) == prints(planned(said="z", file="other.yaml"))
    assert len(set(prints(planned()))) == 3
    assert prints(planned("other")) != prints(planned())


def values(text: str) -> dict[tuple[str, ...], float]:
    """Return metrics as Prometheus' own reader reads them."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.mark.parametrize("name", ["web", 'a"b\\c\nd', "ünï", "{}"])
def test_metrics_are_read_by_prometheus(name: str) -> None:
    told = values(prometheus.text(report.of_drift(planned(name))))
    assert told["kvmctl_findings", "drift", "differs", "vm", name] == 1
    assert told["kvmctl_resources", "drift", "refused"] == 1
    assert told["kvmctl_actions", "drift", "restart"] == 1
    assert told["kvmctl_actions", "drift", "none"] == 0


def test_metrics_of_several_commands_do_not_clash() -> None:
    found = [each for told in reports(planned()).values() for each in values(prometheus.text(told))]
    assert len(found) == len(set(found))
    apply = values(prometheus.text(reports(planned())["apply"]))
    assert {key[2]: value for key, value in apply.items() if key[0] == "kvmctl_results"} == {
        "done": 0, "failed": 1, "skipped": 0
    }  # fmt: skip


def test_what_has_no_manifest_has_no_place() -> None:
    gone = Plan((Action(Address("vm", "web"), Operation.DELETE, Disruption.DESTROY),), {})
    assert github.text(report.of_plan(gone)).startswith("::warning title=vm/web delete [destroy]::vm/web delete")
    stdin = report.of_plan(planned(file="<stdin>"))
    for told in (report.of_plan(gone), stdin):
        assert "file=" not in github.text(told)
        assert "physicalLocation" not in sarif.text(told)
        assert " file=" not in junit.text(told)


SPEC = "apiVersion: kvmctl/v1\nkind: Network\nmetadata: {name: lab}\nspec: {}\n"


def run(*arguments: str, cwd: Path, code: int) -> str:
    """Return what kvmctl prints, against libvirt's own test driver; what it complains of where that is an error."""
    (cwd / "lab.yaml").write_text(SPEC)
    argv = [*MAIN, *arguments, "-f", "lab.yaml", *(("-c", "test:///default") if arguments[0] != "validate" else ())]
    told = subprocess.run(argv, cwd=cwd, capture_output=True, text=True, check=False, timeout=60)
    assert told.returncode == code, told.stderr
    assert "Traceback" not in told.stderr
    return told.stderr if code == 1 else told.stdout


@pytest.mark.parametrize("output", TEXT)
def test_every_command_has_every_format(output: str, tmp_path: Path) -> None:
    expected = {"markdown": "<code>network/lab</code>", "prometheus": 'kind="network",name="lab"'}
    for command, code in (("plan", 0), ("drift", 2)):
        assert expected.get(output, "network/lab") in run(command, "-o", output, cwd=tmp_path, code=code)
    assert expected.get(output, "network/lab") in run("apply", "--yes", "-o", output, cwd=tmp_path, code=0)
    assert run("plan", "-o", "commands", cwd=tmp_path, code=0).startswith("# network/lab: create [none]\n")


def test_a_report_is_put_in_place_as_a_whole(tmp_path: Path) -> None:
    out = tmp_path / "kvmctl.prom"
    out.write_text("old")
    before = out.stat()
    with out.open() as reader:
        assert run("drift", "-o", "prometheus", "--out", "kvmctl.prom", cwd=tmp_path, code=2) == ""
        assert reader.read() == "old", "who reads the old file reads it to its end"
    assert out.stat().st_ino != before.st_ino
    assert stat.S_IMODE(out.stat().st_mode) & stat.S_IROTH, "node exporter is another user"
    assert values(out.read_text())["kvmctl_findings", "drift", "missing", "network", "lab"] == 1
    assert {each.name for each in tmp_path.iterdir()} == {"kvmctl.prom", "lab.yaml"}


def test_a_report_goes_where_it_is_sent(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("real")
    run("drift", "--out", "link", cwd=tmp_path, code=2)
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text().startswith("  network/lab  missing [managed]\n")
    assert (
        json.loads(run("drift", "-o", "json", "--out", "/dev/stdout", cwd=tmp_path, code=2))["summary"]["create"] == 1
    )
    said = run("drift", "--out", "missing/report", cwd=tmp_path, code=1)
    assert said == (
        "kvmctl: --out missing/report: the report can't be written: No such file or directory; "
        "name a file in a folder that exists and that you may write to\n"
    )


def test_problems_go_to_the_report_too(tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text(SPEC.replace("spec: {}", "spec: {mtuu: 1}"))
    argv = [*MAIN, "drift", "-o", "prometheus", "--out", "out.prom", "-f", "bad.yaml", "-c", "test:///default"]
    told = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert told.returncode == 1
    assert "mtuu" in told.stderr
    assert values((tmp_path / "out.prom").read_text()) == {("kvmctl_problems", "drift"): 1.0}
    argv = [*MAIN, "validate", "-o", "github", "-f", "bad.yaml"]
    told = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert told.stdout.startswith("::error file=bad.yaml,line=4,col=8,title=spec.mtuu::")
    assert "1 problem in the manifests" in told.stdout
    bad.unlink()
    assert run("validate", "-o", "github", cwd=tmp_path, code=0) == (
        "kvmctl validate: 1 resource in the manifests, all valid.\n"
    )
