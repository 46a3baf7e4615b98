"""The schema of plans as JSON: what kvmctl writes fits it, and little else does."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from kvmctl.apply import Status
from kvmctl.errors import Problem
from kvmctl.render import plan_json, plan_schema

REPOSITORY = Path(__file__).resolve().parent.parent
GOLDENS = sorted((REPOSITORY / "tests" / "cases").glob("*/*/plan.json"))
MAIN = [sys.executable, "-W", "error", "-c", "from kvmctl.cli import main; main()"]
URI = "test:///default"
HEAD = "apiVersion: kvmctl/v1\nkind: "
VM = "metadata: {name: test}\nspec: {memory: 4GiB, powerState: Running, autostart: true}\n"
NETWORK = "metadata: {name: lab}\nspec: {autostart: true, xml: '<network><dns enable=\"no\"/></network>'}\n"
WANTED = f"{HEAD}VirtualMachine\n{VM}---\n{HEAD}Network\n{NETWORK}"


@pytest.fixture(scope="module")
def committed() -> Any:
    return jsonschema.Draft202012Validator(json.loads((REPOSITORY / "schemas" / "plan.schema.json").read_text()))


def run(folder: Path, *arguments: str, code: int = 0) -> str:
    done = subprocess.run([*MAIN, *arguments], cwd=folder, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def test_every_golden_plan_fits(committed: Any) -> None:
    assert len(GOLDENS) > 200
    for golden in GOLDENS:
        committed.validate(json.loads(golden.read_text()))


def test_problems_fit(committed: Any) -> None:
    problem = Problem("message", "hint", "file", 1, 2, "field")
    committed.validate(plan_json.problems_document([problem]))


def test_it_is_printed_and_knows_every_end_of_an_action(committed: Any, tmp_path: Path) -> None:
    assert json.loads(run(tmp_path, "schema", "plan")) == committed.schema
    action = plan_schema.plan_schema()["$defs"]["action"]
    assert action["properties"]["status"]["enum"] == [each.value for each in Status]


@pytest.mark.parametrize(
    ("place", "name", "value"),
    [
        ((), "formatVersion", "2.0"), ((), "nonsense", 1),
        (("summary",), "create", -1), (("summary",), "create", None),
        (("actions", 0), "address", "web"), (("actions", 0), "disruption", "some"),
        (("actions", 0), "operation", "dance"),
        (("actions", 0, "because", 0), "path", "memory"), (("actions", 0), "equivalent", [1]),
    ],
)  # fmt: skip
def test_what_is_no_plan_does_not_fit(committed: Any, place: tuple[Any, ...], name: str, value: Any) -> None:
    plan = next(plan for path in GOLDENS if (plan := json.loads(path.read_text()))["actions"])
    part = plan
    for each in place:
        part = part[each]
    part[name] = value
    assert not committed.is_valid(plan)


def test_a_plan_is_saved_for_its_owner_and_applied_where_the_host_is_the_same(committed: Any, tmp_path: Path) -> None:
    (tmp_path / "manifests").mkdir()
    (tmp_path / "manifests" / "all.yaml").write_text(WANTED)
    (tmp_path / "snapshot.json").write_text(run(tmp_path, "observe", "-c", URI))
    (tmp_path / "plan.json").write_text("an older one, which others could read")
    run(tmp_path, "plan", "--against", "snapshot.json", "--out", "plan.json")
    saved = (tmp_path / "plan.json").read_text()
    assert stat.S_IMODE(os.stat(tmp_path / "plan.json").st_mode) == 0o600  # noqa: PTH116 - mode of the very file
    committed.validate(json.loads(saved))
    assert "<" not in saved
    run(tmp_path, "plan", "-c", URI, "--out", "again.json")
    assert (tmp_path / "again.json").read_text() == saved
    report = json.loads(run(tmp_path, "apply", "plan.json", "-c", URI, "--yes", "-o", "json"))
    committed.validate(report)
    assert {each["status"] for each in report["actions"]} == {"done"}
    (tmp_path / "manifests" / "all.yaml").write_text(WANTED.replace("4GiB", "3GiB"))
    stale = subprocess.run(
        [*MAIN, "apply", "plan.json", "-c", URI, "--yes"],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert stale.returncode == 3
    assert "plan.json is stale: no longer: vm/test" in stale.stderr
    assert "4GiB" in stale.stderr
    assert "3GiB" in stale.stderr
