"""Every example under manifests/ is planned, applied, planned again and removed, on real libvirt."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
MANIFESTS = REPOSITORY / "manifests"
EXAMPLES = sorted(path.name for path in MANIFESTS.glob("*.yaml"))


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_is_applied_and_removed(kvmctl: Any, conn: Any, example: str) -> None:
    path = str(MANIFESTS / example)
    planned = kvmctl.json("plan", "-f", path)
    assert planned["summary"]["create"] == len({each["address"] for each in planned["actions"]}) > 0
    assert not planned["refused"]
    kvmctl.run("apply", "-f", path, "--yes")
    assert "No changes" in kvmctl.run("plan", "-f", path, "--detailed-exitcode").stdout
    assert "No drift" in kvmctl.run("drift", "-f", path).stdout
    assert [domain.name() for domain in conn.listAllDomains()]
    kvmctl.run("delete", "-f", path, "--yes", "--allow-data-loss")
    assert not conn.listAllDomains()
    assert not conn.listAllNetworks()
    assert not conn.listAllStoragePools()


def test_all_examples_together_have_no_clash(kvmctl: Any) -> None:
    assert "all valid" in kvmctl.run("validate", "-f", str(MANIFESTS)).stdout


def test_the_demo_does_what_it_says(kvmctl: Any) -> None:
    program = kvmctl.folder / "bin" / "kvmctl"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\nexec " + " ".join(f"'{word}'" for word in kvmctl.argv()) + ' "$@"\n')
    program.chmod(0o755)
    shell = f'PATH={program.parent}:$PATH exec sh "{MANIFESTS / "demo.sh"}"'
    told = kvmctl.box.run(["sh", "-c", shell], timeout=120)
    assert told.returncode == 0, told.stdout + told.stderr
    assert "hello from a guest that booted from its own disk" in told.stdout
    assert "spec.powerState: is Paused, should be Running" in told.stdout


def test_the_hello_image_is_what_its_builder_builds() -> None:
    spec = importlib.util.spec_from_file_location("build_hello", MANIFESTS / "images" / "build_hello.py")
    assert spec is not None
    assert spec.loader is not None
    builder = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(builder)
    assert (MANIFESTS / "images" / "hello.raw").read_bytes() == builder.image()


def test_the_manifest_in_the_readme_is_valid(kvmctl: Any, tmp_path: Path) -> None:
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    manifest = next(block for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL) if "apiVersion" in block)
    (tmp_path / "readme.yaml").write_text(manifest, encoding="utf-8")
    assert "3 resources in the manifests, all valid" in kvmctl.run("validate", "-f", "readme.yaml").stdout
