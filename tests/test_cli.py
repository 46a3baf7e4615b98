"""The command line's contract: options, exit codes, what goes where; each command on a real libvirt or on none."""

from __future__ import annotations

import json
import os
import pty
import re
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

MAIN = [sys.executable, "-W", "error", "-c", "from kvmctl.cli import main; main()"]
HEAD = "apiVersion: kvmctl/v1\nkind: "
VM = f"{HEAD}VirtualMachine\nmetadata: {{name: web, labels: {{tier: web}}}}\nspec: {{type: qemu, memory: 64MiB}}\n"
ACTION = {"address": "vm/x", "operation": "create", "disruption": "none", "equivalent": []}
NETWORK = "apiVersion: kvmctl/v1\nkind: Network\nmetadata: {name: lab}\nspec: {}\n"


def run(*arguments: str, cwd: Path | None = None, stdin: str = "", **env: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **env}
    return subprocess.run(
        [*MAIN, *arguments],
        cwd=cwd,
        input=stdin,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_version_and_help_load_nothing_heavy() -> None:
    heavy = ["libvirt", "jsonschema", "deepdiff", "rich", "yaml", "subprocess"]
    loaded = f"print([m for m in {heavy} if m in sys.modules])"
    code = f"import sys\nfrom kvmctl.cli.app import run\nrun(['--version'])\n{loaded}"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.endswith("[]\n")


def test_every_command_of_the_contract_explains_itself() -> None:
    commands = re.findall(r"^  (\w+)  ", run("--help").stdout.partition("Commands:")[2], re.MULTILINE)
    contract = {
        "validate",
        "plan",
        "apply",
        "drift",
        "get",
        "delete",
        "doctor",
        "explain",
        "schema",
        "graph",
        "image",
        "sandbox",
    }
    assert contract <= set(commands)
    for command in commands:
        told = run(command, "--help")
        assert told.returncode == 0
        assert "Usage: kvmctl" in told.stdout


def test_the_module_is_the_program() -> None:
    argv = [sys.executable, "-m", "kvmctl", "frobnicate"]
    told = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert told.returncode == 1
    assert told.stderr == run("frobnicate").stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["frobnicate"], "no such command 'frobnicate'"),
        (["plam"], "did you mean plan?"),
        (["plan", "--nonsense"], "No such option"),
        (["plan", "-o", "xml"], "'xml' is not one of"),
        (["apply", "--max-disruption", "none-at-all"], "is not one of"),
        (["delete"], "either addresses or -f"),
        (["delete", "web1"], "'web1' is not an address"),
        (["get", "cats"], "no kind 'cats'"),
        (["explain", "vm.dsiks"], "did you mean vm.disks"),
        (["schema", "Cat"], "no kind 'Cat'"),
        (["image", "info", "/nonexistent.qcow2"], "/nonexistent.qcow2"),
        (["image", "convert", "a", "b"], "format"),
        (["plan", "-f", "/nonexistent"], "/nonexistent"),
        (["sandbox"], "Missing argument"),
    ],
)
def test_wrong_usage_is_exit_code_1_with_words(arguments: list[str], message: str, tmp_path: Path) -> None:
    told = run(*arguments, cwd=tmp_path)
    assert told.returncode == 1
    assert message in told.stderr
    assert "Traceback" not in told.stderr
    assert told.stdout == ""


