"""A team's host in git, from the first day on, as its members type it: on real libvirt, from a real git repository.

Each chapter goes on where the one before it ended. The README shows parts of the story; the last one holds that they
are what was typed and printed.
"""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from prometheus_client.parser import text_string_to_metric_families

from kvmctl.render import markdown

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Program

README = Path(__file__).resolve().parent.parent / "README.md"
IMAGES = "/var/lib/libvirt/images/lab"
NETWORK = """<network><name>lan</name><bridge name='br-lan'/><ip address='192.168.140.1' prefix='24'>
<dhcp><range start='192.168.140.100' end='192.168.140.199'/></dhcp></ip></network>"""
MACHINE = """<domain type='qemu'><name>{name}</name><memory unit='MiB'>64</memory>
<os><type arch='x86_64' machine='q35'>hvm</type></os><devices>
<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='{images}/{name}.qcow2'/>
<target dev='vda' bus='virtio'/></disk>
<interface type='network'><source network='lan'/><model type='virtio'/></interface></devices></domain>"""
WEB2 = """apiVersion: kvmctl/v1
kind: VirtualMachine
metadata: {name: web2}
spec:
  type: qemu
  powerState: Running
  memory: 64MiB
  os: {machine: q35}
  disks: [{target: vda, disk: web2.qcow2, bus: virtio}]
  interfaces: [{network: lan, mac: "52:54:00:00:00:02", model: virtio}]
---
apiVersion: kvmctl/v1
kind: Disk
metadata: {name: web2.qcow2}
spec: {pool: lab, format: qcow2, size: 16MiB}
"""
LEASE = """        hosts:
          - {name: web2, mac: '52:54:00:00:00:02', ip: 192.168.140.2}
"""
CHANGED = {"network/lan", "vm/web1", "vm/web2"}  # behind git's back
FORMATS = ("text", "json", "markdown", "github", "junit", "sarif", "prometheus", "html")


class Typed(NamedTuple):
    """A command that somebody typed, and all that it printed."""

    command: str
    lines: list[str]


class Story:
    """The folders of those who work on the host, their shell, and what was typed in it so far."""

    def __init__(self, program: Program) -> None:
        self.box, self.folder = program.box, program.folder
        self.typed: list[Typed] = []
        script = self.folder / "bin" / "kvmctl"
        script.parent.mkdir()
        script.write_text("#!/bin/sh\nexec " + " ".join(f"'{word}'" for word in program.argv()) + ' "$@"\n')
        script.chmod(0o755)
        (self.folder / "gitconfig").write_text(
            "[user]\nname = Ann\nemail = ann@example.org\n[init]\ndefaultBranch = main\n"
        )

    def type(self, command: str, folder: str, *, code: int = 0) -> str:
        """Run a command in somebody's folder and return what it printed; it has to exit with `code`."""
        environment = {
            "HOME": str(self.folder), "GIT_CONFIG_GLOBAL": str(self.folder / "gitconfig"), "GIT_CONFIG_NOSYSTEM": "1",
        }  # fmt: skip
        shell = f'PATH="{self.folder}/bin:$PATH"; exec 2>&1; {command}'
        done = self.box.run(["sh", "-c", shell], env=environment, cwd=str(self.folder / folder), timeout=60)
        assert done.returncode == code, f"{command} exited with {done.returncode}\n{done.stdout}"
        assert "Traceback" not in done.stdout
        shown = (f"{command}; echo $?", [str(code)]) if code else (command, [])
        self.typed.append(Typed(shown[0], done.stdout.splitlines() + shown[1]))
        return done.stdout

    def write(self, path: str, text: str, mode: str = "w") -> None:
        """Write a file in Ann's clone, or with mode "a" more of it."""
        with (self.folder / "ann" / path).open(mode, encoding="utf-8") as file:
            file.write(text)

    def ann(self, command: str, *, code: int = 0) -> str:
        """Return what a command prints in the clone of the team's Ann."""
        return self.type(command, "ann", code=code)

    def checkout(self, branch: str) -> Callable[..., str]:
        """Return the shell of a job of CI: in a folder of its own, where the branch's newest commit is checked out."""
        job = f"job{len(self.typed)}"
        self.type(f"git clone --quiet --branch {branch} infra.git {job}", ".")
        self.type("git checkout --quiet --detach", job)
        return lambda command, code=0: self.type(command, job, code=code)

    def merge(self, branch: str, subject: str) -> str:
        """Merge a branch as the team's server does, and return the commit of the merge."""
        self.ann(f"git switch -q main && git merge -q --no-ff -m '{subject}' {branch} && git push -q origin main")
        return self.ann("git rev-parse HEAD").strip()

    def marks(self) -> dict[str, Any]:
        """Return the mark of each object, by its name."""
        told = json.loads(self.type("kvmctl get --all -o json", "."))["items"]
        return {each["metadata"]["name"]: each["status"].get("managedBy") for each in told}


