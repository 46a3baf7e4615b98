from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmctl.codec import (
    ON_OFF,
    PRESENCE,
    YES_NO,
    ByteCount,
    Choice,
    Codec,
    ContextId,
    CpuSet,
    Data,
    DeviceAddress,
    Duration,
    EndOfChain,
    FileMode,
    Flag,
    Hexadecimal,
    HostScsi,
    HostUsb,
    Integer,
    IpAddress,
    Lease,
    Listen,
    Mac,
    Machine,
    NumberOrWord,
    Numeral,
    OrVariable,
    PacketMac,
    PciPlace,
    Prefix,
    SerialModel,
    Service,
    Size,
    SocketPath,
    SwitchWord,
    Text,
    UpperHex,
    UserAlias,
    Uuid,
    codec_formats,
    format_size,
    members,
    prefix_length,
)

SIZE = Size()
SCALARS: st.SearchStrategy[object] = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.just([]) | st.just({})
)
EVERY: list[Codec[Any]] = [
    Text(),
    Text("[a-z]+"),
    Integer(),
    Integer(1, 9),
    YES_NO,
    ON_OFF,
    PRESENCE,
    Choice(("a", "off")),
    SIZE,
    Size(1024, 1024),
    Machine(),
    UserAlias(),
    Prefix(),
    Duration(),
    Mac(),
    Uuid(),
    IpAddress(),
    IpAddress(4),
    IpAddress(6),
    DeviceAddress(),
    ContextId(),
    Listen(),
    SerialModel(),
    Service(),
    SocketPath(),
    UpperHex(),
    PciPlace(),
    HostUsb(),
    HostScsi(),
    EndOfChain(),
    ByteCount(1),
    FileMode(),
    CpuSet(),
    Data(),
    NumberOrWord("-?[0-9]+|reset", minimum=-5, maximum=5),
    Hexadecimal(maximum=0xFF, digits=4),
    Numeral(0, 65535),
    Numeral(1536, 65535, (("arp", 0x806),)),
    PacketMac(),
    OrVariable(IpAddress(4)),
    OrVariable(Flag("true", "false")),
]


def refused(codec: Codec[Any], value: object) -> bool:
    try:
        codec.parse(value)
    except ValueError:
        return True
    return False


@pytest.mark.parametrize("codec", EVERY, ids=lambda codec: type(codec).__name__)
@given(value=SCALARS)
def test_parse_gives_a_value_or_a_value_error(codec: Codec[Any], value: object) -> None:
    try:
        parsed = codec.parse(value)
    except ValueError:
        return
    assert codec.parse(codec.dump(parsed)) == parsed
    assert codec.same(parsed, parsed)
    assert isinstance(codec.write(parsed), str)


@given(size=st.integers(1, 2**63 - 1))
def test_sizes_survive_being_dumped(size: int) -> None:
    assert SIZE.parse(SIZE.dump(size)) == size


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("512MiB", 2**29),
        ("1.5GiB", 3 * 2**29),
        ("20 GiB", 20 * 2**30),
        ("2TB", 2 * 10**12),
        ("1kB", 1000),
        ("7B", 7),
        (4096, 4096),
        ("8EiB", None),
        ("0.3B", None),
        ("1.5", None),
        ("512M", None),
        ("512mib", None),
        ("-1KiB", None),
        ("1e3KiB", None),
        (1.5, None),
        (True, None),
        (0, None),
        ("٣GiB", None),
        ("9" * 400 + "B", None),
    ],
)
def test_sizes(text: object, size: int | None) -> None:
    if size is None:
        assert refused(SIZE, text)
    else:
        assert SIZE.parse(text) == size


def test_sizes_are_rounded_up_to_what_libvirt_keeps() -> None:
    assert Size(multiple=512).parse("1000B") == 1024
    assert Size(1024, 1024).parse(1025) == 2048
    assert refused(Size(1024, 1024), 1023)


