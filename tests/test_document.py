from __future__ import annotations

from typing import Any

import pytest

from kvmctl.document import Mismatch, decode, encode
from kvmctl.fields import make, rows
from kvmctl.models.disk import Backing
from kvmctl.models.disk_device import DiskDevice
from kvmctl.models.memory import Memory
from kvmctl.models.metadata import Metadata
from kvmctl.models.vm import VirtualMachine


@pytest.mark.parametrize(
    ("model", "document"),
    [
        (DiskDevice, {}),
        (DiskDevice, {"target": None}),
        (DiskDevice, {"target": "vda", "x": 1}),
        (DiskDevice, []),
        (DiskDevice, "vda"),
        (DiskDevice, None),
        (DiskDevice, {1: 2}),
        (VirtualMachine, {"memory": "1GiB", "disks": {"target": "vda"}}),
        (VirtualMachine, {"memory": "1GiB", "disks": [None]}),
        (VirtualMachine, {"memory": "1GiB", "os": {"boot": "hd"}}),
        (VirtualMachine, {"memory": []}),
        (Backing, []),
        (Metadata, {"name": "a", "labels": {1: "x"}}),
        (Metadata, {"name": "a", "labels": []}),
        (Metadata, {"name": "a", "labels": {"x": None}}),
    ],
)
def test_what_does_not_fit_is_a_mismatch(model: type[Any], document: object) -> None:
    with pytest.raises(Mismatch):
        decode(model, document)


def test_a_bare_scalar_stands_for_the_short_fields_and_is_written_again() -> None:
    spec = decode(VirtualMachine, {"memory": "2GiB", "vcpus": 2})
    assert spec.memory == decode(Memory, {"max": 2**31, "current": 2**31})
    assert encode(spec) == {"memory": "2GiB", "vcpus": 2}
    apart = {"memory": {"max": "2GiB", "current": "1GiB"}, "vcpus": {"max": 4}}
    assert encode(decode(VirtualMachine, apart)) == apart


def test_equal_words_are_decoded_alike_whatever_came_before() -> None:
    # The reader remembers words: a boolean or a number that equals one must not be taken for it.
    for value, fits in (("1", True), (1, False), (True, False), ("1", True)):
        if fits:
            assert decode(DiskDevice, {"target": "vda", "serial": value}).serial == "1"
        else:
            with pytest.raises(Mismatch):
                decode(DiskDevice, {"target": "vda", "serial": value})


def test_make_gives_what_the_constructor_gives() -> None:
    given_fields: dict[str, Any] = {"target": "vda", "bus": "virtio"}
    made, constructed = make(DiskDevice, given_fields), DiskDevice(**given_fields)
    assert made == constructed
    assert hash(made) == hash(constructed)
    assert repr(made) == repr(constructed)
    assert all(getattr(made, row.name) is getattr(constructed, row.name) for row in rows(DiskDevice).values())
