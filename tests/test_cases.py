"""The story cases: each folder says what is wanted and what exists, and what kvmctl makes of it.

tests/cases/KIND/STORY/ holds `manifest.yaml` (what is wanted); `live.xml`, or KIND.NAME.xml for several objects (the
inactive definition as libvirt 9.0 prints it; absent: the object doesn't exist); `running.xml` or running.KIND.NAME.xml
(the definition in effect, where it isn't the inactive one); `state.yaml` (what isn't in the XML). Goldens: `plan.txt`,
`plan.json`, and `after.xml` or after.KIND.NAME.xml (what is defined); of some stories `reports/`, the other formats.
`pytest --regenerate` writes the goldens; review them as a diff. What can't run on the hosts of the tests says why in
`state.yaml`, under `real`.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
import yaml

from kvmctl import cloudinit, manifest, ownership, xmlio
from kvmctl.apply.definition import fresh_xml, only_xml
from kvmctl.apply.result import Result, Status
from kvmctl.credentials import fetched
from kvmctl.diff import diff
from kvmctl.fields import UNSET, Model, Shape, rows
from kvmctl.hypervisor import DomainEntry, NetworkEntry, NwFilterEntry, PoolEntry, SecretEntry, VolumeEntry
from kvmctl.images import ImageInfo
from kvmctl.inventory import Address, Inventory, Live, Resource, secret_name
from kvmctl.models import BY_SHORT, KINDS
from kvmctl.models.metadata import Metadata
from kvmctl.moving import Surroundings, User
from kvmctl.observe import HostFacts, Observation, disks, look, reading, snapshots
from kvmctl.observe.guests import CutOff
from kvmctl.plan import Looked, Plan, build
from kvmctl.render import (
    commands,
    dot,
    drift_text,
    github,
    html,
    junit,
    line,
    markdown,
    mermaid,
    plan_json,
    plan_text,
    prometheus,
    report,
    sarif,
    svg,
)
from kvmctl.render.topology import topology
from kvmctl.resolve import resolve

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from kvmctl.sandbox import Sandbox

CASES = Path(__file__).resolve().parent / "cases"
FOLDERS = sorted(path.parent for path in CASES.glob("*/*/manifest.yaml") if path.parent.parent.name != "bad")
every_story = pytest.mark.parametrize("folder", FOLDERS, ids=[f"{path.parent.name}-{path.name}" for path in FOLDERS])

SHORT = {kind.element: kind.short for kind in KINDS}
HERE = "/manifests"
TOLD_FACTS: tuple[tuple[str, str, Callable[[Any], object]], ...] = (
    ("usedBy", "used_by", dict),
    ("users", "around", lambda users: Surroundings(tuple(User(**user) for user in users))),
    ("guests", "guests", tuple),
    ("cutOff", "cut_off", lambda interfaces: tuple(CutOff(**each) for each in interfaces)),
)
"""What a story's state tells of an object: its name there, that of the fact, and how the fact is made."""
HOST = {"arch": "x86_64", "types": {"x86_64": ["qemu"]}}


@dataclass(frozen=True)
class Story:
    """One folder, read and planned."""

    folder: Path
    state: Mapping[str, Any]
    want: Inventory
    seen: Observation
    plan: Plan


@cache
def story(folder: Path) -> Story:
    """Return the story of a folder, planned without libvirt."""
    state = _state(folder)
    want = manifest.load([folder / "manifest.yaml"])
    seen = observation(folder, want, state)
    resolved, problems = resolve(want, seen.inventory)
    assert not problems
    images = {_address(name): _image(told) for name, told in state.get("sources", {}).items()}
    seeds = cloudinit.prepare(resolved, seen.inventory, cast("Any", _Volumes(folder, state)), fetched)
    return Story(folder, state, want, seen, build(resolved, seen, Looked(images, seeds=seeds)))