@pytest.mark.parametrize(
    ("text", "unit", "size"),
    [
        ("1", None, 1024),
        ("1", "KiB", 1024),
        ("1", "k", 1024),
        ("3", "MB", 3 * 10**6),
        ("5", "b", 5),
        ("5", "bytes", 5),
        ("1", "T", 2**40),
    ],
)
def test_sizes_are_read_in_libvirts_units(text: str, unit: str | None, size: int) -> None:
    assert SIZE.read_scaled(text, unit, "KiB") == size


@pytest.mark.parametrize(
    ("size", "exact", "rounded"),
    [
        (0, "0B", "0B"),
        (1, "1B", "1B"),
        (1024, "1KiB", "1KiB"),
        (1536, "1536B", "1.5KiB"),
        (10**6, "1MB", "976.6KiB"),
        (2**40, "1TiB", "1TiB"),
    ],
)
def test_sizes_for_people(size: int, exact: str, rounded: str) -> None:
    assert format_size(size, exact=True) == exact
    assert format_size(size) == rounded


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("90s", 90), ("5m", 300), ("1h", 3600), (7, 7), (-1, None), ("5", None), ("5 m", None), (True, None), (1.0, None)],
)
def test_durations(value: object, seconds: int | None) -> None:
    if seconds is None:
        assert refused(Duration(), value)
    else:
        assert Duration().parse(value) == seconds
        assert Duration().parse(Duration().dump(seconds)) == seconds


def test_flags_take_booleans_only_and_write_libvirts_words() -> None:
    assert YES_NO.parse(True) is True
    assert (YES_NO.write(True), ON_OFF.write(False), Flag("1", "0").write(True)) == ("yes", "off", "1")
    assert ON_OFF.read("on") is True
    for wrong in (1, 0, "true", "yes", SwitchWord("yes"), None):
        assert refused(YES_NO, wrong)


def test_choices_take_an_unquoted_off_that_they_list_and_nothing_near_it() -> None:
    codec = Choice(("Off", "unmap"), xml=(("unmap", "UNMAP"),))
    found = codec.parse(SwitchWord("Off"))
    assert (found, type(found)) == ("Off", str)
    for wrong in (SwitchWord("off"), False, "OFF", None, ["Off"]):
        assert refused(codec, wrong)
    assert (codec.write("unmap"), codec.read("UNMAP"), codec.read("brand-new")) == ("UNMAP", "unmap", "brand-new")


def test_text_refuses_what_xml_cannot_carry_and_what_quotes_would_decide() -> None:
    assert Text().parse("é\n\t\U0001d54f") == "é\n\t\U0001d54f"
    for wrong in ("\x00", "\x1b", "\ufffe", "\ud800", 1, True, SwitchWord("on")):
        assert refused(Text(), wrong)
    assert refused(Text("[a-z]+"), "ab\n")


def test_addresses_are_canonical() -> None:
    assert Mac().parse("52:54:00:AA:BB:CC") == "52:54:00:aa:bb:cc"
    assert Uuid().parse("4DEA22B31D52D8F32516782E98AB3FA0") == "4dea22b3-1d52-d8f3-2516-782e98ab3fa0"
    assert IpAddress().parse("FD00:0:0::1") == "fd00::1"
    assert IpAddress().read("FD00:0::1") == "fd00::1"
    assert IpAddress().read("host.example") == "host.example"
    assert IpAddress(6).parse("::FFFF:a01:203") == "::ffff:10.1.2.3"
    for codec, wrong in (
        (Mac(), "53:54:00:00:00:01"),
        (Mac(), "52:54:00:00:00"),
        (IpAddress(4), "fd00::1"),
        (IpAddress(6), "10.0.0.1"),
        (IpAddress(), "10.0.0.01"),
        (Uuid(), "4dea22b3"),
    ):
        assert refused(codec, wrong)