@pytest.fixture
def story(kvmctl: Program) -> Story:
    """The story's beginning: a host that somebody made by hand, and an empty repository."""
    told = Story(kvmctl)
    (told.folder / "lan.xml").write_text(NETWORK)
    for name in ("web1", "old"):
        (told.folder / f"{name}.xml").write_text(MACHINE.format(name=name, images=IMAGES))
    for words in (
        "net-define lan.xml", "net-start lan", f"pool-define-as lab dir --target {IMAGES}", "pool-build lab",
        "pool-start lab", "vol-create-as lab web1.qcow2 16MiB --format qcow2", "define web1.xml", "start web1",
        "vol-create-as lab old.qcow2 16MiB --format qcow2", "define old.xml",
    ):  # fmt: skip
        told.type(f"virsh -q {words}", ".")
    told.type("git init -q --bare infra.git && git clone -q infra.git ann", ".")
    return told


def test_a_team_keeps_its_host_in_git(story: Story) -> None:
    the_host_goes_into_git(story)
    saved = a_change_is_proposed(story)
    what_was_reviewed_is_applied(story, saved)
    somebody_uses_virsh(story)
    a_machine_leaves_git(story)
    the_readme_tells_it(story)


def the_host_goes_into_git(story: Story) -> None:
    story.ann("kvmctl init --project shop --ci github")
    story.ann("rm manifests/example.yaml")
    assert story.ann("kvmctl import --all -d manifests") == "Imported 6 objects to manifests.\n"
    assert "No changes" in story.ann("kvmctl plan --detailed-exitcode")
    assert set(story.marks().values()) == {None}, "nothing is kvmctl's before somebody applies"
    story.ann("git add . && git commit -q -m 'Import the host' && git push -q origin main")
    ci = story.checkout("main")
    ci("kvmctl plan --out plan.json")
    told = ci("kvmctl apply plan.json --yes")
    assert "No changes" in told
    assert "marked 6 objects as project shop's" in told
    head = story.ann("git rev-parse HEAD").strip()
    assert {(mark["project"], mark["commit"]) for mark in story.marks().values()} == {("shop", head)}
    assert "No drift" in ci("kvmctl drift")


def a_change_is_proposed(story: Story) -> str:
    """Tell of the branch and of its review, and return the path of the plan that the job keeps."""
    story.ann("git switch -q -c web2")
    story.ann("sed -i 's/autostart: false/autostart: true/' manifests/vm/web1.yaml")
    story.write("manifests/network/lan.yaml", LEASE, "a")
    story.write("manifests/vm/web2.yaml", WEB2)
    story.ann("git add . && git commit -q -m 'Add web2' && git push -q origin web2")
    ci = story.checkout("web2")
    assert "8 resources in the manifests, all valid" in ci("kvmctl validate")
    assert "2 to create, 2 to update, 0 to delete, 4 unchanged" in ci("kvmctl plan --detailed-exitcode", 2)
    comment = ci("kvmctl plan -o markdown")
    assert len(comment.encode()) <= markdown.LIMIT
    folded = re.findall(r"<details><summary>.*<code>(.*)</code> (\S+) ", comment)
    assert dict(folded) == {
        "network/lan": "net-update", "vm/web1": "set-autostart", "disk/web2.qcow2": "create", "vm/web2": "create"
    }  # fmt: skip
    assert "+ spec.autostart: true" in comment
    ci("kvmctl plan --out ../plan.json")
    return "../plan.json"


def what_was_reviewed_is_applied(story: Story, saved: str) -> None:
    early = story.checkout("main")
    assert f"nothing was changed: {saved} is stale" in early(f"kvmctl apply {saved} --yes", 3)
    before = story.marks()
    merge = story.merge("web2", "Merge web2")
    ci = story.checkout("main")
    assert "Apply: 4 actions done, 0 failed, 0 skipped." in ci(f"kvmctl apply {saved} --yes")
    assert "No changes" in ci("kvmctl plan --detailed-exitcode")
    assert "is stale" in ci(f"kvmctl apply {saved} --yes", 3), "a plan is applied once"
    marks = story.marks()
    changed = {name for name, mark in marks.items() if mark != before.get(name)}
    assert changed == {"lan", "web1", "web2", "web2.qcow2"}
    assert {marks[name]["commit"] for name in changed} == {merge}
    assert marks["web2"]["manifest"] == marks["web2.qcow2"]["manifest"] == "manifests/vm/web2.yaml"


