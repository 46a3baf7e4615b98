"""Profiles: how specs merge, where a value is said to come from, and that nothing but manifests knows of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from kvmctl import manifest
from kvmctl.document import decode, encode
from kvmctl.errors import ManifestError, RefusedError
from kvmctl.fields import rows
from kvmctl.inventory import Address, Inventory
from kvmctl.layering import merged, missing, place_of
from kvmctl.models import KINDS
from kvmctl.models.profile import Profile
from kvmctl.models.profiled import Profiled
from kvmctl.models.vm import VirtualMachine
from kvmctl.planfile import must_be_same

if TYPE_CHECKING:
    from pathlib import Path

HEAD = "apiVersion: kvmctl/v1\n"
WEB1 = Address("vm", "web1")


def profile(name: str, spec: str) -> str:
    return f"{HEAD}kind: Profile\nmetadata: {{name: {name}}}\nspec: {{{spec}}}\n---\n"


def machine(spec: str, name: str = "web1") -> str:
    return f"{HEAD}kind: VirtualMachine\nmetadata: {{name: {name}, labels: {{tier: web}}}}\nspec: {{{spec}}}\n---\n"


def load(*documents: str) -> Inventory:
    return manifest.load(["-"], "".join(documents))


def spec_of(*documents: str) -> dict[str, Any]:
    """Return the spec of the machine web1, as a document."""
    return encode(load(*documents)[WEB1].spec)


def test_each_kind_can_have_profiles() -> None:
    assert set(rows(Profile)) == {kind.short for kind in KINDS}
    for kind in KINDS:
        row = rows(Profile)[kind.short]
        assert (row.model, row.part) == (kind.model, True)
        assert issubclass(kind.model, Profiled)


@pytest.mark.parametrize(
    ("below", "above", "both"),
    [
        ({"title": "a"}, {}, {"title": "a"}),
        ({"title": "a"}, {"title": "b"}, {"title": "b"}),
        ({"title": "a"}, {"title": None}, {"title": None}),
        ({"title": None}, {"title": "b"}, {"title": "b"}),
        ({"os": {"machine": "q35"}}, {"os": {"boot": ["hd"]}}, {"os": {"machine": "q35", "boot": ["hd"]}}),
        ({"os": {"boot": ["hd", "cdrom"]}}, {"os": {"boot": ["hd"]}}, {"os": {"boot": ["hd"]}}),
        ({"os": {"machine": "q35"}}, {"os": None}, {"os": None}),
        ({"os": None}, {"os": {"machine": "q35"}}, {"os": {"machine": "q35"}}),
        (
            {"disks": [{"target": "vda", "cache": "none"}]},
            {"disks": [{"target": "vda"}]},
            {"disks": [{"target": "vda"}]},
        ),
        ({"disks": [{"target": "vda"}]}, {"disks": []}, {"disks": []}),
        ({"vcpus": 2}, {"vcpus": {"max": 4}}, {"vcpus": {"max": 4, "current": 2}}),
        ({"vcpus": {"max": 4, "current": 2}}, {"vcpus": 1}, {"vcpus": 1}),
    ],
)
def test_groups_merge_and_all_else_is_replaced(below: Any, above: Any, both: Any) -> None:
    under, over = (decode(VirtualMachine, each, part=True) for each in (below, above))
    assert encode(merged(under, over)) == both
    assert encode(under) == encode(decode(VirtualMachine, below, part=True))


def test_a_part_may_lack_what_is_required_outside_of_lists() -> None:
    lacking = [(kind.short, path) for kind in KINDS for path in missing(decode(kind.model, {}, part=True))]
    assert ("vm", ("spec", "memory")) in lacking
    assert list(missing(decode(VirtualMachine, {"memory": "1GiB"}))) == []


def test_later_profiles_go_over_earlier_ones_and_the_own_spec_over_all() -> None:
    profiles = [
        profile("base", "vm: {memory: 1GiB, title: base, description: base, emulator: /base}"),
        profile("web", "vm: {title: web, description: web}"),
    ]
    own = "description: own"
    assert spec_of(*profiles, machine(f"profiles: [base, web], {own}")) == {
        "memory": "1GiB", "title": "web", "description": "own", "emulator": "/base",
    }  # fmt: skip
    assert spec_of(*profiles, machine(f"profiles: [web, base], {own}"))["title"] == "base"
    assert spec_of(machine(f"profiles: [web, base], {own}"), *profiles)["title"] == "base"


def test_profiles_use_profiles_and_what_is_used_twice_counts_where_it_is_named_last() -> None:
    profiles = [
        profile("base", "vm: {memory: 1GiB, title: base, description: base}"),
        profile("web", "vm: {profiles: [base], title: web}"),
        profile("db", "vm: {profiles: [base], description: db}"),
    ]
    assert spec_of(*profiles, machine("profiles: [web, db]")) == {
        "memory": "1GiB", "title": "base", "description": "db",
    }  # fmt: skip
    web1 = load(*profiles, machine("profiles: [web, db]"))[WEB1]
    assert [layer.profile for layer in web1.layers] == ["", "db", "base", "web"]


def test_a_long_chain_of_profiles_is_no_deep_recursion() -> None:
    count = 3000
    chain = [profile(f"p{at}", f"vm: {{profiles: [p{at + 1}]}}") for at in range(count)]
    found = spec_of(machine("profiles: [p0]"), *chain, profile(f"p{count}", "vm: {memory: 1GiB}"))
    assert found == {"memory": "1GiB"}


def test_an_explicit_empty_list_of_profiles_is_a_spec_like_any_other() -> None:
    assert spec_of(machine("profiles: [], memory: 1GiB")) == {"memory": "1GiB"}
    assert load(machine("profiles: null, memory: 1GiB"))[WEB1].layers == ()
    with pytest.raises(ManifestError, match="1 problem"):
        load(machine("profiles: []"))


def test_machines_share_what_their_profiles_hold() -> None:
    found = load(
        profile("base", "vm: {memory: 1GiB, os: {machine: q35}}"),
        *(machine("profiles: [base]", f"m{at}") for at in range(9)),
    )
    assert len({id(resource.layers[1].spec) for resource in found.values()}) == 1
    assert len({id(resource.spec.__dict__["os"]) for resource in found.values()}) == 1


def test_a_path_is_relative_to_the_file_that_says_it(tmp_path: Path) -> None:
    from kvmctl.sources import source_path

    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "image.yaml").write_text(
        profile("image", "disk: {pool: p, source: {path: a.raw, format: raw}}")
    )
    disk = f"{HEAD}kind: Disk\nmetadata: {{name: NAME}}\nspec: {{profiles: [image]MORE}}\n---\n"
    own = disk.replace("NAME", "own").replace("MORE", ", source: {path: b.raw}")
    (tmp_path / "disks.yaml").write_text(disk.replace("NAME", "theirs").replace("MORE", "") + own)
    found = manifest.load([tmp_path])
    assert source_path(found[Address("disk", "theirs")]) == tmp_path / "profiles" / "a.raw"
    assert source_path(found[Address("disk", "own")]) == tmp_path / "b.raw"


@pytest.mark.parametrize(
    ("path", "profile_name", "place", "partly"),
    [
        (("memory",), "base", ("spec", "vm", "memory"), False),
        (("memory", "max"), "base", ("spec", "vm", "memory", "max"), False),
        (("title",), "", ("spec", "title"), False),
        (("os",), "base", ("spec", "vm", "os"), True),
        (("os", "machine"), "base", ("spec", "vm", "os", "machine"), False),
        (("os", "firmware"), "", ("spec", "os", "firmware"), False),
        (("disks", "[vdb]", "cache"), "base", ("spec", "vm", "disks", 1, "cache"), False),
        (("disks", 1, "cache"), "base", ("spec", "vm", "disks", 1, "cache"), False),
        (("disks", "[vdc]"), "base", ("spec", "vm", "disks"), False),
        (("inputs", "[0]"), "", ("spec", "inputs"), False),
        (("clock", "offset"), "", ("spec", "clock", "offset"), False),
        (("features",), "", ("spec", "features"), False),
        (("xml", "[domain/on_lockfailure]"), "base", ("spec", "vm", "xml", "[domain/on_lockfailure]"), False),
        (("vcpus", "placement"), "base", ("spec", "vm", "vcpus", "placement"), False),
    ],
)
def test_where_a_value_comes_from(path: Any, profile_name: str, place: Any, partly: bool) -> None:
    disks = "[{target: vda, file: /a, format: raw}, {target: vdb, file: /b, format: raw, cache: none}]"
    xml = "'<domain><on_lockfailure>poweroff</on_lockfailure></domain>'"
    base = (
        f"memory: 1GiB, title: base, os: {{machine: q35}}, disks: {disks}, vcpus: 2, clock: {{offset: utc}}, xml: {xml}"
    )
    own = "profiles: [base], title: own, os: {firmware: uefi}, inputs: [], clock: {offset: localtime}"
    found = place_of(load(profile("base", f"vm: {{{base}}}"), machine(own))[WEB1], ("spec", *path))
    assert found is not None
    assert (found.profile, found.path, found.partly) == (profile_name, place, partly)


def test_the_plan_and_drift_tell_the_profile(kvmctl: Any) -> None:
    base = kvmctl.folder / "base.yaml"
    base.write_text(profile("base", "vm: {type: qemu, memory: 64MiB, description: a}"))
    web = kvmctl.folder / "web.yaml"
    web.write_text(machine("profiles: [base], title: a"))
    kvmctl.run("apply", "-f", ".", "--yes")
    assert "No changes" in kvmctl.run("plan", "-f", ".").stdout
    assert kvmctl.run("get", "--all").stdout.count("base") == 0
    base.write_text("# moved down\n" + base.read_text().replace("description: a", "description: b"))
    web.write_text(web.read_text().replace("title: a", "title: b"))
    told = [line.strip() for line in kvmctl.run("plan", "-f", ".").stdout.splitlines()]
    assert "spec.description  a → b  (profile base, base.yaml:5)" in told
    assert "spec.title        a → b" in told
    assert "is a, should be b  (profile base, base.yaml:5)" in kvmctl.run("drift", "-f", ".", code=2).stdout
    causes = [cause for action in kvmctl.json("plan", "-f", ".")["actions"] for cause in action["because"]]
    assert [cause.get("source") for cause in sorted(causes, key=lambda cause: str(cause["path"]))] == [
        {"file": "base.yaml", "line": 5, "profile": "base"}, None,
    ]  # fmt: skip


def test_a_profile_is_no_resource(kvmctl: Any) -> None:
    manifests = kvmctl.folder / "all.yaml"
    other = f"{HEAD}kind: Network\nmetadata: {{name: lab}}\nspec: {{}}\n"
    manifests.write_text(profile("base", "vm: {type: qemu, memory: 64MiB}") + machine("profiles: [base]") + other)
    assert "2 resources" in kvmctl.run("validate", "-f", "all.yaml").stdout
    for choice in (["--target", "vm/web1"], ["-l", "tier=web"]):
        planned = kvmctl.json("plan", "-f", "all.yaml", *choice)
        assert [action["address"] for action in planned["actions"]] == ["vm/web1"]
        assert planned["actions"][0]["because"][0]["source"]["profile"] == "base"
    assert "not an address" in kvmctl.run("plan", "-f", "all.yaml", "--target", "profile/base", code=1).stderr
    assert "no kind" in kvmctl.run("get", "profile", code=1).stderr
    kvmctl.run("apply", "-f", "all.yaml", "--yes")
    assert "profile" not in kvmctl.run("import", "--all").stdout.lower()
    assert "profile" not in kvmctl.run("delete", "-f", "all.yaml", "--yes").stdout.lower()


def test_a_saved_plan_stays_good_when_a_profile_moves_in_its_file(tmp_path: Path) -> None:
    def document(line: int, after: str) -> dict[str, Any]:
        cause = {"path": "spec.title", "before": None, "after": after, "source": {"profile": "base", "line": line}}
        common = {"address": "vm/a", "operation": "create", "disruption": "none", "equivalent": []}
        return {"formatVersion": "1.0", "actions": [common | {"because": [cause]}]}

    saved = tmp_path / "plan.json"
    saved.write_text(json.dumps(document(3, "a")))
    must_be_same(saved, document(9, "a"))
    with pytest.raises(RefusedError):
        must_be_same(saved, document(3, "b"))
