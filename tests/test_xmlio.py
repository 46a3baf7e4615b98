"""Models and XML: what is written is read again, nothing else is touched, and the diff sees exactly what differs."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from kvmctl import xmlio
from kvmctl.apply.definition import only_xml
from kvmctl.codec import (
    ByteCount,
    Choice,
    Codec,
    ContextId,
    CpuSet,
    DeviceAddress,
    ElementCodec,
    EndOfChain,
    Flag,
    Hexadecimal,
    HostScsi,
    HostUsb,
    Integer,
    IpAddress,
    Lease,
    Mac,
    Machine,
    NumberOrWord,
    Numeral,
    OrVariable,
    PacketMac,
    PciPlace,
    Prefix,
    Presence,
    Service,
    Size,
    Text,
    UpperHex,
    Uuid,
)
from kvmctl.diff import diff
from kvmctl.document import decode, encode
from kvmctl.fields import UNSET, Model, Row, Shape, Source, key_of, known, make, row_of, rows
from kvmctl.models import KINDS
from kvmctl.models.cputune import Vcpus
from kvmctl.models.disk_device import BackingImage, DiskDevice
from kvmctl.models.features import Features
from kvmctl.models.interface import Interface
from kvmctl.models.memory import Memory
from kvmctl.models.network import Ip, Network
from kvmctl.models.numa import NumaCell
from kvmctl.models.os import Os
from kvmctl.models.storage_source import StorageSource
from kvmctl.models.vm import VirtualMachine
from kvmctl.xmlio.places import split

if TYPE_CHECKING:
    from collections.abc import Callable

MODELS = [kind.model for kind in KINDS]
ROOT = {kind.model: kind.element for kind in KINDS}
WORDS = st.text(st.sampled_from("abcXYZ019 -_.<>&\"'äß漢"), min_size=1, max_size=8).map(str.strip).filter(bool)
MOST_FIELDS = 12  # of one instance: a machine has hundreds, and what is wrong shows with few
every_kind = pytest.mark.parametrize("model", MODELS, ids=[kind.short for kind in KINDS])
slowly = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])


def values(codec: Codec[Any]) -> st.SearchStrategy[Any]:
    """Return the values that a codec can hold."""
    return next(make_values(codec) for kind, make_values in VALUES if isinstance(codec, kind))


def _texts(codec: Any) -> st.SearchStrategy[str]:
    if not codec.pattern:
        return WORDS
    plain = st.characters(min_codepoint=32, max_codepoint=126)
    drawn = st.from_regex(codec.pattern, fullmatch=True, alphabet=plain)
    return drawn.filter(lambda text: _is_plain(codec, text))


def _words(codec: Any) -> st.SearchStrategy[str]:
    """Return what a notation with a list or a pattern of its own takes, in canonical form."""
    schema = codec.schema()
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    plain = st.characters(min_codepoint=33, max_codepoint=126)
    drawn = st.from_regex(schema["pattern"], fullmatch=True, alphabet=plain)
    return drawn.filter(lambda text: _fits(codec, text)).map(codec.parse)


def _fits(codec: Any, text: str) -> bool:
    try:
        codec.parse(text)
    except ValueError:
        return False
    return True


# The first that fits: a Machine is a Text too.
VALUES: tuple[tuple[type[Any], Callable[[Any], st.SearchStrategy[Any]]], ...] = (
    (Choice, lambda codec: st.sampled_from(codec.values)),
    (Flag, lambda _codec: st.booleans()),
    (Prefix, lambda codec: st.integers(codec.minimum, codec.maximum) | st.sampled_from(["255.255.0.0", "128.0.0.0"])),
    (Lease, lambda _codec: st.sampled_from(["90s", "30m", "24h", "1h", "infinite"])),
    (Size, lambda codec: st.integers(1, 2**20).map(lambda size: size * max(codec.multiple, codec.minimum))),
    (Integer, lambda codec: st.integers(codec.minimum, min(codec.maximum, 2**40))),
    (Mac, lambda _codec: st.binary(min_size=5, max_size=5).map(lambda rest: "52:" + rest.hex(":"))),
    (Uuid, lambda _codec: st.uuids().map(str)),
    (IpAddress, lambda codec: st.ip_addresses(v=codec.version or None).map(str).map(codec.parse)),
    (ByteCount, lambda codec: st.integers(codec.minimum, 2**40)),
    (HostUsb, lambda _codec: st.sampled_from(["1234:beef", "@1.4", "1d6b:0002@1.5"])),
    (HostScsi, lambda _codec: st.sampled_from(["scsi_host0:0:0:0", "scsi_host1:0:1:2"])),
    (PciPlace, lambda _codec: st.sampled_from(["0000:00:1f.2", "0001:0a:00.7"])),
    (DeviceAddress, lambda _codec: st.sampled_from(["pci:0000:01:00.0", "drive:0.0.0.1", "usb:0.1", "unassigned"])),
    (EndOfChain, lambda _codec: st.just("none")),
    (Hexadecimal, lambda codec: st.integers(0, codec.maximum)),
    (
        CpuSet,
        lambda codec: st.sets(st.integers(0, 99), min_size=1, max_size=4).map(
            lambda held: codec.parse(",".join(map(str, held)))
        ),
    ),
    (NumberOrWord, lambda _codec: st.integers(-9, 9).map(str) | st.just("reset")),
    (IpAddress, lambda codec: st.ip_addresses(v=codec.version or None).map(str).map(codec.parse)),
    (Machine, lambda _codec: st.sampled_from(["q35", "pc", "pc-q35-7.2", "virt"])),
    (Text, _texts),
    (ContextId, lambda _codec: st.just("auto") | st.integers(3, 2**32 - 1).map(str)),
    (ElementCodec, _words),
    (Service, _words),
    (UpperHex, _words),
    (Numeral, lambda codec: st.integers(max(codec.minimum, 1), codec.maximum).map(codec.parse)),
    (OrVariable, lambda codec: st.sampled_from(["$IP", "$A[@1]", "$B_2[3]"]) | values(codec.inner)),
    (PacketMac, lambda _codec: st.binary(min_size=6, max_size=6).map(lambda address: address.hex(":"))),
    (Codec, lambda _codec: st.integers(0, 10**6)),
)


def _is_plain(codec: Text, text: str) -> bool:
    if not text.strip() or text != text.strip():
        return False
    try:
        return codec.parse(text) == text
    except ValueError:
        return False


def field(row: Row) -> st.SearchStrategy[Any]:
    """Return the values of one row: UNSET and null too, where they can be."""
    match row.shape:
        case Shape.SCALAR:
            held: st.SearchStrategy[Any] = values(row.codec)
        case Shape.DOCUMENT:
            return st.just(UNSET)  # what it says has its own tests, in test_overlay.py
        case Shape.SCALARS:
            held = st.lists(values(row.codec), max_size=3, unique=True).map(tuple)
        case Shape.MAP:
            held = st.dictionaries(WORDS, values(row.codec), max_size=3)
        case Shape.MODEL:
            assert row.model is not None
            held = instances(cast("Any", row.model))
        case Shape.MODELS:
            held = items(row.model)
    if row.required:
        return held
    silent = st.just(UNSET) if row.fallback or row.source is Source.STATE else st.sampled_from([UNSET, None])
    return silent | held


def items(model: Any) -> st.SearchStrategy[Any]:
    """Return lists of items that can be told from each other by each of their keys."""
    ways = tuple(_by(names) for names in model.keys)
    first = {name: values(row_of(model, name).codec) for name in (model.keys or ((),))[0]}
    told_apart = st.builds(_keyed, instances(model), st.fixed_dictionaries(first))
    return st.lists(told_apart, max_size=3, unique_by=ways or None).map(tuple)


def _keyed(item: Any, key: dict[str, Any]) -> Any:
    return replace(item, **key) if key and key_of(item) == ("", "") else item


def _by(names: tuple[str, ...]) -> Any:
    def told(item: Model) -> object:
        found = tuple(getattr(item, name) for name in names)
        return id(item) if UNSET in found or None in found else found

    return told


@cache
def instances(model: Any) -> st.SearchStrategy[Any]:
    """Return instances that a manifest could state."""
    table = {row.name: row for row in rows(model).values()}
    required = {name: field(row) for name, row in table.items() if row.required}
    others = [name for name in table if name not in required]
    chosen = st.lists(st.sampled_from(others), max_size=MOST_FIELDS, unique=True) if others else st.just([])
    fields = chosen.flatmap(
        lambda names: st.fixed_dictionaries(required | {name: field(table[name]) for name in names})
    )
    silent = dict.fromkeys(table, UNSET)
    return fields.map(lambda given_fields: make(model, _without_conflicts(model, silent | given_fields)))


def _without_conflicts(model: type[Model], found: dict[str, Any]) -> dict[str, Any]:
    """Leave out what contradicts another field: two connections of an interface, or a type that is not the field's."""
    rivals = [row for row in rows(model).values() if row.clears]
    stated = [row for row in rivals if found[row.name] not in (UNSET, None)]
    implied = {place for row in rivals for place, _ in row.implies}
    for row in rows(model).values():
        if (row in rivals and row not in stated[:1]) or (rivals and row.place in implied):
            found[row.name] = UNSET
        if row.types and found.get("type") not in row.types:
            found[row.name] = UNSET
    if rivals and isinstance(found.get("source"), StorageSource):
        names = {"file", "block"} if _says_what_it_is(found["source"]) else set()
        found |= dict.fromkeys(names, UNSET)
    if found.get("share_backing") not in (UNSET, None):
        found["transient"] = True
    if model is BackingImage:
        found["type"] = UNSET
    for row in rows(model).values():
        if isinstance(row.codec, Presence) and found[row.name] in (None, False):
            within = [each for each in rows(model).values() if each.place.startswith(f"{row.place}/")]
            found |= {each.name: UNSET for each in within}
    if len(set(model.short)) > 1 and known(found["max"]) is None:
        found["max"] = UNSET if model is Memory else 1
        found["current"] = UNSET
    return {name: value for name, value in found.items() if value is not UNSET}


