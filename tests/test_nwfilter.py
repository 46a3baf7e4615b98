from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING, Any

import pytest

from kvmctl import xmlio
from kvmctl.diff import diff
from kvmctl.document import decode, encode
from kvmctl.fields import Shape, rows
from kvmctl.models.nwfilter import FilterRule, NetworkFilter

if TYPE_CHECKING:
    from collections.abc import Iterator

RULES: list[dict[str, Any]] = [
    {"filterref": "clean-traffic", "parameters": [{"name": "IP", "value": "10.0.0.1"}]},
    {"action": "accept", "direction": "in", "tcp": {"dstPortStart": 22}},
    {"filterref": "no-other-l2-traffic"},
    {"action": "drop", "direction": "inout", "priority": 1000, "all": {}},
]


def filter_of(*rules: dict[str, Any]) -> NetworkFilter:
    return decode(NetworkFilter, {"rules": list(rules)})


def element(spec: NetworkFilter) -> ET.Element:
    made = ET.Element("filter", {"name": "test"})
    xmlio.write(made, spec, fresh=True)
    return xmlio.parse(xmlio.serialize(made))


def lines(made: ET.Element) -> list[str]:
    return [ET.canonicalize(ET.tostring(each), strip_text=True) for each in made]


def test_rules_and_references_keep_their_order() -> None:
    made = element(filter_of(*RULES))
    assert lines(made) == [
        '<filterref filter="clean-traffic"><parameter name="IP" value="10.0.0.1"></parameter></filterref>',
        '<rule action="accept" direction="in"><tcp dstportstart="22"></tcp></rule>',
        '<filterref filter="no-other-l2-traffic"></filterref>',
        '<rule action="drop" direction="inout" priority="1000"><all></all></rule>',
    ]
    assert encode(xmlio.read(NetworkFilter, made))["rules"] == RULES


@pytest.mark.parametrize("first", RULES)
@pytest.mark.parametrize("second", RULES)
def test_a_rule_takes_the_whole_place_of_another(first: dict[str, Any], second: dict[str, Any]) -> None:
    made = element(filter_of(first))
    xmlio.write(made, filter_of(second))
    assert [each.tag for each in made] == [each.tag for each in element(filter_of(second))]
    assert diff(xmlio.read(NetworkFilter, made), filter_of(second)) == ()
    changes = diff(xmlio.read(NetworkFilter, element(filter_of(first))), filter_of(second))
    assert (changes == ()) is (first == second)


def test_what_a_rule_no_longer_says_is_a_difference() -> None:
    have = xmlio.read(
        NetworkFilter, element(filter_of({"action": "drop", "direction": "in", "tcp": {"srcPortStart": 1}}))
    )
    found = diff(have, filter_of({"action": "drop", "direction": "in"}))
    assert [(each.text, each.before, each.after) for each in found] == [
        ("spec.rules[0].tcp", {"srcPortStart": 1}, None)
    ]


def test_an_unstated_priority_is_the_one_that_libvirt_gives() -> None:
    rule = {"action": "drop", "direction": "in"}
    have = xmlio.parse('<filter><rule action="drop" direction="in" priority="500" /></filter>')
    assert diff(xmlio.read(NetworkFilter, have), filter_of(rule)) == ()
    have[0].set("priority", "100")
    assert [each.text for each in diff(xmlio.read(NetworkFilter, have), filter_of(rule))] == ["spec.rules[0].priority"]
    xmlio.write(have, filter_of(rule))
    assert have[0].get("priority") == "500"


def rules_in_full() -> Iterator[dict[str, Any]]:
    """Yield a rule for each field of each protocol, so that what libvirt drops is found by name."""
    for protocol, row in rows(FilterRule).items():
        if row.shape is not Shape.MODEL or row.model is None:
            continue
        for field in rows(row.model):
            value, beside = SAMPLES[field]
            if field in ("srcIpAddr", "srcIpFrom", "srcIpTo", "dstIpAddr", "dstIpFrom") and "6" in protocol:
                value = "fd00::1"
            if "6" in protocol:
                beside = {name: "fd00::1" if "Ip" in name else other for name, other in beside.items()}
            yield {"action": "accept", "direction": "in", protocol: {field: value, **beside}}