@pytest.mark.parametrize("attributes", [{"netmask": "255.255.254.0"}, {"prefix": "64"}, {"prefix": "0"}, {}])
def test_a_prefix_stays_the_netmask_that_it_was(attributes: dict[str, str]) -> None:
    value = Prefix().read_element(ET.Element("ip", attributes))
    other = ET.Element("ip", {"prefix": "1", "netmask": "128.0.0.0"})
    if attributes:
        Prefix().write_element(other, Prefix().parse(value))
        assert other.attrib == attributes
    else:
        assert value is None


def test_a_netmask_means_a_length() -> None:
    assert [prefix_length(value) for value in (24, "255.255.254.0", "255.255.255.255", "128.0.0.0")] == [24, 23, 32, 1]
    assert Prefix().same("255.255.255.0", 24)
    assert not Prefix().same("255.255.255.0", 23)
    assert all(refused(Prefix(), wrong) for wrong in (129, -1, True, "24", "255.0.255.0", "255.255.255", "0.0.0.255"))


@pytest.mark.parametrize(
    ("text", "attributes"),
    [
        ("90s", {"expiry": "90", "unit": "seconds"}),
        ("30m", {"expiry": "30", "unit": "minutes"}),
        ("24h", {"expiry": "24", "unit": "hours"}),
        ("infinite", {"expiry": "0"}),
    ],
)
def test_a_lease_keeps_its_unit(text: str, attributes: dict[str, str]) -> None:
    element = ET.Element("lease")
    Lease().write_element(element, Lease().parse(text))
    assert element.attrib == attributes
    assert Lease().read_element(element) == text


def test_leases_are_compared_by_their_length() -> None:
    assert Lease().same("120m", "2h")
    assert not Lease().same("2h", "infinite")
    assert Lease().read_element(ET.Element("lease", {"expiry": "5"})) == "5m"
    assert all(refused(Lease(), wrong) for wrong in ("0h", "90", 90, "1d", "", None, "forever"))


def test_numbers_are_read_in_hexadecimal_too() -> None:
    assert Integer().read("0x10") == 16


@pytest.mark.parametrize(
    ("have", "want", "same"),
    [
        ("pc-q35-7.2", "q35", True),
        ("pc-i440fx-7.2", "pc", True),
        ("pc-q35-7.2", "pc-q35-7.1", False),
        ("pc-q35-7.2", "pc", False),
        ("virt-7.2", "virt", True),
        ("virtual", "virt", False),
        ("q35", "q35", True),
    ],
)
def test_a_machine_alias_means_each_of_its_versions(have: str, want: str, same: bool) -> None:
    assert Machine().same(have, want) is same


def test_aliases_of_users_are_names_and_libvirts_own_are_none() -> None:
    assert UserAlias().write("lan") == "ua-lan"
    assert UserAlias().read("ua-lan") == "lan"
    assert UserAlias().read("net0") is None


def test_every_format_word_of_a_schema_has_a_codec() -> None:
    words = {codec.schema().get("format") for codec in EVERY} - {None}
    assert words == set(codec_formats())


@pytest.mark.parametrize(
    ("text", "xml"),
    [
        ("isa:0x505", "<address type='isa' iobase='0x505'/>"),
        ("pci:0000:01:00.0", "<address type='pci' domain='0x0000' bus='0x01' slot='0x00' function='0x0'/>"),
        (
            "pci:0000:00:02.0+multifunction",
            "<address type='pci' domain='0x0000' bus='0x00' slot='0x02' function='0x0' multifunction='on'/>",
        ),
        ("drive:0.0.2.1", "<address type='drive' controller='0' bus='0' target='2' unit='1'/>"),
        ("usb:0.1.2", "<address type='usb' bus='0' port='1.2'/>"),
        ("virtio-serial:0.0.31", "<address type='virtio-serial' controller='0' bus='0' port='31'/>"),
        ("ccid:0.1", "<address type='ccid' controller='0' slot='1'/>"),
        ("ccw:fe.0.00ff", "<address type='ccw' cssid='0xfe' ssid='0x0' devno='0x00ff'/>"),
        ("spapr-vio:0x30000000", "<address type='spapr-vio' reg='0x30000000'/>"),
    ],
)
def test_device_addresses_are_one_word(text: str, xml: str) -> None:
    codec, element = DeviceAddress(), ET.Element("address", {"type": "usb", "bus": "7"})
    assert codec.parse(text) == text
    assert codec.read_element(ET.fromstring(xml)) == text
    codec.write_element(element, text)
    assert element.attrib == ET.fromstring(xml).attrib