def _says_what_it_is(source: StorageSource) -> bool:
    return any(row.clears and known(getattr(source, row.name)) is not None for row in rows(StorageSource).values())


def fresh(spec: Model) -> ET.Element:
    """Return the element of a new object, as libvirt would get it."""
    element = ET.Element(ROOT.get(type(spec), "item"))
    xmlio.write(element, spec, fresh=True)
    return xmlio.parse(xmlio.serialize(element))


def text(element: ET.Element) -> str:
    return ET.tostring(element, encoding="unicode")


@every_kind
@given(data=st.data())
@slowly
def test_a_model_survives_its_document(model: Any, data: st.DataObject) -> None:
    spec = data.draw(instances(model))
    assert decode(model, encode(spec)) == spec


@every_kind
@given(data=st.data())
@slowly
def test_what_is_written_is_read_again(model: Any, data: st.DataObject) -> None:
    spec = only_xml(data.draw(instances(model)))
    element = fresh(spec)
    assert diff(xmlio.read(model, element), spec) == ()
    assert diff(xmlio.read(model, element, spec), spec) == ()


@every_kind
@given(data=st.data())
@slowly
def test_writing_again_changes_nothing(model: Any, data: st.DataObject) -> None:
    spec = only_xml(data.draw(instances(model)))
    element = fresh(spec)
    before = text(element)
    xmlio.write(element, spec)
    assert text(element) == before