class _Volumes:
    """The pools of a story's folder and their volumes, as a read-only connection would list them."""

    readonly = True

    def __init__(self, folder: Path, state: Mapping[str, Any]) -> None:
        entries = {each: _entry(each, xml, state.get(str(each), {})) for each, xml in definitions(folder).items()}
        self._pools = [entry for address, entry in entries.items() if address.kind == "pool"]
        self._volumes = [entry for address, entry in entries.items() if address.kind == "disk"]

    def pools(self) -> list[PoolEntry]:
        return self._pools

    def volumes(self, pool: PoolEntry) -> list[VolumeEntry]:
        return [each for each in self._volumes if each.pool == pool.name]


def _state(folder: Path) -> Mapping[str, Any]:
    file = folder / "state.yaml"
    return cast("Mapping[str, Any]", yaml.safe_load(file.read_text())) if file.exists() else {}


def _address(text: str) -> Address:
    kind, _, name = text.partition("/")
    return Address(kind, name)


def _image(told: Mapping[str, Any]) -> ImageInfo:
    return ImageInfo(Path(told["path"]), told["format"], told["virtualSize"], told["allocation"])


def definitions(folder: Path, prefix: str = "") -> dict[Address, str]:
    """Return the XML of the files of a folder: the inactive definitions, or those with a prefix."""
    files = sorted(folder.glob("*.xml"))
    special = ("running", "after")
    if prefix:
        chosen = [file for file in files if file.name.split(".")[0] == prefix]
    else:
        chosen = [file for file in files if file.name.split(".")[0] not in special]
    found = {}
    for file in chosen:
        text = file.read_text()
        root = ET.fromstring(text)
        found[_address_of(root)] = text
    return found


def _address_of(root: ET.Element) -> Address:
    if root.tag == "secret":
        usage_id = root.findtext("usage/name") or root.findtext("usage/target") or root.findtext("usage/volume") or ""
        return Address("secret", secret_name(usage_id, root.findtext("uuid", "")))
    return Address(SHORT[root.tag], root.get("name", "") or root.findtext("name", ""))


def observation(folder: Path, want: Inventory, state: Mapping[str, Any]) -> Observation:
    """Return what observe would have seen on a host with the folder's objects; the same functions read the XML."""
    running, masks = definitions(folder, "running"), look._masks(want)
    found = {}
    hidden: set[Address] = set()
    for address, xml in definitions(folder).items():
        told = state.get(str(address), {})
        entry = _entry(address, xml, told)
        active = getattr(entry, "active", False)
        has_running = active and address.kind in ("vm", "network")
        running_xml = running.get(address, xml) if has_running else ""
        resource = reading.resource(address, entry, xml, masks.get(address), running_xml)
        more = {fact: make(told[name]) for name, fact, make in TOLD_FACTS if name in told}
        if more:
            live = cast("Live", resource.live)
            resource = resource._replace(live=live._replace(facts={**live.facts, **more}))
        if address in masks:
            found[address] = resource
        if address.kind == "pool" and not active:
            hidden.update(each for each, other in want.items() if _in_pool(other, address))
    host = {**HOST, **state.get("host", {})}
    types = {arch: tuple(offered) for arch, offered in host["types"].items()}
    found = with_snapshots(found, want, state)
    facts = HostFacts("qemu:///system", "9.0.0", "QEMU 7.2.0", host["arch"], types)
    return Observation(disks.with_backing_names(dict(sorted(found.items()))), frozenset(hidden), facts)


def with_snapshots(
    found: dict[Address, Resource], want: Inventory, state: Mapping[str, Any]
) -> dict[Address, Resource]:
    """Return the inventory with the snapshots that `state.yaml` tells of machines whose manifest states some."""
    stated = {address.name for address in found if address in want and snapshots._states(want[address])}
    machines = {address.name: live.xml for address, each in found.items() if (live := each.live)}
    taken = {
        name: tuple(snapshots.taken(_of_machine(xml, machines[name])) for xml in _snapshots(state, name))
        for name in stated
    }
    return snapshots.added(found, taken, stated, stated) if stated else found


