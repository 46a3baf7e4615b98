"""Manifests from a pipe, as other programs write them; and secrets, which come from elsewhere and are never shown."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from kvmctl import manifest
from kvmctl.errors import ManifestError
from kvmctl.inventory import Address

if TYPE_CHECKING:
    from pathlib import Path

MAIN = [sys.executable, "-W", "error", "-c", "from kvmctl.cli import main; main()"]
VALUE = "s3cr3t passphrase!"
LAB: dict[str, Any] = {"apiVersion": "kvmctl/v1", "kind": "Network", "metadata": {"name": "lab"}, "spec": {"mtu": 9000}}
WEB: dict[str, Any] = {
    "apiVersion": "kvmctl/v1", "kind": "VirtualMachine", "metadata": {"name": "web", "labels": {"tier": "web"}},
    "spec": {"memory": "1GiB", "interfaces": [{"mac": "52:54:00:00:00:01", "name": "lan", "network": "lab"}]},
}  # fmt: skip
KUSTOMIZE = """\
apiVersion: kvmctl/v1
kind: Network
metadata:
  name: lab
spec:
  mtu: 9000
---
apiVersion: kvmctl/v1
kind: VirtualMachine
metadata:
  labels:
    tier: web
  name: web
spec:
  interfaces:
  - mac: "52:54:00:00:00:01"
    name: lan
    network: lab
  memory: 1GiB
"""
HELM = "---\n# Source: lab/templates/empty.yaml\n---\n# Source: lab/templates/all.yaml\n" + KUSTOMIZE.replace(
    "---\n", "---\n# Source: lab/templates/web.yaml\n# a comment # with another\n"
)
YQ = "# kept by yq\n" + KUSTOMIZE.replace("9000", "9000 # jumbo").replace("---\n", "\n--- # the machine\n") + "...\n"
JSONNET_STREAM = f"---\n{json.dumps(LAB, indent=3)}\n---\n{json.dumps(WEB, indent=3)}\n...\n"
LIST = json.dumps({"apiVersion": "v1", "kind": "List", "items": [LAB, WEB]}, indent=2)


@pytest.mark.parametrize(
    "stream",
    [KUSTOMIZE, HELM, YQ, JSONNET_STREAM, LIST, KUSTOMIZE.replace("\n", "\r\n"), "\ufeff---\n" + KUSTOMIZE],
    ids=["kustomize", "helm", "yq", "jsonnet", "list", "windows", "mark"],
)
def test_a_stream_of_another_program_means_the_same(stream: str) -> None:
    found = manifest.load(["-"], stream)
    plain = manifest.load(["-"], f"{json.dumps(LAB)}\n---\n{json.dumps(WEB)}\n")
    assert [*found] == [Address("network", "lab"), Address("vm", "web")]
    assert {address: (each.spec, each.labels) for address, each in found.items()} == {
        address: (each.spec, each.labels) for address, each in plain.items()
    }


def test_a_problem_is_told_with_its_place_in_the_stream() -> None:
    with pytest.raises(ManifestError) as caught:
        manifest.load(["-"], HELM.replace("1GiB", "lots"))
    (problem,) = caught.value.problems
    assert (problem.file, problem.line, problem.field) == ("<stdin>", 25, "spec.memory")
    assert "memory: lots" in HELM.replace("1GiB", "lots").splitlines()[problem.line - 1]


def run(folder: Path, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    argv = [*MAIN, *arguments]
    return subprocess.run(argv, cwd=folder, input=stdin, capture_output=True, text=True, check=False, timeout=60)


def test_a_pipe_that_brings_nothing_is_an_error(tmp_path: Path) -> None:
    for nothing in ("", "---\n# nothing\n"):
        told = run(tmp_path, "plan", "-f", "-", stdin=nothing)
        assert (told.returncode, told.stdout) == (1, "")
        assert told.stderr == "kvmctl: no manifests found in standard input; look at what writes to it\n"


@pytest.mark.parametrize("address", ["https://example.com/web.yaml", "http://127.0.0.1:1/", "git+ssh://host/repo"])
def test_manifests_are_not_fetched(tmp_path: Path, address: str) -> None:
    told = run(tmp_path, "apply", "--yes", "-f", address)
    assert (told.returncode, told.stdout) == (1, "")
    assert f"kvmctl: {address}: is on the network, and manifests are not fetched from there" in told.stderr
    assert "or pipe it to -f -" in told.stderr


# Tells on stderr the arguments of every program that is run.
WATCHED = """
import sys
def hear(event, arguments):
    if event in ("subprocess.Popen", "os.exec", "os.posix_spawn", "os.system"):
        sys.stderr.write(f"ran {arguments!r}\\n")
sys.addaudithook(hear)
from kvmctl.cli import main
main()
"""


@pytest.mark.parametrize(
    "source",
    ["env: KVMCTL_TEST_VALUE", "file: key.txt", "command: [sh, -c, 'echo told >&2; printenv KVMCTL_TEST_VALUE']"],
)
def test_the_value_of_a_secret_is_in_no_output_and_no_command_line(
    kvmctl: Any, conn: Any, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    monkeypatch.setenv("KVMCTL_TEST_VALUE", VALUE)
    (kvmctl.folder / "key.txt").write_text(VALUE + "\n")
    path = kvmctl.write({"secret/a": f"usage: ceph, value: {{{source}}}"})
    told = []
    for command in (
        ["plan", "--out", "plan.json"], ["apply", "plan.json", "--yes", "-o", "json"], ["drift"], ["apply", "--yes"],
        ["observe"],
    ):  # fmt: skip
        files = [] if command == ["observe"] else ["-f", path]
        argv = [sys.executable, "-c", WATCHED, *command, *files]
        done = kvmctl.box.run(argv, cwd=str(kvmctl.folder), timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr
        told.append(done.stdout + done.stderr)
    (held,) = (each for each in conn.listAllSecrets() if each.usageID() == "a")
    assert held.value() == VALUE.encode()
    assert ("ran ('sh'" in "".join(told)) == source.startswith("command")
    for each in (*told, (kvmctl.folder / "plan.json").read_text()):
        assert VALUE not in each