def somebody_uses_virsh(story: Story) -> None:
    gone = '<host mac="52:54:00:00:00:02" ip="192.168.140.2"/>'
    story.type("virsh -q destroy web2", ".")
    story.type("virsh -q autostart --disable web1", ".")
    story.type(f"virsh -q net-update lan delete ip-dhcp-host '{gone}' --live --config", ".")
    ci = story.checkout("main")
    told = {name: ci(f"kvmctl drift -o {name}", 2) for name in FORMATS}
    assert found_in(told) == dict.fromkeys(FORMATS, CHANGED)
    ci("kvmctl drift", 2)
    ci("kvmctl plan --out plan.json")
    assert "Apply: 3 actions done, 0 failed, 0 skipped." in ci("kvmctl apply plan.json --yes")
    assert ci("kvmctl drift") == "No drift: No changes, 8 resources as the manifests say.\n"
    assert "web2" in story.type("virsh list --name", ".").split()


def found_in(told: dict[str, str]) -> dict[str, set[str]]:
    """Return what each report names as not as it should be, read by what reads such reports."""
    cases = ET.fromstring(told["junit"].encode()).iter("testcase")
    (run,) = json.loads(told["sarif"])["runs"]
    samples = [each for family in text_string_to_metric_families(told["prometheus"]) for each in family.samples]
    places = [each["locations"][0]["logicalLocations"][0]["fullyQualifiedName"] for each in run["results"]]
    return {
        "text": set(re.findall(r"(?m)^  (\S+)  differs \[managed\]$", told["text"])),
        "json": {each["address"] for each in json.loads(told["json"])["actions"]},
        "markdown": set(re.findall(r"<code>(.*?)</code> differs", told["markdown"])),
        "github": set(
            re.findall(r"(?m)^::warning file=manifests/.*,title=(\S+) differs \[managed\]::", told["github"])
        ),
        "junit": {str(case.get("name")) for case in cases if case.find("failure") is not None},
        "sarif": {place.split()[0] for place in places},
        "prometheus": {
            f"{each.labels['kind']}/{each.labels['name']}" for each in samples if each.name == "kvmctl_findings"
        },
        "html": {name for name in (*CHANGED, "vm/old") if re.search(f"<code>{name}</code>[^<]*differs", told["html"])},
    }


def a_machine_leaves_git(story: Story) -> None:
    story.ann("git switch -q -c old-goes")
    story.ann("git rm -q manifests/vm/old.yaml manifests/disk/old.qcow2.yaml")
    story.ann("git commit -q -m 'old has served' && git push -q origin old-goes")
    story.merge("old-goes", "Merge old-goes")
    ci = story.checkout("main")
    assert "No changes" in ci("kvmctl plan --detailed-exitcode"), "without --prune nothing goes"
    assert re.findall(r"(?m)^  (\S+)", ci("kvmctl drift --all", 2)) == ["disk/old.qcow2", "vm/old"]
    assert "1 to delete, 6 unchanged" in ci("kvmctl plan --prune --detailed-exitcode", 2)
    assert "vm/old: delete done" in ci("kvmctl apply --prune --yes")
    assert story.type("virsh list --all --name", ".").split() == ["web1", "web2"]
    assert "old.qcow2" in story.type(f"ls {IMAGES}", ".").split()
    assert "No changes: what is left is kept" in ci("kvmctl plan --prune --detailed-exitcode")
    assert "No drift" in ci("kvmctl drift")
    left = ci("kvmctl drift --all", 2)
    assert re.findall(r"(?m)^  (\S+)", left) == ["disk/old.qcow2"]
    assert "apply --prune --allow-data-loss removes it" in left


def the_readme_tells_it(story: Story) -> None:
    """Check the README's parts of the story: commands in the order of the story, and lines that they printed."""
    _, _, rest = README.read_text(encoding="utf-8").partition("<!-- tests/test_git_story.py holds ")
    part, _, tail = rest.partition("<!-- end of the story -->")
    assert tail, "the marks of the story are missing"
    typed = iter(story.typed)
    blocks = re.findall(r"```console\n(.*?)```", part, re.DOTALL)
    for shown in re.split(r"(?m)^\$ ", "".join(blocks))[1:]:
        command, *lines = shown.splitlines()
        printed = next((each.lines for each in typed if each.command == command), None)
        assert printed is not None, f"nobody typed this after what stands above it: {command}"
        pattern = "".join(r"(?:.*\n)*" if line == "…" else f"{_gaps(line)}\\n" for line in lines)
        text = "".join(f"{line.rstrip()}\n" for line in printed)
        assert re.fullmatch(pattern, text), f"{shown}\nis in truth\n{text}"


def _gaps(line: str) -> str:
    """Return what matches a line; … stands for anything in it."""
    return ".*".join(map(re.escape, line.split("…")))