@every_kind
@given(data=st.data())
@slowly
def test_stating_nothing_changes_nothing(model: Any, data: st.DataObject) -> None:
    element = fresh(only_xml(data.draw(instances(model))))
    before = text(element)
    xmlio.write(element, make(model, {}))
    assert text(element) == before


@every_kind
@given(data=st.data())
@slowly
def test_what_was_there_becomes_what_is_wanted(model: Any, data: st.DataObject) -> None:
    element = fresh(only_xml(data.draw(instances(model))))
    spec = only_xml(data.draw(instances(model)))
    xmlio.write(element, spec)
    assert diff(xmlio.read(model, element), spec) == ()
    before = text(element)
    xmlio.write(element, spec)
    assert text(element) == before


@every_kind
@given(data=st.data())
@slowly
def test_what_was_read_is_no_difference_and_no_change(model: Any, data: st.DataObject) -> None:
    element = fresh(only_xml(data.draw(instances(model))))
    found = xmlio.read(model, element)
    assert diff(found, found) == ()
    before = text(element)
    xmlio.write(element, found)
    assert text(element) == before


def scalars(spec: Model, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Row]]:
    """Return the places of the stated single values that are no keys and bring nothing else along."""
    found = []
    identity = {name for names in type(spec).keys for name in names}
    for name, row in rows(type(spec)).items():
        value = getattr(spec, row.name)
        if value is UNSET or value is None or row.source is not Source.XML or row.name in identity:
            continue
        if row.shape is Shape.SCALAR and not row.clears:
            found.append(((*path, name), row))
        elif row.shape is Shape.MODEL:
            found += scalars(value, (*path, name))
    return found


