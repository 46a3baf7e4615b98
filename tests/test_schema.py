from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kvmctl import schema
from kvmctl.codec import (
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
    Uuid,
)
from kvmctl.document import Mismatch, decode, encode
from kvmctl.fields import Model, Row, Shape, rows
from kvmctl.inventory import Origin
from kvmctl.manifest.documents import resource
from kvmctl.models import KINDS, PROFILE, WRITTEN, Kind
from kvmctl.models.metadata import Metadata
from kvmctl.models.profile import Profile

if TYPE_CHECKING:
    from collections.abc import Callable

JUNK: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 70000),
    st.just(2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=3),
    st.sampled_from(
        ["vda", "a\n", "/x", "/x\n", "a\x01", "1", "512M", "1B", "2GiB", "-1", "9s", "yes", "", " ", "..", "9EiB"]
    ),
    st.sampled_from(
        ["usb:0.1+multifunction", "pci:0:1f:3.8", "socket:run", "0x12345", "auto", 65536, "isa-serial\n", "/s\x01"]
    ),
    st.sampled_from([SwitchWord("off"), SwitchWord("Off"), SwitchWord("no")]),
    st.sampled_from(["52:54:00:00:00:01", "53:54:00:00:00:01", "10.0.0.1", "fd00::1", "10.0.0.1/24"]),
    st.builds(list),
    st.builds(dict),
    st.builds(lambda: [None]),
    st.builds(lambda: {"name": "x"}),
)


MOST_FIELDS = 8
KIBIBYTE = 1024


def text_of(codec: Any) -> st.SearchStrategy[Any]:
    """Text that fits the codec's pattern."""
    text = st.from_regex(codec.pattern, fullmatch=True) if codec.pattern else st.text(st.characters(max_codepoint=126))
    return text.filter(str.isprintable)


# Values that a codec takes; the first class that fits counts.
TAKEN: dict[type[Codec[Any]], Callable[[Any], st.SearchStrategy[Any]]] = {
    Choice: lambda codec: st.sampled_from(codec.values),
    Flag: lambda _: st.booleans(),
    Size: lambda codec: st.sampled_from(
        ["512MiB", "1.5GiB", "2TB", *(() if codec.minimum > KIBIBYTE else (4096, "1024B", "4 KiB"))]
    ),
    Duration: lambda _: st.sampled_from([0, 60, "90s", "5m", "1h"]),
    Integer: lambda codec: st.integers(codec.minimum, codec.maximum),
    Mac: lambda _: st.sampled_from(["52:54:00:00:00:01", "52:54:00:AA:BB:CC"]),
    Uuid: lambda _: st.sampled_from(["4dea22b3-1d52-d8f3-2516-782e98ab3fa0", "4DEA22B31D52D8F32516782E98AB3FA0"]),
    IpAddress: lambda codec: st.sampled_from(
        {4: ["10.0.0.1"], 6: ["fd00::1"]}.get(codec.version, ["10.0.0.1", "fd00::1"])
    ),
    PciPlace: lambda _: st.sampled_from(["0000:06:02.0", "0:6:2.1"]),
    HostUsb: lambda _: st.sampled_from(["1234:beef", "@1.4", "1D6B:0002@1.5"]),
    HostScsi: lambda _: st.sampled_from(["scsi_host0:0:0:0"]),
    DeviceAddress: lambda _: st.sampled_from(["pci:0000:01:00.0", "usb:0.1", "dimm:0@0x100000", "unassigned"]),
    EndOfChain: lambda _: st.just("none"),
    Hexadecimal: lambda codec: st.sampled_from(["0x0", "0xA", codec.maximum]),
    ByteCount: lambda _: st.sampled_from(["512MiB", 4096]),
    FileMode: lambda _: st.sampled_from(["644", "0755"]),
    CpuSet: lambda _: st.sampled_from([0, 3, "0-3", "8,0-3,^1"]),
    NumberOrWord: lambda _: st.sampled_from([0, -3600, "-3600", "reset"]),
    Text: text_of,
    Data: lambda _: st.sampled_from(["#!/bin/sh\n", {}, {"runcmd": [["date", 1], None], "a": {"b": True}}]),
    ContextId: lambda _: st.integers(3, 2**32 - 1) | st.just("auto"),
    Listen: lambda _: st.sampled_from(["::1", "none", "address", "socket", "socket:/s", "network:lab", "host.example"]),
    SerialModel: lambda _: st.sampled_from(["isa-serial", "pl011"]),
    Service: lambda _: st.integers(0, 65535) | st.sampled_from(["4555", "telnet"]),
    SocketPath: lambda _: st.sampled_from(["/run/s", "auto"]),
    UpperHex: lambda codec: st.sampled_from(["0x8", "0x" + "f" * codec.digits]),
    Prefix: lambda codec: st.sampled_from([codec.minimum, codec.maximum, "255.255.254.0"]),
    Lease: lambda _: st.sampled_from(["90s", "30m", "24h", "infinite"]),
    Numeral: lambda codec: st.sampled_from([codec.minimum, "0x3F", *(word for word, _ in codec.words)]),
    OrVariable: lambda codec: st.sampled_from(["$IP", "$A[@0]", "$B_2[3]"]) | scalars(codec.inner),
    PacketMac: lambda _: st.sampled_from(["01:00:5e:00:00:00", "FF:ff:ff:00:00:00"]),
}


def scalars(codec: Codec[Any]) -> st.SearchStrategy[Any]:
    return next(taken(codec) for kind, taken in TAKEN.items() if isinstance(codec, kind))