def _snapshots(state: Mapping[str, Any], name: str) -> list[str]:
    return cast("list[str]", state.get(f"vm/{name}", {}).get("snapshots", []))


def _of_machine(snapshot: str, machine: str) -> str:
    """Return a snapshot's XML as libvirt tells it, with the machine's definition."""
    root = ET.fromstring(snapshot)
    root.append(ET.fromstring(machine))
    return ET.tostring(root, encoding="unicode")


def _in_pool(resource: Resource, pool: Address) -> bool:
    return resource.address.kind == "disk" and cast("Any", resource.spec).pool == pool.name


def _entry(address: Address, xml: str, told: Mapping[str, Any]) -> Any:
    root = ET.fromstring(xml)
    uuid, autostart = root.findtext("uuid", ""), told.get("autostart", False)
    persistent = told.get("persistent", True)
    match address.kind:
        case "vm":
            power = told.get("power", "Off")
            active, paused = power != "Off", power == "Paused"
            return DomainEntry(address.name, uuid, active, paused, autostart, persistent, False, None)
        case "network":
            return NetworkEntry(address.name, uuid, told.get("active", True), autostart, persistent, None)
        case "pool":
            return PoolEntry(address.name, uuid, told.get("active", True), autostart, persistent, None)
        case "secret":
            return SecretEntry(uuid, "", address.name, None)
        case "nwfilter":
            return NwFilterEntry(address.name, uuid, False, None)
        case _:
            return VolumeEntry(told.get("pool", "default"), address.name, root.findtext("key", ""), None)


def after(told: Story) -> dict[Address, str]:
    """Return the XML that libvirt will keep of each object whose definition the plan makes or changes."""
    found = {}
    for address, resource in told.plan.want.items():
        have = told.seen.inventory.get(address)
        if told.plan.refused or address.kind == "disk":
            continue
        if have is None:
            found[address] = fresh_xml(address, resource.spec)
            continue
        xml = cast("Live", have.live).xml
        if (changed := written(xml, resource.spec)) != xmlio.serialize(xmlio.parse(xml)):
            found[address] = changed
    return found


def written(xml: str, spec: Model) -> str:
    """Return the definition with what the spec states written onto it."""
    root = xmlio.parse(xml)
    xmlio.write(root, spec)
    return xmlio.serialize(root)


def goldens(told: Story) -> dict[str, str]:
    """Return the texts of the golden files by their names."""
    made = after(told)
    lone = len(told.plan.want) == 1
    names = {address: "after.xml" if lone else f"after.{address.kind}.{address.name}.xml" for address in made}
    return {
        "plan.txt": line.plain(plan_text.lines(told.plan)).replace(str(told.folder), HERE),
        "plan.json": plan_json.text(plan_json.document(told.plan)).replace(str(told.folder), HERE),
        **{names[address]: text + "\n" for address, text in made.items()},
    }


@every_story
def test_the_plan_is_the_golden_one(folder: Path, request: pytest.FixtureRequest) -> None:
    made = goldens(story(folder))
    if request.config.getoption("--regenerate"):
        for old in folder.glob("after*.xml"):
            old.unlink()
        for name, text in made.items():
            (folder / name).write_text(text)
    kept = {file.name: file.read_text() for file in (*folder.glob("plan.*"), *folder.glob("after*.xml"))}
    assert made == kept


REPORTED = ("whole/half-there", "whole/profiles", "whole/refused-and-changed", "vm/running-pending-and-changed")
"""The stories that are told in all formats."""
FORMATS = {
    "md": markdown.text, "junit.xml": junit.text, "sarif": sarif.text, "github": github.text, "prom": prometheus.text,
    "html": html.text,
}  # fmt: skip

GRAPHS = {"mermaid": mermaid.text, "dot": dot.text, "svg": svg.text}


