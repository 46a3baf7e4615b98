"""What administrators do with virsh nwfilter-…, done with manifests and looked at without kvmctl."""

from __future__ import annotations

from typing import Any

RULE = "{action: accept, direction: in, tcp: {dstPortStart: 443}}"
BASE = {"nwfilter/base": f"rules: [{RULE}]"}
WEB = {"nwfilter/web": "rules: [{filterref: base}, {action: drop, direction: inout, all: {}}]"}
LAB = {"network/lab": "active: false, ips: [{address: 192.168.150.1, prefix: 24}]"}
ON_LAB = {"vm/web1": "memory: 64MiB, interfaces: [{name: lan, network: lab, filterref: web}]"}


def test_filters_are_made_before_and_removed_after_what_uses_them(kvmctl: Any, conn: Any) -> None:
    specs = {**ON_LAB, **WEB, **BASE, **LAB}
    kvmctl.apply(specs)
    assert {each.name() for each in conn.listAllNWFilters()} == {"base", "web"}
    refused = kvmctl.run("delete", "--yes", "nwfilter/base", code=3)
    assert "nwfilter/base is in use by nwfilter/web" in refused.stderr
    refused = kvmctl.run("delete", "--yes", "nwfilter/web", code=3)
    assert "nwfilter/web is in use by vm/web1" in refused.stderr
    told = kvmctl.json("delete", "--yes", specs=specs)
    order = [each["address"] for each in told["actions"]]
    assert order.index("vm/web1") < order.index("nwfilter/web") < order.index("nwfilter/base")
    assert conn.listAllNWFilters() == []


def test_a_filter_keeps_its_uuid_when_its_rules_change(kvmctl: Any, conn: Any) -> None:
    kvmctl.apply(BASE)
    uuid = conn.nwfilterLookupByName("base").UUIDString()
    kvmctl.apply({"nwfilter/base": f"rules: [{RULE}, {{action: drop, direction: in}}]"}, "--max-disruption", "live")
    changed = conn.nwfilterLookupByName("base")
    assert changed.UUIDString() == uuid
    assert changed.XMLDesc().count("<rule ") == 2


def test_a_machine_that_is_to_run_needs_its_filter_and_one_that_is_off_does_not(kvmctl: Any) -> None:
    off = {"vm/web1": f"{ON_LAB['vm/web1']}, powerState: Off", **LAB}
    assert "create" in kvmctl.run("plan", specs=off).stdout
    running = {"vm/web1": f"{ON_LAB['vm/web1']}, powerState: Running", **LAB}
    told = kvmctl.run("plan", specs=running, code=1)
    assert "vm/web1 needs nwfilter/web, which is neither in the manifests nor on the host" in told.stderr


def test_the_filters_that_libvirt_brings_along_are_listed_with_all(kvmctl: Any, conn: Any) -> None:
    conn.nwfilterDefineXML("<filter name='clean-traffic'/>")
    conn.nwfilterDefineXML("<filter name='mine' chain='ipv4'><rule action='drop' direction='in'/></filter>")
    listed = {each["metadata"]["name"] for each in kvmctl.json("get", "nwfilter")["items"]}
    everything = {each["metadata"]["name"] for each in kvmctl.json("get", "nwfilter", "--all")["items"]}
    assert (listed, everything) == ({"mine"}, {"mine", "clean-traffic"})
    assert "clean-traffic" in kvmctl.run("get", "nwfilter", "clean-traffic").stdout


def test_a_rule_with_many_attributes_is_defined_at_once(kvmctl: Any, conn: Any) -> None:
    # libvirt's own validation would take it hours.
    names = ("rootPriority", "rootCost", "senderPriority", "port", "age", "maxAge", "helloTime", "forwardDelay")
    stp = ", ".join(f"{name}: 1, {name}Hi: 2" for name in names)
    kvmctl.apply({"nwfilter/stp": f"rules: [{{action: drop, direction: in, stp: {{{stp}}}}}]"})
    assert "forward-delay-hi" in conn.nwfilterLookupByName("stp").XMLDesc()
