from __future__ import annotations

import gc
import os
from typing import TYPE_CHECKING, Any

import pytest

from kvmctl import manifest
from kvmctl.codec import SwitchWord
from kvmctl.document import encode
from kvmctl.errors import ManifestError, Problem
from kvmctl.fields import UNSET
from kvmctl.inventory import Address, Inventory
from kvmctl.manifest.scalars import OddError, plain
from kvmctl.models.vm import VirtualMachine

if TYPE_CHECKING:
    from pathlib import Path

    from kvmctl.manifest import careful

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
SMALL = "apiVersion: kvmctl/v1\nkind: VirtualMachine\nmetadata: {name: %s}\nspec: {memory: 1GiB}\n"


def load(text: str) -> Inventory:
    return manifest.load(["-"], text)


def problems(text: str) -> tuple[Problem, ...]:
    with pytest.raises(ManifestError) as caught:
        load(text)
    return caught.value.problems


def test_load_gives_resources_by_address_with_canonical_values() -> None:
    found = load(MANIFEST)
    assert list(found) == [Address("vm", "web1"), Address("disk", "root")]
    web1 = found[Address("vm", "web1")]
    spec = web1.spec
    assert isinstance(spec, VirtualMachine)
    assert spec.memory is not None
    assert spec.memory.max == 2**29
    assert spec.power_state == "Off"
    assert type(spec.power_state) is str
    assert "autostart" not in encode(spec)
    assert spec.interfaces is not None
    assert spec.interfaces[0].mac == "52:54:00:12:34:56"
    assert dict(web1.labels) == {"tier": "web"}
    assert web1.origin is not None
    assert (web1.origin.file, web1.origin.line) == (manifest.STDIN, 1)


@pytest.mark.parametrize(
    ("path", "place"),
    [
        (("spec", "memory"), (9, 11)),
        (("spec", "vcpus", "max"), (10, 10)),
        (("spec", "disks", 0, "bus"), (12, 38)),
        (("spec", "interfaces", 0, "mac"), (16, 12)),
        (("spec", "interfaces", 0), (14, 7)),
        (("spec", "interfaces", 0, "model"), (14, 7)),
        (("spec", "clock", "offset"), (7, 1)),
        (("metadata", "name"), (5, 9)),
        ((), (2, 1)),
    ],
)
def test_locate_gives_the_place_of_a_field_or_of_what_is_around_it(path: careful.Path, place: tuple[int, int]) -> None:
    origin = load(MANIFEST)[Address("vm", "web1")].origin
    assert origin is not None
    assert manifest.locate(origin, path) == place


def test_locate_knows_later_documents_and_list_items() -> None:
    text = "kind: List\nitems:\n" + "".join(
        f"- {line}" if at == 0 else f"  {line}"
        for at, line in enumerate(MANIFEST.split("---\n")[1].splitlines(keepends=True))
    )
    for each, line in ((MANIFEST, 20), (text, 5)):
        origin = load(each)[Address("disk", "root")].origin
        assert origin is not None
        found = manifest.locate(origin, ("metadata", "name"))
        assert found[0] == line
        assert each.splitlines()[found[0] - 1][found[1] - 1 :].startswith("root")


def test_folders_are_read_whole_sorted_without_hidden_files(tmp_path: Path) -> None:
    for name in ("b.yaml", "a.yml", "sub/deep/c.yaml", ".hidden.yaml", ".git/d.yaml", "notes.txt"):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(SMALL % file.stem.strip("."))
    found = manifest.load([tmp_path])
    assert [address.name for address in found] == ["a", "b", "c"]