def apply_results(plan: Plan) -> list[Result]:
    """Return what an apply came to whose second action failed and held up the rest."""
    ends = [(Status.DONE, "", ""), (Status.FAILED, "no space left on device", "make room, then apply again")]
    held_up = (Status.SKIPPED, "needs what failed", "")
    return [Result(action, *(ends[at] if at < len(ends) else held_up)) for at, action in enumerate(plan.actions)]


@pytest.mark.parametrize("name", REPORTED)
def test_the_reports_are_the_golden_ones(name: str, request: pytest.FixtureRequest) -> None:
    folder = CASES / name
    plan = story(folder).plan
    told = {
        "plan": report.of_plan(plan), "drift": report.of_drift(plan),
        "apply": report.of_apply(plan, apply_results(plan)),
    }  # fmt: skip
    made = {
        f"{command}.{ending}": text(each).replace(str(folder), HERE)
        for command, each in told.items()
        for ending, text in FORMATS.items()
    }
    graph = topology(story(folder).want)
    made |= {f"graph.{ending}": text(graph) for ending, text in GRAPHS.items()}
    if request.config.getoption("--regenerate"):
        shutil.rmtree(folder / "reports", ignore_errors=True)
        (folder / "reports").mkdir()
        for file, text in made.items():
            (folder / "reports" / file).write_text(text)
    assert made == {file.name: file.read_text() for file in (folder / "reports").iterdir()}


@every_story
def test_the_definition_afterwards_is_the_wanted_one(folder: Path) -> None:
    told = story(folder)
    for address, text in after(told).items():
        spec = told.plan.want[address].spec
        meant = only_xml(spec)
        kept = xmlio.read(type(spec), xmlio.parse(text), meant)
        assert diff(kept, meant) == ()
        assert written(text, spec) == xmlio.serialize(xmlio.parse(text))


@every_story
def test_only_planned_objects_are_defined_anew(folder: Path) -> None:
    told = story(folder)
    assert after(told).keys() <= {action.address for action in told.plan.actions}


@every_story
def test_the_texts_keep_their_promises(folder: Path) -> None:
    plan = story(folder).plan
    text, runbook = line.plain(plan_text.lines(plan)), "\n".join(commands.lines(plan)) + "\n"
    assert ("No changes" in text) is (not plan.actions)
    assert ("No changes" in runbook) is (not plan.actions)
    drift = line.plain(drift_text.lines(plan))
    assert ("No drift" in drift) is (plan.is_empty and not plan.kept)
    document = plan_json.document(plan)
    assert json.loads(plan_json.text(document)) == document
    for told in (text, runbook, drift, plan_json.text(document)):
        assert "<domain" not in told
        assert "</" not in re.sub("virsh net-update [^\n]*", "", told), "that command takes an element, and no other"
        assert "UNSET" not in told
    subprocess.run(["sh", "-n"], input=runbook, text=True, check=True)


def fields(model: type[Model]) -> Iterator[str]:
    """Yield every field of a model and of those within it; what several hold is declared once, and counts once."""
    for name, row in rows(model).items():
        yield f"{model.__name__}.{name}"
        if row.model is not None:
            yield from fields(row.model)


def occurring(instance: Model) -> Iterator[str]:
    """Yield every field that an instance, or one within it, sets to something."""
    for name, row in rows(type(instance)).items():
        value = getattr(instance, row.name)
        if value is UNSET or value is None:
            continue
        yield f"{type(instance).__name__}.{name}"
        for item in (value,) if row.shape is Shape.MODEL else value if row.shape is Shape.MODELS else ():
            yield from occurring(item)


def test_every_field_occurs_in_a_case() -> None:
    declared = {path for kind in KINDS for path in fields(kind.model)}
    declared |= {f"metadata.{name}" for name in rows(Metadata)}
    found = set()
    for folder in FOLDERS:
        for resource in story(folder).want.values():
            found |= {"metadata.name", *occurring(resource.spec)}
            found |= {path for layer in resource.layers for path in occurring(layer.spec)}
            found |= {f"metadata.{name}" for name in ("labels", "annotations") if getattr(resource, name)}
    assert declared - found == set()