def values(row: Row) -> st.SearchStrategy[Any]:
    if row.shape in (Shape.SCALAR, Shape.DOCUMENT):
        return scalars(row.codec)
    if row.shape is Shape.SCALARS:
        return st.lists(scalars(row.codec), max_size=2)
    if row.shape is Shape.MAP:
        return st.dictionaries(st.text("abc", min_size=1, max_size=2), scalars(row.codec), max_size=2)
    assert row.model is not None
    return documents(row.model) if row.shape is Shape.MODEL else st.lists(documents(row.model), max_size=2)


def later(row: Row) -> st.SearchStrategy[Any]:
    """Values of a row whose model may hold further ones, worked out when they are drawn."""
    return st.deferred(lambda: values(row))


def documents(model: type[Model]) -> st.SearchStrategy[Any]:
    """Documents that the model takes: what is required, and a few of the other fields."""
    table = rows(model)
    required = {name: values(row) for name, row in table.items() if row.required}
    optional = {name: st.none() | later(row) for name, row in table.items() if not row.required}

    @st.composite
    def drawn(draw: st.DrawFn) -> dict[str, Any]:
        few = draw(st.lists(st.sampled_from(list(optional)), max_size=MOST_FIELDS, unique=True)) if optional else []
        return {name: draw(strategy) for name, strategy in required.items()} | {
            name: draw(optional[name]) for name in few
        }

    return drawn()


@st.composite
def broken(draw: st.DrawFn, model: type[Model]) -> Any:
    """Documents near to those that the model takes: up to two places replaced, renamed or removed."""
    document = copy.deepcopy(draw(documents(model)))
    for _ in range(draw(st.integers(0, 2))):
        place, key = draw(st.sampled_from(_places(document) or [({"x": 1}, "x")]))
        match draw(st.sampled_from(["replace", "replace", "rename", "remove"])):
            case "replace":
                place[key] = draw(JUNK)
            case "rename" if isinstance(place, dict):
                place[draw(st.sampled_from(["name", "nam", "path", "mac", "max"]))] = place.pop(key)
            case _:
                del place[key]
    return document


def _places(value: Any) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        found = [(value, key) for key in value]
    elif isinstance(value, list):
        found = [(value, index) for index in range(len(value))]
    return found + [place for holder, key in found for place in _places(holder[key])]


def accepted(kind: Kind, document: Any) -> bool:
    try:
        return resource(document, Origin("")).address.kind == kind.short
    except Mismatch:
        return False


def whole(kind: Kind, spec: Any, metadata: Any = None) -> dict[str, Any]:
    return {"apiVersion": schema.API_VERSION, "kind": kind.name, "metadata": metadata or {"name": "x"}, "spec": spec}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: str(kind.name))
@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_schema_and_decode_agree(kind: Kind, data: st.DataObject) -> None:
    document = whole(kind, data.draw(broken(kind.model)))
    assert (not schema.explain_problems(document)) == accepted(kind, document)


@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_schema_and_decode_agree_on_profiles(data: st.DataObject) -> None:
    document = whole(PROFILE, data.draw(broken(Profile)))
    assert (not schema.explain_problems(document)) == accepted(PROFILE, document)


@settings(max_examples=200, deadline=None)
@given(metadata=broken(Metadata).filter(bool))
def test_schema_and_decode_agree_on_metadata(metadata: Any) -> None:
    kind = KINDS[0]
    document = whole(kind, {"type": "dir", "path": "/x"}, metadata)
    assert (not schema.explain_problems(document)) == accepted(kind, document)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: str(kind.name))
@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_the_schema_of_all_kinds_says_what_that_of_one_says(kind: Kind, data: st.DataObject) -> None:
    # Plain jsonschema, as an editor has it: without kvmctl's formats and types.
    document = whole(kind, data.draw(broken(kind.model)))
    one = jsonschema.Draft202012Validator(schema.json_schema(kind))
    every = jsonschema.Draft202012Validator(schema.combined())
    assert one.is_valid(document) == every.is_valid(document)


@settings(max_examples=300, deadline=None)
@given(
    document=st.recursive(
        JUNK,
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["apiVersion", "kind", "metadata", "spec", "name", "x"]), inner, max_size=4
            )
        ),
        max_leaves=8,
    )
)
def test_anything_at_all_is_explained(document: Any) -> None:
    assert schema.explain_problems(document)


@pytest.mark.parametrize(
    "made", [*(schema.json_schema(kind) for kind in WRITTEN), schema.combined()], ids=lambda made: made["title"]
)
def test_schemas_are_schemas_and_describe_every_field(made: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator.check_schema(made)
    assert json.loads(json.dumps(made)) == made
    for name, model in made["$defs"].items():
        assert model["description"], name
        assert model["additionalProperties"] is False
        for field, described in model["properties"].items():
            assert described.get("description") or "$ref" in described, f"{name}.{field}"


def test_initial_values_are_shown_as_defaults() -> None:
    made = schema.json_schema(next(kind for kind in KINDS if kind.short == "vm"))["$defs"]
    assert made["Shutdown"]["properties"]["timeout"]["default"] == "1m"
    assert made["Features"]["properties"]["acpi"]["default"] is True


def test_short_forms_are_alternatives() -> None:
    made = schema.json_schema(next(kind for kind in KINDS if kind.short == "vm"))["$defs"]
    assert made["VirtualMachine"]["properties"]["vcpus"]["anyOf"] == [
        {"$ref": "#/$defs/Vcpus"},
        {"type": "integer", "minimum": 1, "maximum": 4096},
        {"type": "null"},
    ]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: str(kind.name))
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_what_is_encoded_decodes_to_the_same(kind: Kind, data: st.DataObject) -> None:
    instance = decode(kind.model, data.draw(documents(kind.model)))
    assert decode(kind.model, encode(instance)) == instance
