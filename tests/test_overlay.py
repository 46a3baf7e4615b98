"""Partial documents: matched by key, merged, compared, and made of what one document says beyond another."""

from __future__ import annotations

import copy
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmctl import xmlio
from kvmctl.xmlio.overlay import claimed, projected

CORPUS: Final = Path(__file__).resolve().parents[2] / "shared" / "corpus"

MACHINE: Final = """\
<domain><name>a</name><vcpu>2</vcpu><features><acpi/></features><devices>
  <disk type='file'><target dev='vda' bus='virtio'/></disk>
  <disk type='file'><driver type='raw'/><target dev='vdb' bus='virtio'/></disk>
  <interface type='network'><mac address='52:54:00:00:00:01'/><source network='a'/></interface>
  <serial type='pty'><target port='0'/></serial><serial type='pty'><target port='1'/></serial>
</devices></domain>"""


def machine(overlay: str) -> ET.Element:
    """Return the machine with an overlay merged."""
    root = ET.fromstring(MACHINE)
    xmlio.merge(root, ET.fromstring(overlay))
    return root


@pytest.mark.parametrize(
    ("overlay", "place", "value"),
    [
        ("<domain><vcpu>4</vcpu></domain>", "vcpu", "4"),
        ("<domain><vcpu placement='static'/></domain>", "vcpu", "2"),
        ("<domain><features><pae/></features></domain>", "features/pae", None),
        ("<domain><title>t</title></domain>", "title", "t"),
    ],
)
def test_merging_says_what_the_overlay_says_and_keeps_the_rest(overlay: str, place: str, value: str | None) -> None:
    root = machine(overlay)
    found = root.find(place)
    assert found is not None
    assert found.text == value
    assert len(root.findall("devices/disk")) == 2
    assert root.find("features/acpi") is not None


def test_devices_are_found_by_their_keys() -> None:
    root = machine(
        "<domain><devices><disk><target dev='vdb'/><driver cache='none'/></disk>"
        "<disk type='block'><target dev='vdc'/></disk>"
        "<interface><mac address='52:54:00:00:00:01'/><mtu size='9000'/></interface></devices></domain>"
    )
    targets = {disk.find("target").get("dev"): disk for disk in root.iterfind("devices/disk")}  # type: ignore[union-attr]
    assert list(targets) == ["vda", "vdb", "vdc"]
    driver = targets["vdb"].find("driver")
    assert driver is not None
    assert driver.attrib == {"type": "raw", "cache": "none"}
    assert root.find("devices/interface/mtu") is not None
    assert root.find("devices/interface/source[@network='a']") is not None


def test_what_has_no_key_is_found_by_its_place() -> None:
    root = machine("<domain><devices><serial/><serial><log file='/l'/></serial></devices></domain>")
    first, second = root.findall("devices/serial")
    assert first.find("log") is None
    assert second.find("log") is not None


def test_a_projection_says_what_is_there_now() -> None:
    overlay = ET.fromstring(
        "<domain><vcpu>4</vcpu><devices><disk><target dev='vdb'/><driver type='qcow2' cache='none'/></disk>"
        "<watchdog model='i6300esb'/></devices></domain>"
    )
    live = projected(ET.fromstring(MACHINE), overlay)
    assert xmlio.flat(live) == {
        "vcpu": "2", "devices/disk[vdb]/target/@dev": "vdb", "devices/disk[vdb]/driver/@type": "raw",
    }  # fmt: skip


def test_places_are_told_by_key_or_number() -> None:
    overlay = ET.fromstring(
        "<domain><devices><disk><target dev='vda'/></disk><serial type='a'/><serial type='b'/>"
        "<watchdog model='i'/></devices></domain>"
    )
    assert list(xmlio.flat(overlay)) == [
        "devices/disk[vda]/target/@dev",
        "devices/serial[0]/@type",
        "devices/serial[1]/@type",
        "devices/watchdog/@model",
    ]


def test_claims_are_the_elements_that_the_overlay_means() -> None:
    root = ET.fromstring(MACHINE)
    overlay = ET.fromstring("<domain><devices><disk><target dev='vdb'/></disk><hub type='usb'/></devices></domain>")
    assert [each.tag for each in claimed(root, overlay)] == ["devices", "disk", "target"]


def test_nothing_is_beyond_the_same() -> None:
    root = ET.fromstring(MACHINE)
    assert xmlio.beyond(root, copy.deepcopy(root)) is None


NAMES = st.sampled_from(["vda", "vdb", "vdc", "vdd"])
DEVICES = st.builds(
    lambda disks, serials, cpus: ET.fromstring(
        f"<domain><vcpu>{cpus}</vcpu><devices>"
        + "".join(f"<disk c='{cache}'><target dev='{name}'/></disk>" for name, cache in sorted(disks.items()))
        + "".join(f"<serial type='{kind}'/>" for kind in serials)
        + "</devices></domain>"
    ),
    st.dictionaries(NAMES, st.integers(0, 3)), st.lists(st.sampled_from(["pty", "tcp"]), max_size=3), st.integers(1, 3),
)  # fmt: skip


@given(whole=DEVICES, data=st.data())
def test_what_is_beyond_completes_what_was_built(whole: ET.Element, data: st.DataObject) -> None:
    built = copy.deepcopy(whole)
    devices = built[1]
    kept = data.draw(st.integers(0, len(devices)))
    for each in list(devices)[kept:]:
        devices.remove(each)
    for each in devices:
        for name in data.draw(st.sets(st.sampled_from(sorted(each.attrib)))):
            del each.attrib[name]
    rest = xmlio.beyond(whole, built)
    if rest is not None:
        xmlio.merge(built, rest)
        assert xmlio.flat(projected(built, rest)) == xmlio.flat(rest)
    assert xmlio.same(built, whole)


def test_order_counts_among_the_like_but_not_among_controllers() -> None:
    one = ET.fromstring("<d><a n='1'/><a n='2'/><controller type='x' index='0'/><controller type='y' index='0'/></d>")
    other = ET.fromstring("<d><controller type='y' index='0'/><controller type='x' index='0'/><a n='1'/><a n='2'/></d>")
    assert xmlio.same(one, other)
    other.append(other[2])
    other.remove(other[2])
    assert not xmlio.same(one, other)


def test_prefixes_of_namespaces_survive() -> None:
    text = "<domain><q:commandline xmlns:q='urn:example:q'><q:arg value='-x'/></q:commandline></domain>"
    assert "<q:arg" in xmlio.serialize(xmlio.parse(text))


@pytest.mark.skipif(not CORPUS.is_dir(), reason=f"{CORPUS} is missing")
@pytest.mark.parametrize("kind", ["domain", "network", "pool", "nwfilter"])
def test_every_real_document_is_completed_from_nothing(kind: str) -> None:
    for file in sorted((CORPUS / kind).glob("*.xml")):
        root = xmlio.parse(file.read_text())
        built = ET.Element(root.tag)
        rest = xmlio.beyond(root, built)
        assert rest is not None
        xmlio.merge(built, rest)
        assert xmlio.same(built, root), file.name