def test_every_folder_of_cases_is_a_story() -> None:
    kinds = [path for path in CASES.iterdir() if path.is_dir() and path.name != "bad"]
    assert sorted(path for kind in kinds for path in kind.iterdir()) == FOLDERS
    assert {path.name for path in kinds} <= {*BY_SHORT, "whole"}


def set_up(told: Story, conn: Any) -> None:
    """Make the folder's objects on a real host, in the state that the story begins with."""
    inactive, running = definitions(told.folder), definitions(told.folder, "running")
    for kind in ("secret", "nwfilter", "network", "pool", "disk", "vm"):
        addresses = [address for address in inactive if address.kind == kind]
        for address in sorted(addresses, key=lambda each: "<backingStore>" in inactive[each]):
            state = told.state.get(str(address), {})
            _MAKERS[kind](conn, inactive[address], running.get(address), state)


def _make_network(conn: Any, xml: str, running: str | None, state: Mapping[str, Any]) -> None:
    network = conn.networkDefineXML(running or xml)
    if state.get("active", True):
        network.create()
    if running:
        conn.networkDefineXML(xml)
    network.setAutostart(state.get("autostart", False))


def _make_pool(conn: Any, xml: str, _running: str | None, state: Mapping[str, Any]) -> None:
    pool = conn.storagePoolDefineXML(xml)
    if state.get("active", True):
        pool.build()
        pool.create()
    pool.setAutostart(state.get("autostart", False))


def _make_disk(conn: Any, xml: str, _running: str | None, state: Mapping[str, Any]) -> None:
    conn.storagePoolLookupByName(state.get("pool", "default")).createXML(xml)


def _make_secret(conn: Any, xml: str, _running: str | None, state: Mapping[str, Any]) -> None:
    secret = conn.secretDefineXML(xml)
    if "value" in state:
        secret.setValue(state["value"].encode())


def _make_nwfilter(conn: Any, xml: str, _running: str | None, _state: Mapping[str, Any]) -> None:
    conn.nwfilterDefineXML(xml)


def _make_machine(conn: Any, xml: str, running: str | None, state: Mapping[str, Any]) -> None:
    import libvirt

    power, persistent = state.get("power", "Off"), state.get("persistent", True)
    flags = libvirt.VIR_DOMAIN_START_PAUSED if power == "Paused" else 0
    if not persistent:
        conn.createXML(xml, flags)
        return
    domain = conn.defineXML(running or xml)
    if power != "Off":
        domain.createWithFlags(flags)
    if running:
        conn.defineXML(xml)
    domain.setAutostart(state.get("autostart", False))
    for snapshot in state.get("snapshots", []):
        domain.snapshotCreateXML(snapshot)


_MAKERS: dict[str, Callable[[Any, str, str | None, Mapping[str, Any]], None]] = {
    "secret": _make_secret, "nwfilter": _make_nwfilter, "network": _make_network, "pool": _make_pool,
    "disk": _make_disk, "vm": _make_machine,
}  # fmt: skip


def kept_by_libvirt(conn: Any, address: Address) -> ET.Element:
    """Return the inactive definition that libvirt has, without the mark that says whose the object is."""
    import libvirt

    match address.kind:
        case "vm":
            xml = conn.lookupByName(address.name).XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)
        case "network":
            xml = conn.networkLookupByName(address.name).XMLDesc(libvirt.VIR_NETWORK_XML_INACTIVE)
        case "nwfilter":
            xml = conn.nwfilterLookupByName(address.name).XMLDesc()
        case "secret":
            xml = next(
                each.XMLDesc() for each in conn.listAllSecrets() if address.name in (each.usageID(), each.UUIDString())
            )
        case _:
            xml = conn.storagePoolLookupByName(address.name).XMLDesc(libvirt.VIR_STORAGE_XML_INACTIVE)
    return ET.fromstring(ownership.split(xml)[0])