def test_device_addresses_have_one_notation() -> None:
    assert DeviceAddress().parse("pci:0:1f:3.2") == "pci:0000:1f:03.2"
    assert DeviceAddress().parse("drive:00.0.01.0") == "drive:0.0.1.0"


@pytest.mark.parametrize("text", ["0000:01:00.0", "pci:0000:01:00.8", "isa:", "drive:0.0", "pci:", 5, "usb:0"])
def test_what_is_no_device_address_is_refused(text: object) -> None:
    assert refused(DeviceAddress(), text)


@pytest.mark.parametrize(
    "xml",
    [
        "<address type='pci' domain='0x0000' bus='0x01' slot='0x00' function='0x0'><zpci uid='0x1'/></address>",
        "<address type='pci' bus='0x01' slot='0x00' function='0x0'/>",
        "<address type='pci' domain='0x0000' bus='0x01' slot='0x00' function='0x0' multifunction='off'/>",
        "<address type='isa' irq='0x5'/>",
        "<address/>",
    ],
)
def test_addresses_that_the_notation_cannot_say_are_not_read(xml: str) -> None:
    assert DeviceAddress().read_element(ET.fromstring(xml)) is None


def written(codec: Any, value: str, element: str) -> str:
    """The element once it says the value."""
    found = ET.fromstring(element)
    codec.write_element(found, value)
    assert codec.read_element(found) == value
    return ET.tostring(found, encoding="unicode")


@pytest.mark.parametrize(
    ("value", "before", "after"),
    [
        ("127.0.0.1", "<g/>", '<g listen="127.0.0.1"><listen type="address" address="127.0.0.1" /></g>'),
        ("::1", "<g socket='/s'/>", '<g listen="::1"><listen type="address" address="::1" /></g>'),
        ("address", "<g listen='::'><listen type='socket'/></g>", '<g><listen type="address" /></g>'),
        ("none", "<g listen='::'/>", '<g><listen type="none" /></g>'),
        ("network:lab", "<g/>", '<g><listen type="network" network="lab" /></g>'),
        ("socket", "<g type='vnc'/>", '<g type="vnc"><listen type="socket" /></g>'),
        ("socket:/s", "<g type='vnc'/>", '<g type="vnc" socket="/s"><listen type="socket" socket="/s" /></g>'),
        ("socket:/s", "<g type='spice'/>", '<g type="spice"><listen type="socket" socket="/s" /></g>'),
    ],
)
def test_listening_is_said_in_both_places(value: str, before: str, after: str) -> None:
    assert written(Listen(), Listen().parse(value), before) == after


@pytest.mark.parametrize(
    ("xml", "value"),
    [
        ("<g/>", None),
        ("<g listen='10.0.0.1'/>", "10.0.0.1"),
        ("<g socket='/s'/>", "socket:/s"),
        ("<g listen='10.0.0.1'><listen type='address'/></g>", "10.0.0.1"),
        ("<g><listen type='network' network='lab' address='10.0.0.1'/></g>", "network:lab"),
        ("<g><listen type='none'/><listen type='socket'/></g>", "none"),
    ],
)
def test_listening_is_read_from_either_place(xml: str, value: str | None) -> None:
    assert Listen().read_element(ET.fromstring(xml)) == value


@pytest.mark.parametrize("value", ["socket:run", "socket:", "network:", "a b", "/run/s", "", 5])
def test_what_is_no_place_to_listen_is_refused(value: object) -> None:
    assert refused(Listen(), value)