def with_value(spec: Any, path: tuple[str, ...], value: Any) -> Any:
    """Return the spec with another value at a path of YAML names."""
    name = rows(type(spec))[path[0]].name
    held = value if len(path) == 1 else with_value(getattr(spec, name), path[1:], value)
    return replace(spec, **{name: held})


@every_kind
@given(data=st.data())
@slowly
def test_one_changed_value_is_one_change_at_its_path(model: Any, data: st.DataObject) -> None:
    spec = only_xml(data.draw(instances(model)))
    places = scalars(spec)
    assume(places)
    path, row = data.draw(st.sampled_from(places))
    value = data.draw(values(row.codec))
    other = with_value(spec, path, value)
    changes = diff(xmlio.read(model, fresh(spec)), other)
    old = spec
    for name in path:
        old = getattr(old, rows(type(old))[name].name)
    if old == value or row.codec.same(old, value):
        assert changes == ()
    else:
        assert [(change.path, change.before, change.after) for change in changes] == [
            (path, row.codec.dump(old), row.codec.dump(value))
        ]


@given(data=st.data())
@slowly
def test_what_kvmctl_does_not_know_stays(data: st.DataObject) -> None:
    element = fresh(only_xml(data.draw(instances(VirtualMachine))))
    devices = element.find("devices")
    devices = ET.SubElement(element, "devices") if devices is None else devices
    unknown = [
        ET.SubElement(element, "bootloader"),
        ET.SubElement(devices, "crypto", {"model": "virtio"}),
    ]
    xmlio.write(element, only_xml(data.draw(instances(VirtualMachine))))
    assert element.find("bootloader") is unknown[0]
    assert element.find("devices/crypto") is unknown[1]


def element_of(xml: str) -> ET.Element:
    return xmlio.parse(xml)


def test_a_matched_device_keeps_what_is_not_stated() -> None:
    disk = "<driver name='qemu' type='raw'/><source file='/a'/><target dev='vda'/><address slot='7'/>"
    element = element_of(f"<domain><devices><disk type='file'>{disk}</disk></devices></domain>")
    xmlio.write(element, make(VirtualMachine, {"disks": (make(DiskDevice, {"target": "vda", "cache": "none"}),)}))
    assert text(element) == (
        '<domain><devices><disk type="file"><driver name="qemu" type="raw" cache="none" /><source file="/a" />'
        '<target dev="vda" /><address slot="7" /></disk></devices></domain>'
    )


def test_removing_the_last_word_of_an_element_removes_it() -> None:
    element = element_of("<domain><os><type>hvm</type><bootmenu enable='yes'/></os></domain>")
    xmlio.write(element, make(VirtualMachine, {"os": make(Os, {"boot_menu": False})}))
    assert text(element) == "<domain><os><type>hvm</type></os></domain>"


def test_an_interface_that_moves_to_a_bridge_leaves_its_network() -> None:
    element = element_of(
        "<i type='network'><source network='lab' portgroup='p'/><mac address='52:54:00:00:00:01'/></i>"
    )
    xmlio.write(element, make(Interface, {"bridge": "br0"}))
    assert text(element) == ('<i type="bridge"><mac address="52:54:00:00:00:01" /><source bridge="br0" /></i>')