def surplus(real: ET.Element, meant: ET.Element, path: str = "") -> Iterator[str]:
    """Yield the places that the real tree has beyond the meant one; AssertionError where it lacks one of those."""
    here = f"{path}/{real.tag}"
    assert (real.text or "").strip() == (meant.text or "").strip(), here
    for name, value in meant.attrib.items():
        if (name, value) == ("current", meant.text):
            continue  # libvirt leaves the number of CPUs out where all are plugged in
        assert (name, real.get(name)) == (name, _machine(name, real.get(name), value)), here
    yield from (f"{here}/@{name}" for name in real.attrib.keys() - meant.attrib.keys())
    left = list(real)
    for each in meant:
        found = next((one for one in left if one.tag == each.tag and not _clashes(one, each)), None)
        assert found is not None, f"{here} lacks {ET.tostring(each, encoding='unicode')}"
        left.remove(found)
        yield from surplus(found, each, here)
    yield from (f"{here}/{one.tag}" for one in left)


def _clashes(real: ET.Element, meant: ET.Element) -> bool:
    try:
        list(surplus(real, meant))
    except AssertionError:
        return True
    return False


def _machine(name: str, real: str | None, meant: str) -> str | None:
    """Return what libvirt makes of an attribute: it writes the version of a machine type for its alias."""
    return real if name == "machine" and real and real.startswith("pc-") and meant in ("q35", "pc") else meant


# What libvirt adds to a device that is new; of those that were there before, nothing of it is ever lost.
FILLED_IN = {"address", "alias", "mac", "uuid", "controller", "iothreadids", "log", "@port", "@bus", "@device", "@dev"}


@pytest.fixture
def real(
    folder: Path, conn: Any, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., int]:
    """A host with the story's objects, and a function that runs the program on it with the story's manifest."""
    from kvmctl.cli.app import run

    told = story(folder)
    if reason := told.state.get("real"):
        pytest.skip(f"can't be played on this host: {reason}")
    shutil.copy(folder / "manifest.yaml", tmp_path)
    if (folder / "files").exists():
        shutil.copytree(folder / "files", tmp_path / "files")
    for image in told.state.get("sources", {}).values():
        path = tmp_path / image["path"]
        path.parent.mkdir(exist_ok=True)
        path.touch()
        os.truncate(path, image["virtualSize"])
    for name, value in told.state.get("environment", {}).items():
        monkeypatch.setenv(name, value)
    set_up(told, conn)
    return lambda *words: run([*words, "-c", sandbox.uri, "-f", str(tmp_path / "manifest.yaml")])


@every_story
def test_real_libvirt_ends_as_the_story_says(
    folder: Path, real: Callable[..., int], conn: Any, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    told = story(folder)
    before = {address: ET.tostring(kept_by_libvirt(conn, address)) for address in _defined(told)}
    code = real("apply", "--yes", "--max-disruption", "destroy", "-o", "json")
    out, err = capsys.readouterr()
    assert code == (3 if told.plan.refused else 0), err
    out = out.replace(str(tmp_path), HERE)
    done = [{name: each[name] for name in each.keys() - STATUS} for each in json.loads(out)["actions"]]
    assert done == json.loads(goldens(told)["plan.json"])["actions"]
    if told.plan.refused:
        assert {address: ET.tostring(kept_by_libvirt(conn, address)) for address in before} == before
        return
    for address, text in after(told).items():
        more = set(surplus(kept_by_libvirt(conn, address), ET.fromstring(text)))
        if address in told.seen.inventory:
            assert {place.rpartition("/")[2] for place in more} <= FILLED_IN
    code = real("plan", "--detailed-exitcode")
    again = capsys.readouterr().out
    assert (code, again) == (0, again)
    assert "No changes" in again


STATUS = {"status", "error", "hint", "told"}


def _defined(told: Story) -> list[Address]:
    return [address for address in told.seen.inventory if address.kind != "disk"]