def test_a_serial_model_is_a_type_with_its_model() -> None:
    isa = '<target type="isa-serial" port="1"><model name="isa-serial" /></target>'
    assert written(SerialModel(), "isa-serial", "<target port='1' type='pci-serial'/>") == isa.replace(
        'type="isa-serial" port="1"', 'port="1" type="isa-serial"'
    )
    assert written(SerialModel(), "system-serial", isa) == '<target type="system-serial" port="1" />'
    assert SerialModel().read_element(ET.fromstring("<target type='isa-serial'/>")) == "isa-serial"
    assert SerialModel().read_element(ET.fromstring("<target type='isa-serial'><model name='new'/></target>")) is None
    assert SerialModel().read_element(ET.fromstring("<target port='0'/>")) is None


def test_a_type_of_serial_port_means_each_of_its_models() -> None:
    assert SerialModel().same("pl011", "system-serial")
    assert not SerialModel().same("system-serial", "pl011")
    assert not SerialModel().same("isa-serial", "pci-serial")


def test_services_are_numbers_or_names() -> None:
    assert [Service().parse(value) for value in (4555, "4555", "telnet", "007")] == ["4555", "4555", "telnet", "007"]
    assert [Service().dump(text) for text in ("4555", "telnet", "007")] == [4555, "telnet", "007"]
    assert all(refused(Service(), value) for value in (-1, 4555.5, True, "TELNET", "a b", ""))


def test_context_ids_are_numbers_or_auto() -> None:
    assert written(ContextId(), "42", "<cid auto='yes' address='3'/>") == '<cid auto="no" address="42" />'
    assert written(ContextId(), "auto", "<cid address='3'/>") == '<cid auto="yes" />'
    assert [ContextId().dump(text) for text in ("42", "auto")] == [42, "auto"]
    assert all(refused(ContextId(), value) for value in (2, 2**32, "42", "yes", True))


def test_sockets_have_a_path_or_libvirt_picks_one() -> None:
    assert written(SocketPath(), "/run/s", "<server/>") == '<server path="/run/s" />'
    assert written(SocketPath(), "auto", "<server path='/run/s'/>") == "<server />"
    assert refused(SocketPath(), "run/s")


def test_ids_of_usb_redirection_are_written_in_capitals() -> None:
    assert [UpperHex(4).parse(text) for text in ("0x15e1", "0x8")] == ["0x15E1", "0x0008"]
    assert UpperHex(2).parse("0x8") == "0x08"
    assert all(refused(UpperHex(2), value) for value in ("0x123", 8, "08", "0x", "0xgg"))


def test_durations_are_plain_seconds_to_libvirt() -> None:
    assert (Duration().read("90"), Duration().write(90)) == (90, "90")


@pytest.mark.parametrize(
    ("given", "held"),
    [
        (3, "3"),
        ("3", "3"),
        ("0-3,8", "0-3,8"),
        ("8,0,1,3,2", "0-3,8"),
        ("0-5,^4", "0-3,5"),
        ("0-5,^1,7", "0,2-5,7"),
        ("0-1", "0-1"),
        ("16383", "16383"),
        ("16384", None),
        (16384, None),
        (-1, None),
        ("3-1", None),
        ("^1", None),
        ("1,^1", None),
        ("0-3,^1-2", None),
        ("1,,2", None),
        ("", None),
        (True, None),
    ],
)
def test_sets_are_kept_as_libvirt_prints_them(given: object, held: str | None) -> None:
    if held is None:
        assert refused(CpuSet(), given)
    else:
        assert CpuSet().parse(given) == held


@given(numbers=st.sets(st.integers(0, 300), min_size=1))
def test_a_set_has_its_members_however_it_is_written(numbers: set[int]) -> None:
    held = CpuSet().parse(",".join(map(str, numbers)))
    assert members(held) == sorted(numbers)
    assert CpuSet().read(held) == held == CpuSet().parse(CpuSet().dump(held))


def test_a_set_that_libvirt_writes_otherwise_passes_through() -> None:
    assert CpuSet().read("all") == "all"


