"""Whatever is given to the loader, it reads it or names problems; it never raises anything else."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kvmctl import manifest
from kvmctl.document import decode, encode
from kvmctl.errors import ManifestError, Problem
from kvmctl.inventory import Address, Inventory
from kvmctl.manifest import careful
from kvmctl.manifest.lines import SurpriseError
from kvmctl.manifest.quick import Quick
from kvmctl.manifest.scalars import OddError
from kvmctl.manifest.writing import dump
from kvmctl.models.vm import VirtualMachine

MANIFEST = """\
# a machine and what it stands on
apiVersion: kvmctl/v1
kind: VirtualMachine
metadata:
  name: web1
  labels: {tier: web}
spec:
  powerState: Off
  memory: 512MiB
  vcpus: 2
  disks:
    - {target: vda, disk: root, bus: virtio}
  interfaces:
    - name: lan
      network: lab
      mac: 52:54:00:12:34:56
---
apiVersion: kvmctl/v1
kind: Disk
metadata: {name: root}
spec: {pool: default, size: 20GiB, format: qcow2}
"""


def load(text: str) -> tuple[Inventory, tuple[Problem, ...]]:
    """Return the resources, or the problems."""
    try:
        return manifest.load(["-"], text), ()
    except ManifestError as error:
        return {}, error.problems


YAML_PARTS = st.sampled_from(
    [
        "a: ",
        "b:\n",
        "  ",
        "- ",
        "[",
        "]",
        "{",
        "}",
        ",",
        "\n",
        "---\n",
        "...\n",
        "&x ",
        "*x",
        "!t ",
        "!!str ",
        "<<: ",
        "'",
        '"',
        "|\n",
        ">\n",
        "#c\n",
        "%YAML 1.1\n",
        "? ",
        ": ",
        "yes",
        "0755",
        "1.5",
        "~",
        "\t",
        "\\x01",
        "\u2028",
        "\x85",
        "\r",
        "\ufeff",
        "é",
        "x",
        "kind: List\n",
        "items:\n",
        "kind: Disk\n",
        "apiVersion: kvmctl/v1\n",
        "metadata: {name: a}\n",
        "spec: {pool: a, size: 1B}\n",
    ]
)


@settings(max_examples=1500, deadline=None)
@given(text=st.lists(YAML_PARTS, max_size=25).map("".join) | st.text(max_size=40))
@example("\ud800")
@example("{a: &x *x}")
@example("&x [*x]")
@example("? [a]\n: b")
def test_any_text_is_read_or_refused_with_problems(text: str) -> None:
    if not load(text)[0]:
        assert load(text)[1]


@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=60))
def test_any_bytes_are_read_or_refused_with_problems(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    file = tmp_path_factory.getbasetemp() / "fuzz.yaml"
    file.write_bytes(data)
    with pytest.raises(ManifestError):
        manifest.load([file])


@settings(max_examples=1000, deadline=None)
@given(data=st.data())
def test_manifests_with_a_piece_changed_are_read_or_refused(data: st.DataObject) -> None:
    text = MANIFEST
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(text)))
        end = min(len(text), start + data.draw(st.integers(0, 8)))
        text = text[:start] + data.draw(YAML_PARTS | st.text(max_size=3)) + text[end:]
    found, problems = load(text)
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    assert all(0 <= problem.line <= len(lines) + 1 for problem in problems)
    for resource in found.values():
        assert resource.origin is not None
        assert manifest.locate(resource.origin, ("spec",))[0] >= resource.origin.line


@settings(max_examples=1500, deadline=None)
@given(text=st.lists(YAML_PARTS, max_size=20).map("".join))
def test_the_quick_and_the_careful_reader_agree(text: str) -> None:
    if "\r" in text or "\u2028" in text or "\x85" in text or "\ufeff" in text:
        return
    slow = careful.read(text, "f", 1)
    try:
        value = Quick().read(text)
    except (SurpriseError, OddError, RecursionError):
        return
    if not slow.problems:
        assert value == slow.value
        assert repr(value) == repr(slow.value)
    else:  # what only the careful reader refuses are keys that aren't text, which no model takes
        assert all("key must be text" in problem.message or "deeper" in problem.message for problem in slow.problems)


@settings(max_examples=300, deadline=None)
@given(
    title=st.text(max_size=20),
    name=st.sampled_from(["1e5", "0755", "yes", "Off", "12:30:45", "null", "~", "<<", "=", "1_0", "0x1", "a b"]),
)
def test_what_is_dumped_is_loaded_again(title: str, name: str) -> None:
    try:
        spec = decode(VirtualMachine, {"memory": "1GiB", "description": title, "title": name, "powerState": "Off"})
    except ValueError:
        return
    document = {"apiVersion": "kvmctl/v1", "kind": "VirtualMachine", "metadata": {"name": name}, "spec": encode(spec)}
    text = dump([document])
    assert load(text)[0][Address("vm", name)].spec == spec
