"""What is there to begin with: init, the files of manifests/ci, the hook, completion, the manual page."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from kvmctl import starter

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY = Path(__file__).resolve().parent.parent
CI = REPOSITORY / "manifests" / "ci"
MAIN = [sys.executable, "-c", "from kvmctl.cli import main; main()"]
URI = "test:///default"


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which shells find kvmctl, and kvmctl libvirt's own test driver."""
    program = tmp_path / "bin" / "kvmctl"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\nexec " + " ".join(f"'{word}'" for word in MAIN) + ' "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("LIBVIRT_DEFAULT_URI", URI)
    return tmp_path


def sh(script: str, folder: Path, *argv: str, code: int = 0) -> str:
    """Return what a script prints in a folder; it has to exit with `code`."""
    words = [*(argv or ("bash", "-e", "-o", "pipefail", "-c")), script]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == code, f"{script}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


@pytest.fixture
def project(shell: Path) -> Path:
    """A new project, where the shells begin."""
    sh("kvmctl init shop", shell)
    return shell / "shop"


def test_a_new_project_works(project: Path) -> None:
    assert (project / "kvmctl.yaml").read_text().endswith("project: shop\n")
    assert "1 resource in the manifests, all valid" in sh("kvmctl validate", project)
    assert "+ vm/example  create  [none]" in sh("kvmctl plan", project)
    sh("kvmctl apply --yes", project)


def test_nothing_is_overwritten(project: Path) -> None:
    (project / "kvmctl.yaml").write_text("project: mine\n")
    before = {path: path.read_text() for path in project.rglob("*") if path.is_file()}
    message = "nothing was written: kvmctl.yaml is there already; move it away, or begin in another folder"
    assert sh("kvmctl init --ci gitlab", project, code=1) == f"kvmctl: {message}\n"
    assert {path: path.read_text() for path in project.rglob("*") if path.is_file()} == before


def test_what_an_existing_repository_has_is_kept(shell: Path) -> None:
    (shell / "manifests").mkdir()
    (shell / "manifests" / "mine.yaml").write_text("")
    (shell / ".gitignore").write_text("*.log\n")
    told = sh("kvmctl init --project shop --ci gitlab", shell)
    assert "kvmctl: .gitignore is kept; these belong there: /plan.json, /snapshot.json" in told
    assert (shell / ".gitignore").read_text() == "*.log\n"
    assert (shell / ".gitlab-ci.yml").exists()
    assert not (shell / "manifests" / "example.yaml").exists()


def test_a_name_that_no_project_can_have_is_refused(shell: Path) -> None:
    assert "can't be a project" in sh("kvmctl init --project 'a b'", shell, code=1)
    assert not (shell / "kvmctl.yaml").exists()


@pytest.mark.parametrize("ci", starter.CI)
def test_the_examples_are_what_init_writes(ci: str) -> None:
    path = starter.CI[ci]
    assert (CI / path).read_text() == starter.files("shop", ci)[path]


def test_the_examples_are_no_manifests(shell: Path) -> None:
    assert "no manifests in this folder" in sh(f"kvmctl validate -f {CI}", shell, code=1)


def read(path: str) -> Any:
    """Return what a file of a CI says; YAML 1.1 takes GitHub's `on` for a yes."""
    return yaml.safe_load((CI / path).read_text())


def test_the_workflow_of_github_runs(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(project / "summary"))
    workflow = read(".github/workflows/kvmctl.yaml")
    assert workflow[True].keys() == {"pull_request", "push", "schedule"}
    assert workflow["permissions"] == {"contents": "read", "actions": "read"}
    told = {}
    sh("kvmctl observe > snapshot.json", project)
    for name in ("plan", "apply", "drift"):
        for step in workflow["jobs"][name]["steps"]:
            assert ("uses" in step) != ("run" in step)
            assert re.fullmatch(r"actions/[a-z-]+@v\d+", step.get("uses", "actions/checkout@v4"))
            if "kvmctl " in step.get("run", "").replace("install", ""):
                code = 2 if step["run"].startswith("kvmctl drift") else 0
                told[name, step["name"]] = sh(step["run"], project, code=code)
    assert [*told] == [
        ("plan", "Check the manifests"), ("plan", "Plan"), ("apply", "Plan"), ("apply", "Apply"),
        ("apply", "Look at the host"), ("drift", "Look at the host"), ("drift", "Look for drift"),
    ]  # fmt: skip
    assert (project / "summary").read_text() == told["plan", "Plan"]
    assert "<code>vm/example</code> create" in told["plan", "Plan"]
    assert "::warning" in told["drift", "Look for drift"]
    assert "vm/example: create done" in told["apply", "Apply"]
    assert "${{ secrets" not in str(workflow["jobs"]["plan"]), "forks would have them"


def test_the_pipeline_of_gitlab_runs(project: Path) -> None:
    pipeline = read(".gitlab-ci.yml")
    jobs = {name: job for name, job in pipeline.items() if name != "stages"}
    assert {job["stage"] for job in jobs.values()} == set(pipeline["stages"])
    sh("kvmctl observe > snapshot.json", project)
    for name, job in jobs.items():
        for line in job["script"]:
            sh(line, project, code=2 if (name, line) == ("observe", "kvmctl drift") else 0)
    for line in jobs["plan"]["before_script"]:
        sh(line, project, "bash", "-n", "-c")
    assert jobs["observe"]["artifacts"] == {
        "when": "always", "paths": ["snapshot.json"], "reports": {"junit": "drift.xml"}
    }  # fmt: skip
    assert "vm/example" in (project / jobs["plan"]["artifacts"]["paths"][0]).read_text()
    assert [each.get("type") for each in ET.parse(project / "drift.xml").iter("failure")] == ["missing"]


