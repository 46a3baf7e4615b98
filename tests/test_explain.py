from __future__ import annotations

import itertools

import pytest

from kvmctl import explain
from kvmctl.codec import Size
from kvmctl.errors import KvmctlError
from kvmctl.fields import Model, Row, rows
from kvmctl.models import KINDS


def every_path() -> list[str]:
    """Return the path of every field of every kind, groups and their fields alike."""

    def below(path: str, model: type[Model]) -> list[str]:
        found = []
        for name, row in rows(model).items():
            found.append(f"{path}.{name}")
            if row.model is not None:
                found += below(f"{path}.{name}", row.model)
        return found

    beside = ["metadata", "metadata.name", "metadata.labels", "metadata.annotations"]
    paths = []
    for kind in KINDS:
        paths += [kind.short, *(f"{kind.short}.{path}" for path in beside), *below(kind.short, kind.model)]
    return paths


@pytest.mark.parametrize("path", every_path())
def test_every_field_can_be_explained(path: str) -> None:
    found = explain.find(path)
    assert found.path == path
    assert found.doc
    assert found.type
    text = explain.lines(found)
    assert path in text[0]
    assert all(line == line.rstrip() for line in text)
    assert all("UNSET" not in line for line in text)


def test_a_field() -> None:
    found = explain.find("vm.disks.cache")
    assert found.type == "choice"
    assert "writeback" in found.values
    assert found.place == "domain/devices/disk/driver/@cache"
    assert found.update == "replug"
    assert found.null
    assert not found.required
    assert found.doc == "Host page cache policy of this disk."


@pytest.mark.parametrize(
    "path",
    [
        "VirtualMachine.spec.disks.cache",
        "virtualmachine.disks.cache",
        "vms.disks[0].cache",
        "vm.spec.disks[vda].cache",
        "vm.disks.0.cache",
        "VM.Disks.CACHE",
        " vm.disks.cache. ",
        "domain.disks.cache",
    ],
)
def test_many_ways_to_say_the_same(path: str) -> None:
    assert explain.find(path) == explain.find("vm.disks.cache")


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("network", "network"),
        ("network.ips.dhcp.hosts.mac", "network/ip/dhcp/host/@mac"),
        ("network.ips.prefix", "network/ip/@prefix or network/ip/@netmask"),
        ("vm.memory.max", "domain/memory"),
        ("vm.memory", "domain"),
        ("vm.os.secureBoot", "domain/os/firmware/feature[@name=secure-boot]/@enabled"),
        ("vm.os.boot", "domain/os/boot/@dev"),
        ("disk.size", "volume/capacity"),
        ("pool.path", "pool/target/path"),
        ("vm.metadata.name", "domain/name"),
        ("disk.metadata.labels", "nowhere: it steers kvmctl"),
        ("vm.autostart", "a state beside the XML"),
        ("vm.shutdown.timeout", "nowhere: it steers kvmctl"),
        ("profile", "nowhere: it exists in manifests alone"),
        ("profile.metadata.name", "nowhere: it steers kvmctl"),
        ("profile.vm", "nowhere: it steers kvmctl"),
        ("profile.vm.disks.cache", "domain/devices/disk/driver/@cache"),
        ("Profile.spec.disk.size", "volume/capacity"),
    ],
)
def test_places_are_told_from_the_root(path: str, place: str) -> None:
    assert explain.find(path).place == place


@pytest.mark.parametrize(
    ("path", "initial"),
    [
        ("vm.features.acpi", "true"),
        ("vm.shutdown.timeout", "1m"),
        ("vm.os.firmware", "bios"),
        ("disk.format", "raw"),
        ("vm.uuid", ""),
    ],
)
def test_values_on_creation(path: str, initial: str) -> None:
    assert explain.find(path).initial == initial


def test_units() -> None:
    assert explain.find("disk.size").unit == "bytes"
    assert explain.find("vm.shutdown.timeout").unit == "seconds"
    assert explain.find("vm.vcpus.max").unit == ""


def test_null_takes_away_what_libvirt_keeps_in_its_xml() -> None:
    assert explain.find("vm.emulator").null
    assert not explain.find("vm.autostart").null
    assert not explain.find("vm.shutdown.timeout").null


def test_a_required_field_can_not_be_null() -> None:
    target = explain.find("vm.disks.target")
    assert target.required
    assert not target.null
    assert "required" in explain.lines(target)[0]


def test_nothing_is_required_of_a_profile() -> None:
    (memory,) = (field for field in explain.find("profile.vm").fields if field.name == "memory")
    assert not memory.required
    assert "* required" not in "\n".join(explain.lines(explain.find("profile.vm")))


def test_a_refusal_says_why() -> None:
    uuid = explain.find("vm.uuid")
    assert uuid.update == "refused"
    assert "identity" in uuid.reason
    assert any(line.startswith("a change") and uuid.reason in line for line in explain.lines(uuid))