def test_a_file_named_twice_is_read_once(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(SMALL % "a")
    (tmp_path / "link.yaml").symlink_to(tmp_path / "a.yaml")
    assert len(manifest.load([tmp_path, tmp_path / "a.yaml", f"{tmp_path}/./a.yaml"])) == 1


def test_what_cannot_be_read_is_named_and_the_rest_is_checked(tmp_path: Path) -> None:
    (tmp_path / "wrong.yaml").write_text("kind: Disk\n")
    (tmp_path / "empty").mkdir()
    (tmp_path / "dangling.yaml").symlink_to("nowhere")
    with pytest.raises(ManifestError) as caught:
        manifest.load([tmp_path / "missing.yaml", tmp_path, tmp_path / "empty", "bad\0name"])
    said = {problem.file.removeprefix(f"{tmp_path}/"): problem.message for problem in caught.value.problems}
    assert said["missing.yaml"] == said["dangling.yaml"] == "can't be read: No such file or directory"
    assert said["empty"] == "no manifests in this folder"
    assert "null byte" in said["bad\0name"] or "null character" in said["bad\0name"]
    assert "wrong.yaml" in said


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_a_file_without_permission_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(SMALL % "a")
    (tmp_path / "a.yaml").chmod(0)
    with pytest.raises(ManifestError, match="1 problem"):
        manifest.load([tmp_path])


def test_byte_order_marks_and_windows_line_ends_do_not_disturb(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"\xef\xbb\xbf" + MANIFEST.replace("\n", "\r\n").encode())
    found = manifest.load([tmp_path])
    origin = found[Address("disk", "root")].origin
    assert origin is not None
    assert manifest.locate(origin, ("spec", "size")) == (21, 29)


def test_anchors_merges_and_standard_tags_are_read() -> None:
    text = (
        "apiVersion: kvmctl/v1\nkind: VirtualMachine\nmetadata: {name: &name web1}\n"
        "spec:\n  memory: 1GiB\n  title: *name\n"
        "  description: !!str 12\n"
        "  disks:\n    - &disk {target: vda, disk: root, bus: virtio, cache: none}\n    - {<<: *disk, target: vdb}\n"
        "    - {target: vdc, <<: [{bus: sata}, *disk], disk: data}\n"
    )
    spec = load(text)[Address("vm", "web1")].spec
    assert isinstance(spec, VirtualMachine)
    assert (spec.title, spec.description) == ("web1", "12")
    assert spec.disks is not None
    found = [(disk.target, disk.disk, disk.bus, disk.cache) for disk in spec.disks]
    assert found == [
        ("vda", "root", "virtio", "none"),
        ("vdb", "root", "virtio", "none"),
        ("vdc", "data", "sata", "none"),
    ]


def test_the_end_marker_ends_a_document() -> None:
    assert len(load(SMALL % "a" + "...\n# between\n" + SMALL % "b" + "... # end\n---\n")) == 2


def test_null_is_not_the_same_as_silence() -> None:
    spec = load(SMALL % "a" + "---\n" + (SMALL % "b").replace("1GiB", "1GiB, title: null, disks: []"))
    silent, told = (spec[Address("vm", name)].spec for name in "ab")
    assert isinstance(silent, VirtualMachine)
    assert isinstance(told, VirtualMachine)
    assert encode(silent) == {"memory": "1GiB"}
    assert encode(told) == {"memory": "1GiB", "title": None, "disks": []}


def test_the_collector_runs_again_after_loading() -> None:
    assert gc.isenabled()
    load(MANIFEST)
    assert gc.isenabled()
    problems("x")
    assert gc.isenabled()


def test_an_ipv6_address_gets_its_family() -> None:
    text = "apiVersion: kvmctl/v1\nkind: Network\nmetadata: {name: lab}\nspec:\n  ips:\n"
    text += "    - {address: 'fd00::1', prefix: 64}\n    - {address: 10.0.0.1}\n"
    spec: Any = load(text)[Address("network", "lab")].spec
    assert [ip.family for ip in spec.ips] == ["ipv6", UNSET]


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? ", "[{a: "])
@pytest.mark.parametrize("levels", [200, 3000, 200_000])
def test_nesting_without_end_is_a_problem_and_no_crash(opening: str, levels: int) -> None:
    (found,) = problems(opening * levels)
    assert "deeper than 64 levels" in found.message


def test_aliases_that_multiply_are_stopped() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{at}: &a{at} [{', '.join([f'*a{at - 1}'] * 10)}]" for at in range(1, 12)]
    (found,) = problems("\n".join(lines))
    assert "repeat more than" in found.message


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("~", None),
        ("null", None),
        ("true", True),
        ("False", False),
        ("0", 0),
        ("-12", -12),
        ("+7", 7),
        ("1.5", 1.5),
        ("52:54:00:00:00:00", "52:54:00:00:00:00"),
        ("12:30", "12:30"),
        ("2024-01-02", "2024-01-02"),
        ("192.168.1.1", "192.168.1.1"),
        ("-", "-"),
        ("=", "="),
        ("1GiB", "1GiB"),
        (".", "."),
        ("0x", "0x"),
        ("nul", "nul"),
        ("Off", SwitchWord("Off")),
        ("y", SwitchWord("y")),
    ],
)
def test_plain_words_mean_what_yaml_1_2_says(text: str, value: object) -> None:
    found = plain(text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "instead"),
    [
        ("0755", "493"),
        ("0o17", "15"),
        ("0x1F", "31"),
        ("0b101", "5"),
        ("1_000", "1000"),
        ("-010", "-8"),
        ("089", "89"),
        ("1e5", '"1e5"'),
        ("-.inf", '"-.inf"'),
        (".NaN", '".NaN"'),
        ("1" * 20, "at most"),
    ],
)
def test_numbers_that_readers_disagree_on_are_refused(text: str, instead: str) -> None:
    with pytest.raises(OddError) as caught:
        plain(text)
    assert instead in caught.value.hint


@pytest.mark.parametrize("kind", ["Host"])
def test_kinds_of_a_later_version_are_named_as_such(kind: str) -> None:
    (found,) = problems(f"apiVersion: kvmctl/v1\nkind: {kind}\nmetadata: {{name: a}}\nspec: {{}}\n")
    assert found.message == f"the kind {kind} can't be managed yet"