def test_a_prefix_takes_the_place_of_a_netmask() -> None:
    element = element_of("<ip address='10.0.0.1' netmask='255.255.255.0'/>")
    assert xmlio.read(Ip, element).prefix == "255.255.255.0"
    xmlio.write(element, make(Ip, {"prefix": 24}))
    assert element.get("netmask") == "255.255.255.0"
    xmlio.write(element, make(Ip, {"prefix": 25}))
    assert element.attrib == {"address": "10.0.0.1", "prefix": "25"}


@pytest.mark.parametrize(
    ("unit", "size"),
    [("", 1024), ("unit='KiB'", 1024), ("unit='k'", 1024), ("unit='b'", 1), ("unit='MB'", 10**6), ("unit='G'", 2**30)],
)
def test_sizes_are_read_in_every_unit_of_libvirt(unit: str, size: int) -> None:
    element = element_of(f"<domain><memory {unit}>1024</memory></domain>")
    assert xmlio.read(Memory, element) == make(Memory, {"max": 1024 * size, "current": 1024 * size, "dump_core": None})


def test_sizes_in_attributes_have_their_unit_beside_them() -> None:
    element = element_of("<cell memory='1' unit='GiB'/>")
    assert xmlio.read(NumaCell, element).memory == 2**30
    xmlio.write(element, make(NumaCell, {"memory": 2**20}))
    assert text(element) == '<cell memory="1024" unit="KiB" />'
    xmlio.write(element, make(NumaCell, {"memory": None}))
    assert text(element) == "<cell />"


def test_an_element_that_says_something_by_being_there_stays_without_its_attributes() -> None:
    element = element_of("<features><apic eoi='on'/><pmu state='on'/></features>")
    xmlio.write(element, make(Features, {"apic_eoi": None, "pmu": None}))
    assert text(element) == "<features><apic /></features>"


def test_current_memory_stays_when_the_maximum_grows() -> None:
    element = element_of("<domain><memory unit='KiB'>1024</memory></domain>")
    xmlio.write(element, make(VirtualMachine, {"memory": make(Memory, {"max": 2**21})}))
    assert xmlio.read(Memory, element) == make(Memory, {"max": 2**21, "current": 2**20, "dump_core": None})


def test_current_cpus_follow_a_maximum_that_shrinks_below_them() -> None:
    element = element_of("<domain><vcpu current='3'>4</vcpu></domain>")
    xmlio.write(element, make(VirtualMachine, {"vcpus": make(Vcpus, {"max": 2})}))
    assert xmlio.read(Vcpus, element) == make(
        Vcpus, {"max": 2, "current": 2, "placement": None, "cpuset": None, "individual": ()}
    )


def test_a_mask_reads_only_what_it_states() -> None:
    element = element_of("<network ipv6='yes'><mtu size='1400'/><dns enable='no' forwardPlainNames='no'/></network>")
    mask = decode(Network, {"mtu": 68, "dns": {"enable": True}})
    assert xmlio.read(Network, element, mask) == decode(Network, {"mtu": 1400, "dns": {"enable": False}})


def test_a_running_interface_on_a_network_is_not_on_a_bridge() -> None:
    element = element_of("<interface type='network'><source network='lab' bridge='virbr0'/></interface>")
    found = xmlio.read(Interface, element)
    assert (found.network, found.bridge) == ("lab", None)


def test_a_running_interface_on_a_network_is_on_no_port_of_a_vmware_switch() -> None:
    port = "portid='1c90dcf3-d0e9-4237-ade0-ee7b0edf6862'"
    running = xmlio.read(Interface, element_of(f"<interface type='network'><source network='lab' {port}/></interface>"))
    switched = xmlio.read(Interface, element_of("<interface type='vds'><source portid='7'/></interface>"))
    assert [found.source and found.source.port_id for found in (running, switched)] == [None, 7]


def test_places_that_are_no_elements_are_mistakes_in_a_model() -> None:
    with pytest.raises(ValueError, match="a b"):
        xmlio.remove(ET.Element("domain"), "a b")