def test_a_list_says_how_items_are_matched_and_what_they_disturb() -> None:
    disks = explain.find("vm.disks")
    assert disks.type == "list of objects"
    assert disks.keys == "target"
    assert "added or removed" in disks.disturbs
    assert explain.find("vm.interfaces").keys.startswith("name, else mac")
    assert explain.find("vm.inputs").keys == "type and bus, else dev, else type"
    assert explain.find("vm.serials").keys == ""


def test_a_short_form_is_told() -> None:
    assert "which sets max and current" in explain.find("vm.memory").accepts
    assert "name of a Disk" in explain.find("disk.backing").accepts


def test_a_group_lists_its_fields() -> None:
    found = explain.find("disk")
    assert [field.name for field in found.fields][:3] == ["metadata", "pool", "size"]
    text = "\n".join(explain.lines(found))
    assert "pool*" in text
    assert "* required" in text


@pytest.mark.parametrize(
    ("path", "message", "hint"),
    [
        ("vm.disk.cache", "vm has no field 'disk'", "did you mean vm.disks? Its fields are powerState, "),
        ("vm.disks.cach", "vm.disks has no field 'cach'", "did you mean vm.disks.cache? "),
        ("disk.metadata.label", "disk.metadata has no field 'label'", "did you mean disk.metadata.labels? "),
        ("disk.zzz", "disk has no field 'zzz'", "Its fields are pool, size, "),
        (
            "vn.disks",
            "there is no kind 'vn'",
            "did you mean vm? The kinds are secret, nwfilter, pool, network, disk, vm, profile",
        ),
        ("", "there is no kind ''", "The kinds are "),
        ("...", "there is no kind ''", "The kinds are "),
        ("[0]", "there is no kind ''", "The kinds are "),
        (
            "vm.uuid.length",
            "vm.uuid is a single value and has no field 'length'",
            "see `kvmctl explain vm.uuid`",
        ),
    ],
)
def test_a_wrong_path_names_the_nearest(path: str, message: str, hint: str) -> None:
    with pytest.raises(KvmctlError) as caught:
        explain.find(path)
    assert caught.value.message == message
    assert caught.value.hint.startswith(hint)


def test_the_lines_of_a_field() -> None:
    assert explain.lines(explain.find("vm.memory.current")) == [
        "vm.memory.current  (size)",
        "    Memory that the guest may use now; the balloon moves it, up to `max`, while the guest runs.",
        "",
        f"write        {Size.expects}",
        "bare number  bytes",
        "null         must not be there",
        "libvirt      domain/currentMemory",
        "a change     live: takes effect at once, in a running machine too (virsh setmem; up to `max`)",
        "since        every libvirt from 9.0 on",
    ]


def facts(path: str) -> dict[str, str]:
    """Return what is told of a path beside its meaning, by the word before it."""
    told = explain.lines(explain.find(path))[3:]
    lines = itertools.takewhile(lambda line: line != "fields", filter(None, told))
    return dict(line.split("  ", maxsplit=1) for line in lines)


@pytest.mark.parametrize(
    ("path", "name", "words"),
    [
        ("vm.os.boot", "write", "a list, each item one of hd, cdrom, network, fd"),
        ("vm.serials", "write", "a list, each item with the fields below"),
        ("vm.os", "write", "the fields below"),
        ("vm.metadata.labels", "write", "a mapping of names, each to text"),
        ("vm.serials", "matched by", "their order"),
        ("vm.memory", "bare number", "bytes"),
        ("vm.features.acpi", "on creation", "true  (kvmctl writes it)"),
        ("vm.shutdown.timeout", "on creation", "1m  (kvmctl takes it)"),
        ("vm.os.firmware", "on creation", "bios  (that is what leaving it out means to libvirt)"),
        ("vm.os.machine", "since", "every libvirt from 9.0 on"),
        ("vm.powerState", "since", "every libvirt from 9.0 on"),
        ("vm.rngs.iommu", "since", "libvirt 3.5.0"),
    ],
)
def test_every_shape_tells_what_a_reader_needs(path: str, name: str, words: str) -> None:
    assert facts(path)[name].strip() == words


def test_what_only_steers_kvmctl_needs_no_libvirt() -> None:
    assert "since" not in facts("vm.shutdown.timeout")
    assert "since" not in facts("vm.profiles")


def test_a_field_is_no_older_than_the_group_around_it() -> None:
    group, field = Row(yaml="group", since="10.1.0"), Row(yaml="field", since="9.2.0")
    assert explain.explain_row(KINDS[0], group, field).since == "10.1.0"
    assert explain.explain_row(KINDS[0], field, group).since == "10.1.0"


def test_a_field_of_some_types_of_device_names_them() -> None:
    told = explain.lines(explain.explain_row(KINDS[0], Row(yaml="path", place="@path", types=("file", "pipe"))))
    assert "only with  type file, pipe" in told


def test_a_default_of_libvirt_is_told_as_such() -> None:
    told = explain.lines(explain.explain_row(KINDS[0], Row(yaml="model", place="@model", default="virtio")))
    assert any(line.startswith("on creation") and line.endswith("virtio  (libvirt fills it in)") for line in told)