def test_the_line_of_cron_mails_what_differs_and_nothing_else(project: Path) -> None:
    (line,) = [line for line in (CI / "kvmctl-drift.cron").read_text().splitlines() if line.startswith("*/15")]
    command = line.split(maxsplit=6)[6].replace("/srv/infra", str(project)).replace("git pull", "true")
    assert "%" not in command, "cron would take it for a line break"
    assert "  vm/example  missing" in sh(command, project, "sh", "-c")
    manifest = project / "manifests" / "example.yaml"
    manifest.write_text(manifest.read_text().replace("name: example", "name: test").replace("256MiB", "lots"))
    assert "lots is not a size" in sh(command, project, "sh", "-c")
    text = (
        manifest.read_text()
        .replace("Off", "Running")
        .replace("lots", "{max: 8GiB, current: 2GiB}")
        .replace("vcpus: 1", "vcpus: 2")
    )
    manifest.write_text(text)
    assert sh(command, project, "sh", "-c") == ""


def test_the_units_of_systemd_are_right(project: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze isn't here")
    program = str(project.parent / "bin" / "kvmctl")
    for name in ("kvmctl-drift.service", "kvmctl-drift.timer"):
        text = (CI / name).read_text().replace("/usr/local/bin/kvmctl", program).replace("/srv/infra", str(project))
        (project / name).write_text(text)
    told = sh("systemd-analyze verify --man=no ./kvmctl-drift.service ./kvmctl-drift.timer", project)
    assert "kvmctl-drift" not in told
    (command,) = re.findall(r"^ExecStart=(.*)$", (project / "kvmctl-drift.service").read_text(), re.MULTILINE)
    assert "Drift: 1 resource" in sh(command, project, code=2)


def test_the_hook_of_pre_commit_checks_the_manifests(project: Path) -> None:
    (hook,) = yaml.safe_load((REPOSITORY / ".pre-commit-hooks.yaml").read_text())
    assert {"id", "name", "entry", "language"} <= hook.keys()
    assert re.search(hook["files"], "manifests/example.yaml")
    assert not re.search(hook["files"], "README.md")
    assert hook["pass_filenames"] is False
    sh(hook["entry"], project)
    (project / "manifests" / "example.yaml").write_text("kind: Nonsense\n")
    sh(hook["entry"], project, code=1)


def completed(project: Path, words: str) -> list[str]:
    """Return what bash would offer after these words."""
    script = (
        'eval "$(kvmctl completion bash)"; '
        f"COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _kvmctl_completion kvmctl; "
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )
    return sh(script, project, "bash", "-c").split()


def test_bash_completes_commands_options_and_addresses(project: Path) -> None:
    assert completed(project, "kvmctl pl") == ["plan"]
    assert {"plan", "apply", "drift", "init"} <= set(completed(project, "kvmctl ''"))
    assert completed(project, "kvmctl plan --det") == ["--detailed-exitcode"]
    assert completed(project, "kvmctl plan --target vm/") == ["vm/example"]
    assert completed(project, "kvmctl delete vm/e") == ["vm/example"]
    assert completed(project, "kvmctl plan -o js") == ["json"]
    (project / "manifests" / "example.yaml").write_text("kind: Nonsense\n")
    assert completed(project, "kvmctl plan --target vm/") == []


def test_fish_and_zsh_complete_too(project: Path) -> None:
    sh("kvmctl completion zsh > _kvmctl; kvmctl completion fish > kvmctl.fish", project)
    if shutil.which("zsh"):
        sh("zsh -n _kvmctl", project)
    if shutil.which("fish"):
        script = "source kvmctl.fish; complete -C 'kvmctl plan --target vm/'; complete -C 'kvmctl dri'"
        told = sh(script, project, "fish", "--no-config", "-c").splitlines()
        assert [line.split("\t")[0] for line in told] == ["vm/example", "drift"]
    assert "#compdef kvmctl" in (project / "_kvmctl").read_text()
    assert "fish_complete" in (project / "kvmctl.fish").read_text()


def commands(group: Any, context: Any) -> Iterator[tuple[str, Any]]:
    """Yield each command of a group with its path."""
    import click

    for name in group.list_commands(context):
        found = group.get_command(context, name)
        below = click.Context(found, info_name=name, parent=context)
        yield below.command_path, found
        if isinstance(found, click.Group):
            yield from commands(found, below)


def test_the_manual_page_has_every_command_and_option(shell: Path) -> None:
    import click

    from kvmctl.cli.app import program

    page = sh("kvmctl man", shell)
    assert page == sh("kvmctl man", shell)
    for path, command in commands(program, click.Context(program, info_name="kvmctl")):
        section = page.split(f".SS {path}\n")[1].split(".SS ")[0].replace("\\-", "-")
        for parameter in command.params:
            if isinstance(parameter, click.Option) and not parameter.hidden:
                assert parameter.opts[0] in section, f"{path} {parameter.opts}"
    if shutil.which("man") is None:
        pytest.skip("man isn't here")
    (shell / "kvmctl.1").write_text(page)
    done = subprocess.run(
        ["man", "--warnings", "-l", "kvmctl.1"], cwd=shell, capture_output=True, text=True, check=False,
        env={**os.environ, "MANWIDTH": "100", "LC_ALL": "C.UTF-8"},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert "EXIT STATUS" in done.stdout