def test_a_new_device_gets_its_initial_values() -> None:
    row = row_of(VirtualMachine, "channels")
    channel = decode(VirtualMachine, {"memory": 1024, "channels": [{"name": "org.qemu.guest_agent.0"}]}).channels
    assert channel is not None
    assert text(xmlio.new_element(row, channel[0])) == (
        '<channel type="unix"><target type="virtio" name="org.qemu.guest_agent.0" /></channel>'
    )


@every_kind
@given(data=st.data())
@slowly
def test_what_is_said_is_no_difference(model: Any, data: st.DataObject) -> None:
    want: Any = only_xml(data.draw(instances(model)))
    others = [only_xml(data.draw(instances(model))), want]
    some = data.draw(st.lists(st.sampled_from([row.name for row in rows(model).values()]), unique=True))
    mixed = replace(want, **{name: getattr(others[0], name) for name in some})
    element = fresh(data.draw(st.sampled_from([*others, mixed])))
    if xmlio.says(element, want):
        assert diff(xmlio.read(model, element), want) == ()


@every_kind
@given(data=st.data())
@slowly
def test_an_excerpt_says_what_the_whole_says(model: Any, data: st.DataObject) -> None:
    element = ET.Element(ROOT[model])
    xmlio.write(element, data.draw(instances(model)), fresh=True)
    mask = data.draw(instances(model))
    text = xmlio.serialize(element)
    assert xmlio.read(model, xmlio.parse_excerpt(text, model, mask), mask) == xmlio.read(model, element, mask)


DOMAIN = """\
<domain type='qemu' xmlns:q='urn:q'>
  <name>web</name>
  <metadata>
    <notes xmlns="urn:notes">mixed <!-- </metadata> -->
  <memory unit='KiB'>1</memory>
  </notes>
  <metadata>
  </metadata>
  <memory unit='KiB'>2</memory>
  </metadata>
  <description>two
lines</description>
  <memory unit='KiB'>4096</memory>
  <numatune>
    <memory mode='strict' nodeset='0'/>
  </numatune>
  <devices>
    <emulator>/usr/bin/qemu</emulator>
    <disk type='file' device='disk'>
      <target dev='vda'/>
    </disk>
    <controller type='sata' index='0'>
      <target dev='vdz'/>
    </controller>
  </devices>
  <q:commandline/>
</domain>
"""


def excerpt(text: str, *also: str, **stated: Any) -> list[str]:
    """Return the tags of the elements in an excerpt for a machine that states these fields."""
    root = xmlio.parse_excerpt(text, VirtualMachine, make(VirtualMachine, stated), *also)
    return [element.tag for element in root.iter()]


def test_an_excerpt_holds_no_more_than_it_has_to() -> None:
    assert excerpt(DOMAIN, uuid=None) == ["domain"]
    assert excerpt(DOMAIN, disks=()) == ["domain", "devices", "disk", "target"]
    assert excerpt(DOMAIN, "devices/disk", emulator=None) == ["domain", "devices", "emulator", "disk", "target"]


def test_an_excerpt_finds_holders_that_have_attributes() -> None:
    text = (
        "<domain>\n  <sysinfo type='smbios'>\n    <bios/>\n  </sysinfo>\n  <sysinfo type='fwcfg'>\n"
        "    <entry name='opt/a'>1</entry>\n  </sysinfo>\n</domain>\n"
    )
    assert "entry" in excerpt(text, fwcfgs=())


def test_a_partial_document_may_name_any_place() -> None:
    assert excerpt(DOMAIN, xml="<domain/>") == [element.tag for element in ET.fromstring(DOMAIN).iter()]


def test_of_several_elements_the_first_counts() -> None:
    disk = element_of("<disk><driver type='raw'/><driver type='qcow2' cache='none'/><source/><readonly/></disk>")
    found = xmlio.read(DiskDevice, disk)
    assert (found.format, found.cache, found.readonly, found.shareable) == ("raw", None, True, False)


def test_what_users_keep_in_metadata_is_not_taken_for_the_machine() -> None:
    mask = make(VirtualMachine, {"memory": make(Memory, {"max": 1024}), "description": "x"})
    found = xmlio.read(VirtualMachine, xmlio.parse_excerpt(DOMAIN, VirtualMachine, mask), mask)
    assert found == make(VirtualMachine, {"memory": make(Memory, {"max": 4096 * 1024}), "description": "two\nlines"})