MAC = "52:54:00:aa:bb:cc"
MASK = "ff:ff:ff:00:00:00"
SAMPLES: dict[str, tuple[object, dict[str, Any]]] = {
    "match": (False, {"srcMacAddr": MAC}), "comment": ("it's <this> & that", {}),
    "srcMacAddr": (MAC, {}), "srcMacMask": (MASK, {"srcMacAddr": MAC}),
    "dstMacAddr": ("01:00:5e:00:00:00", {}), "dstMacMask": (MASK, {"dstMacAddr": MAC}),
    "srcIpAddr": ("$IP", {}), "srcIpMask": (24, {"srcIpAddr": "10.0.0.1"}), "dstIpAddr": ("10.0.0.1", {}),
    "dstIpMask": (32, {"dstIpAddr": "10.0.0.1"}), "srcIpFrom": ("10.0.0.1", {}),
    "srcIpTo": ("10.0.0.2", {"srcIpFrom": "10.0.0.1"}),
    "dstIpFrom": ("10.0.0.1", {}), "dstIpTo": ("10.0.0.2", {"dstIpFrom": "10.0.0.1"}),
    "srcPortStart": ("0x50", {}), "srcPortEnd": (90, {"srcPortStart": 80}),
    "dstPortStart": ("$P[@1]", {}), "dstPortEnd": (443, {"dstPortStart": 1}),
    "dscp": ("0x3f", {}), "connlimitAbove": (3, {}), "state": ("NEW,ESTABLISHED", {}),
    "ipset": ("blocked", {"ipsetFlags": "src"}), "ipsetFlags": ("src,dst", {"ipset": "$SET"}),
    "option": (7, {}), "flags": ("SYN/ALL", {}), "type": ("0x8", {}), "typeEnd": (9, {"type": 1}),
    "code": (1, {}), "codeEnd": (2, {"code": 1}),
    "protocol": ("udplite", {}), "protocolId": ("0x1234", {}), "vlanId": (291, {}), "encapProtocol": ("ipv4", {}),
    "hwType": ("0x12", {}), "protocolType": (2048, {}), "opcode": ("Request_Reverse", {}), "gratuitous": (True, {}),
    "arpSrcMacAddr": (MAC, {}), "arpDstMacAddr": ("$MAC", {}), "arpSrcIpAddr": ("$IP", {}),
    "arpDstIpAddr": ("10.0.0.1", {}),
    "arpSrcIpMask": (8, {"arpSrcIpAddr": "10.0.0.1"}), "arpDstIpMask": (8, {"arpDstIpAddr": "10.0.0.1"}),
    "rootAddress": (MAC, {}), "rootAddressMask": (MASK, {"rootAddress": MAC}),
    "senderAddress": (MAC, {}), "senderAddressMask": (MASK, {"senderAddress": MAC}),
    **{
        name: ("0x12", {}) for name in
        ("rootPriority", "rootCost", "senderPriority", "port", "age", "maxAge", "helloTime", "forwardDelay")
    },
    **{
        f"{name}Hi": (20, {name: 10}) for name in
        ("rootPriority", "rootCost", "senderPriority", "port", "age", "maxAge", "helloTime", "forwardDelay")
    },
}  # fmt: skip


def on_its_own(rule: dict[str, Any]) -> dict[str, Any]:
    """Return the rule with what libvirt insists on beside its field."""
    protocol = list(rule)[-1]
    held = rule[protocol]
    if protocol == "stp" and "flags" in held:
        return {**rule, "stp": {"flags": "0x44"}}
    if protocol in ("ip", "ipv6") and any("Port" in name for name in held):
        return {**rule, protocol: {**held, "protocol": "tcp"}}
    return rule


def test_libvirt_keeps_every_field_of_every_protocol(conn: Any) -> None:
    wanted = [on_its_own(rule) for rule in rules_in_full()]
    spec = filter_of({"filterref": "not-there", "parameters": [{"name": "A", "value": "1"}]}, *wanted)
    defined = conn.nwfilterDefineXML(xmlio.serialize(element(spec)))
    found = xmlio.read(NetworkFilter, xmlio.parse(defined.XMLDesc()))
    defined.undefine()
    assert [(each.text, each.before, each.after) for each in diff(found, spec)] == []
    protocols = {list(rule)[-1] for rule in wanted}
    assert protocols == {name for name, row in rows(FilterRule).items() if row.shape is Shape.MODEL}