def test_a_number_or_a_word_is_text_inside_and_a_number_in_yaml() -> None:
    codec = NumberOrWord("-?[0-9]+|reset", minimum=-10, maximum=10)
    assert [codec.parse(value) for value in (-3, "-3", "reset")] == ["-3", "-3", "reset"]
    assert [codec.dump(value) for value in ("-3", "reset")] == [-3, "reset"]
    assert all(refused(codec, value) for value in (11, "resets", True, 1.5, None))


def test_hexadecimal_numbers_stay_hexadecimal() -> None:
    codec = Hexadecimal(maximum=0xFFFF, digits=4)
    assert [codec.parse(value) for value in (1, "0x1", "0x0001", "0xBEEF")] == [1, 1, 1, 0xBEEF]
    assert (codec.read("0x001f"), codec.write(31), codec.dump(31)) == (31, "0x001f", "0x001f")
    assert all(refused(codec, value) for value in ("1f", "0x10000", "0x", -1, True))


@pytest.mark.parametrize(
    ("size", "unit", "written"),
    [
        (48 * 2**20, "", ("48", "MiB")),
        (768 * 2**10, "", ("768", "KiB")),
        (1000, "", ("1000", "B")),
        (0, "", ("0", "B")),
        (2**20, "KiB", ("1024", "KiB")),
        (512, "bytes", ("512", "bytes")),
        (2**22, "M", ("4", "M")),
    ],
)
def test_sizes_are_written_in_the_unit_that_libvirt_prints(size: int, unit: str, written: tuple[str, str]) -> None:
    assert SIZE.write_scaled(size, unit) == written
    assert SIZE.read_scaled(*written, unit) == size


ETHERTYPE = Numeral(1536, 65535, (("arp", 0x806), ("ipv4", 0x800)))


def test_a_numeral_stays_as_it_is_written() -> None:
    assert [ETHERTYPE.read(text) for text in ("2048", "0x1234", "arp")] == [2048, "0x1234", "arp"]
    assert [ETHERTYPE.write(value) for value in (2048, "0x1234", "arp")] == ["2048", "0x1234", "arp"]
    assert ETHERTYPE.parse("0X0AbC") == "0xabc"
    assert all(refused(ETHERTYPE, wrong) for wrong in ("2048", "ARP", 100, 65536, True, "0x", "0x123456789", None))


def test_a_numeral_means_the_same_in_each_notation() -> None:
    assert ETHERTYPE.same("arp", "0x806")
    assert ETHERTYPE.same("arp", 0x806)
    assert ETHERTYPE.same("0x806", 2054)
    assert not ETHERTYPE.same("arp", "ipv4")
    assert not ETHERTYPE.same("later", "0x806")


def test_a_variable_takes_the_place_of_a_value() -> None:
    codec = OrVariable(IpAddress(4))
    assert [codec.parse(text) for text in ("$IP", "$A[@0]", "$A[@1]", "10.0.0.1")] == [
        "$IP",
        "$A",
        "$A[@1]",
        "10.0.0.1",
    ]
    assert codec.read("$A[@1]") == codec.write("$A[@1]") == codec.dump("$A[@1]") == "$A[@1]"
    assert codec.same("$A", "$A")
    assert not codec.same("$A", "10.0.0.1")
    assert all(refused(codec, wrong) for wrong in ("$", "$A B", "$A[x]", "fd00::1", 1))


def test_a_variable_beside_a_truth_value() -> None:
    codec = OrVariable(Flag("true", "false"))
    assert [codec.read(text) for text in ("true", "false", "$G")] == [True, False, "$G"]
    assert [codec.write(value) for value in (True, False, "$G")] == ["true", "false", "$G"]


def test_group_addresses_are_packets_addresses() -> None:
    assert PacketMac().parse("01:00:5E:00:00:00") == PacketMac().read("01:00:5E:00:00:00") == "01:00:5e:00:00:00"
    assert refused(PacketMac(), "1:0:5e:0:0:0")