@pytest.mark.parametrize("text", [DOMAIN.replace("\n  <", "\n<"), "<domain/>"])
def test_what_libvirt_would_not_have_written_is_parsed_whole(text: str) -> None:
    assert excerpt(text, uuid=None) == [element.tag for element in ET.fromstring(text).iter()]


LAST = "<backingStore /></backingStore></backingStore>"
UPPER = '<disk><backingStore type="file"><source file="/b" /><x />'
CHAIN = "<disk><backingStore type='file'><source file='/b'/><x/><backingStore/></backingStore></disk>"


@pytest.mark.parametrize(
    ("chain", "said"),
    [
        (
            [{"file": "/b"}, {"block": "/dev/c", "format": "raw"}, "none"],
            f'{UPPER}<backingStore type="block"><source dev="/dev/c" /><format type="raw" />{LAST}</disk>',
        ),
        (["none"], "<disk><backingStore /></disk>"),
        ([{"file": "/b"}], f"{UPPER}</backingStore></disk>"),
        ([], "<disk />"),
    ],
)
def test_images_of_a_chain_are_each_within_the_one_above(chain: list[Any], said: str) -> None:
    element = element_of(CHAIN)
    assert encode(xmlio.read(DiskDevice, element))["backingChain"][1] == {**NOTHING_BELOW, "type": "none"}
    xmlio.write(
        element,
        make(DiskDevice, {"backing_chain": decode(DiskDevice, {"target": "vda", "backingChain": chain}).backing_chain}),
    )
    assert text(element) == said


NOTHING_BELOW = encode(xmlio.read(BackingImage, ET.Element("backingStore")))


def test_limits_stand_in_the_order_of_libvirt() -> None:
    element = element_of("<disk><iotune><group_name>g</group_name></iotune></disk>")
    xmlio.write(
        element, decode(DiskDevice, {"target": "vda", "iotune": {"totalIopsSecMaxLength": 1, "readBytesSec": 2}})
    )
    assert [each.tag for each in element.iterfind("iotune/*")] == [
        "read_bytes_sec", "group_name", "total_iops_sec_max_length",
    ]  # fmt: skip


# Attributes that notations of whole elements look at.
PARTS = (
    "domain", "bus", "slot", "function", "controller", "target", "unit", "port", "cssid", "ssid", "devno", "reg",
    "iobase", "base", "prefix", "netmask", "multifunction", "id", "device", "name", "address", "socket", "network",
    "size", "expiry",
)  # fmt: skip


def single_values(model: Any, seen: frozenset[Any] = frozenset()) -> list[tuple[Any, Row]]:
    """Return every single value of a model and of those within it, with the model that declares it."""
    if model in seen:
        return []
    found: list[tuple[Any, Row]] = []
    for row in rows(model).values():
        if row.model is not None:
            found += single_values(row.model, seen | {model})
        elif row.shape is Shape.SCALAR and row.source is Source.XML:
            found.append((model, row))
    return found


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.short)
@pytest.mark.parametrize("odd", ["", "-", "0xzz", "a b:c/9", "99999999999999999999999"])
def test_what_a_notation_does_not_know_is_no_error(kind: Any, odd: str) -> None:
    for model, name in dict.fromkeys((model, row.yaml) for model, row in single_values(kind.model)):
        declared = rows(model)[name]
        element = ET.Element("x", {"unit": "parsec", "type": odd})
        path, attribute = split(declared.place)
        held = element
        for step in path:
            held = ET.SubElement(held, step.tag.split("|")[0], {step.attribute: step.value} if step.attribute else {})
        if attribute:
            held.set(attribute, odd)
        else:
            held.text = odd
        xmlio.read_row(declared, element)
        for kind_of_address in ("pci", "drive", "usb", "ccw", "dimm", "isa", "spapr-vio"):
            held.attrib.update(dict.fromkeys(PARTS, odd), type=kind_of_address)
            xmlio.read_row(declared, element)