def test_a_connection_that_fails_is_exit_code_1(tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text(VM)
    told = run("plan", "-f", "m.yaml", "-c", "qemu:///nowhere", cwd=tmp_path)
    assert told.returncode == 1
    assert "qemu:///nowhere" in told.stderr


def test_manifests_come_from_the_default_folder_and_from_stdin(tmp_path: Path) -> None:
    assert run("validate", cwd=tmp_path).returncode == 1
    (tmp_path / "manifests").mkdir()
    (tmp_path / "manifests" / "a.yaml").write_text(VM)
    assert "1 resource" in run("validate", cwd=tmp_path).stdout
    assert "2 resources" in run("validate", "-f", "-", "-f", "manifests", cwd=tmp_path, stdin=NETWORK).stdout


def test_problems_are_json_too(tmp_path: Path) -> None:
    told = run("validate", "-f", "-", "-o", "json", cwd=tmp_path, stdin=VM.replace("64MiB", "lots"))
    assert told.returncode == 1
    (problem,) = json.loads(told.stdout)["problems"]
    assert (problem["line"], problem["field"]) == (4, "spec.memory")
    assert "lots" in problem["message"]


def test_validate_runs_where_libvirt_is_not_installed(tmp_path: Path) -> None:
    blocked = "import sys; sys.modules['libvirt'] = None; from kvmctl.cli import main; main()"
    argv = [sys.executable, "-c", blocked, "validate", "-f", "-"]
    told = subprocess.run(argv, input=VM, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert told.returncode == 0, told.stderr


def test_plan_on_libvirts_own_test_driver(tmp_path: Path) -> None:
    manifest = VM.replace("type: qemu", "type: test")
    first = run("plan", "-f", "-", "-c", "test:///default", "-o", "json", cwd=tmp_path, stdin=manifest)
    again = run("plan", "-f", "-", "-c", "test:///default", "-o", "json", cwd=tmp_path, stdin=manifest)
    assert first.returncode == 0, first.stderr
    assert first.stdout == again.stdout
    document = json.loads(first.stdout)
    assert document["formatVersion"] == "1.0"
    assert [each["address"] for each in document["actions"]] == ["vm/web"]
    assert run("plan", "-f", "-", "-c", "test:///default", "--detailed-exitcode", stdin=manifest).returncode == 2
    assert run("drift", "-f", "-", "-c", "test:///default", stdin=manifest).returncode == 2
    untyped = VM.replace("type: qemu, ", "")
    assert run("plan", "-f", "-", "-c", "test:///default", "-o", "json", stdin=untyped).stdout == first.stdout


def test_target_and_selector_take_along_what_is_needed(tmp_path: Path) -> None:
    needs = VM.replace("type: qemu", "type: test").replace("64MiB", "64MiB, interfaces: [{name: a, network: lab}]")
    other = NETWORK.replace("lab", "other")
    stream = f"{needs}---\n{NETWORK}---\n{other}"

    def planned(*options: str) -> list[str]:
        told = run("plan", "-f", "-", "-c", "test:///default", "-o", "json", *options, cwd=tmp_path, stdin=stream)
        assert told.returncode == 0, told.stderr
        return [each["address"] for each in json.loads(told.stdout)["actions"]]

    assert planned() == ["network/lab", "network/other", "vm/web"]
    assert planned("--target", "vm/web") == ["network/lab", "vm/web"]
    assert planned("--target", "network/other") == ["network/other"]
    assert planned("-l", "tier=web") == ["network/lab", "vm/web"]
    assert planned("-l", "tier!=web") == ["network/lab", "network/other"]
    wrong = run("plan", "-f", "-", "--target", "vm/nobody", cwd=tmp_path, stdin=stream)
    assert wrong.returncode == 1
    assert "vm/nobody" in wrong.stderr


def test_a_saved_plan_is_for_its_owner_only(tmp_path: Path) -> None:
    manifest = VM.replace("type: qemu", "type: test")
    out = tmp_path / "plan.json"
    assert (
        run("plan", "-f", "-", "-c", "test:///default", "--out", str(out), cwd=tmp_path, stdin=manifest).returncode == 0
    )
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert json.loads(out.read_text())["actions"][0]["action"] == "create"


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "{}", "[" * 100_000, '{"formatVersion": "2.0", "actions": []}', '{"formatVersion": "1.0"}',
        '{"formatVersion": "1.0", "actions": [1]}', '{"formatVersion": "1.0", "actions": [{}]}',
        json.dumps({"formatVersion": "1.0", "actions": [{**ACTION, "because": [{}]}]}),
    ],
    ids=range(9),
)  # fmt: skip
def test_a_file_that_is_no_saved_plan_is_an_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "plan.json").write_text(text)
    told = run("apply", "plan.json", "--yes", "-f", "-", "-c", "test:///default", cwd=tmp_path, stdin=NETWORK)
    assert told.returncode == 1
    assert told.stderr.startswith("kvmctl: plan.json is not a saved plan")
    assert told.stderr.endswith("; make it anew with kvmctl plan --out\n")


def test_a_place_that_can_not_be_written_is_named(tmp_path: Path) -> None:
    plan = ["plan", "-f", "-", "-c", "test:///default"]
    told = run(*plan, "--out", "missing/plan.json", cwd=tmp_path, stdin=NETWORK)
    assert told.returncode == 1
    assert told.stderr.startswith("kvmctl: --out missing/plan.json: the plan can't be saved: No such file or directory")
    with Path("/dev/full").open("w") as full:
        argv = [*MAIN, *plan]
        cut = subprocess.run(argv, input=NETWORK, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (cut.returncode, cut.stderr) == (1, "kvmctl: the output: No space left on device\n")


def test_colour_is_for_terminals_only(tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text(VM.replace("type: qemu", "type: test"))
    argv = [*MAIN, "plan", "-f", "m.yaml", "-c", "test:///default"]
    assert "\x1b[" in on_a_terminal(argv, tmp_path)
    assert "\x1b[" not in on_a_terminal([*argv, "--no-color"], tmp_path)
    assert "\x1b[" not in run(*argv[len(MAIN) :], cwd=tmp_path).stdout


def on_a_terminal(argv: list[str], cwd: Path) -> str:
    ours, theirs = pty.openpty()
    environment = {name: value for name, value in os.environ.items() if name != "NO_COLOR"} | {"TERM": "xterm"}
    with subprocess.Popen(argv, cwd=cwd, stdout=theirs, stderr=subprocess.DEVNULL, env=environment) as process:
        os.close(theirs)
        text = b""
        while True:
            try:
                piece = os.read(ours, 65536)
            except OSError:  # the other end was closed: Linux says EIO
                break
            if not piece:
                break
            text += piece
        process.wait(30)
    os.close(ours)
    return text.decode()


def test_a_reader_that_goes_away_is_no_traceback(tmp_path: Path) -> None:
    shell = " ".join(f"'{word}'" for word in [*MAIN, "schema"]) + " | head -c 10"
    told = subprocess.run(["sh", "-c", shell], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert "Traceback" not in told.stderr
    assert len(told.stdout) == 10


def test_get_lists_what_runs_and_with_all_what_does_not(kvmctl: Any) -> None:
    kvmctl.apply({"vm/web": "type: qemu, memory: 64MiB", "network/lab": ""})
    assert "web" not in kvmctl.run("get", "vm").stdout
    assert re.search(r"web +Off +no +1 +64MiB", kvmctl.run("get", "vm", "--all").stdout)
    assert re.search(r"lab +active +no +isolated +virbr0", kvmctl.run("get", "networks").stdout)
    assert "lab" in kvmctl.run("get").stdout
    assert [item["metadata"]["name"] for item in kvmctl.json("get", "vm/web")["items"]] == ["web"]
    assert "there is no vm nobody" in kvmctl.run("get", "vm", "nobody", code=1).stderr


def test_what_get_prints_as_yaml_is_a_manifest(kvmctl: Any) -> None:
    kvmctl.apply({"network/lab": "forward: {mode: nat}, ips: [{address: 192.168.77.1, prefix: 24}]"})
    text = kvmctl.run("get", "network", "-o", "yaml").stdout
    head = text.partition("status:")[0]
    (kvmctl.folder / "again.yaml").write_text(head)
    assert "No changes" in kvmctl.run("plan", "-f", "again.yaml", "--detailed-exitcode").stdout


def test_apply_without_yes_and_without_a_terminal_is_refused(kvmctl: Any, conn: Any) -> None:
    told = kvmctl.run("apply", specs={"network/lab": ""}, code=3)
    assert "no terminal" in told.stderr
    assert not conn.listAllNetworks()


def test_the_runbook_is_shell(kvmctl: Any) -> None:
    disks = {
        "pool/p": "type: dir, path: /var/lib/libvirt/images/p",
        "disk/d d.qcow2": "pool: p, format: qcow2, size: 1GiB",
    }
    told = kvmctl.run("plan", "-o", "commands", specs={**disks, "vm/web": "type: qemu, memory: 64MiB"}).stdout
    assert "virsh define web.xml" in told
    assert "virsh vol-create-as p 'd d.qcow2' 1GiB --format qcow2" in told
    checked = subprocess.run(["sh", "-n"], input=told, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr


def test_a_saved_plan_is_applied_unless_the_host_moved(kvmctl: Any, conn: Any) -> None:
    specs = {"network/lab": "autostart: true", "vm/web": "type: qemu, memory: 64MiB"}
    saved = str(kvmctl.folder / "plan.json")
    kvmctl.run("plan", "--out", saved, specs=specs)
    conn.networkDefineXML("<network><name>lab</name></network>")
    stale = kvmctl.run("apply", saved, "--yes", specs=specs, code=3)
    moved = "no longer: network/lab create; new: network/lab set-autostart (spec.autostart false → true)"
    assert f"plan.json is stale: {moved}; plan again" in stale.stderr
    assert not conn.listAllDomains()
    kvmctl.run("plan", "--out", saved, specs=specs)
    larger = {**specs, "vm/web": "type: qemu, memory: 96MiB"}
    sizes = [
        f'{which}: vm/web create (spec.memory null → "{size}")'
        for which, size in (("no longer", "64MiB"), ("new", "96MiB"))
    ]
    assert "; ".join(sizes) in kvmctl.run("apply", saved, "--yes", specs=larger, code=3).stderr
    kvmctl.run("apply", saved, "--yes", specs=specs)
    assert "No changes" in kvmctl.run("plan", specs=specs).stdout
    (kvmctl.folder / "plan.json").write_text("{}")
    assert "not a saved plan" in kvmctl.run("apply", saved, "--yes", specs=specs, code=1).stderr
