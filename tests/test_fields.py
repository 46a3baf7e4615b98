from __future__ import annotations

import dataclasses
from typing import Any, Literal

import pytest

from kvmctl.fields import (
    UNSET,
    Model,
    Row,
    Shape,
    Source,
    Update,
    camel,
    is_set,
    key_of,
    known,
    make,
    row_of,
    rows,
    stating,
    xml,
)
from kvmctl.fields import model as decorate
from kvmctl.models import KINDS
from kvmctl.models.disk import Disk
from kvmctl.models.disk_device import DiskDevice
from kvmctl.models.input import Input
from kvmctl.models.interface import Interface
from kvmctl.models.metadata import Metadata
from kvmctl.models.network import Network
from kvmctl.models.virtio import VirtioOptions
from kvmctl.models.vm import VirtualMachine


def within(model: type[Model]) -> list[type[Model]]:
    found = [model]
    for row in rows(model).values():
        if row.model is not None:
            found += [each for each in within(row.model) if each not in found]
    return found


ALL = list(dict.fromkeys(model for kind in KINDS for model in within(kind.model)))
ROWS = [pytest.param(model, row, id=f"{model.__name__}.{row.name}") for model in ALL for row in rows(model).values()]


@pytest.mark.parametrize(("model", "row"), ROWS)
def test_a_row_says_all_that_is_needed(model: type[Model], row: Row) -> None:
    assert row.doc.endswith(".")
    assert row.doc[0].isupper() or row.doc.split()[0] in {"nat,", "nat", "raw"}
    assert row.yaml == camel(row.name)
    # what libvirt keeps beside the XML is a plain value, or has a document of its own
    assert bool(row.place) is (row.source is Source.XML or (row.source is Source.STATE and row.model is not None))
    assert bool(row.reason) is (row.update is Update.REFUSED)
    assert (row.model is not None) is (row.shape in (Shape.MODEL, Shape.MODELS))
    assert getattr(model, row.name) is silence(model, row)


def silence(model: type[Model], row: Row) -> object:
    """Return what a field is that an instance doesn't state: UNSET, or of a whole model libvirt's own value."""
    if not model.whole:
        return UNSET
    return row.absent if row.default is UNSET else row.default


@pytest.mark.parametrize("model", ALL, ids=lambda model: model.__name__)
def test_keys_and_short_forms_name_rows(model: type[Model]) -> None:
    names = {row.name for row in rows(model).values()}
    assert {name for alternative in model.keys for name in alternative} <= names
    assert set(model.short) <= names
    assert {name for name, _ in model.implicit} <= names
    # Two notations may share an element, each reading what is its own: a USB and a SCSI device of the host.
    places = [(row.place, row.also, row.codec.name) for row in rows(model).values() if row.place not in ("", ".")]
    assert len(places) == len(set(places))


@pytest.mark.parametrize("model", [*ALL, Metadata], ids=lambda model: model.__name__)
def test_what_is_not_stated_is_unset(model: type[Model]) -> None:
    empty = make(model, {})
    assert all(getattr(empty, row.name) is silence(model, row) for row in rows(model).values())
    assert empty == model()
    assert dataclasses.replace(empty) == empty  # type: ignore[type-var]


def test_inherited_rows_come_last_and_can_be_declared_anew() -> None:
    @decorate()
    class Rng(VirtioOptions):
        """A device of virtio."""

        model: str | None = xml("@model", doc="Its model.")
        ats: bool | None = xml("driver/@ats", doc="Said otherwise.")

    assert list(rows(Rng)) == ["model", "ats", "iommu", "packed", "pagePerVq"]
    assert (rows(Rng)["ats"].doc, rows(Rng)["iommu"]) == ("Said otherwise.", rows(VirtioOptions)["iommu"])
    assert make(Rng, {"iommu": True}) == stating(Rng, iommu=True)
    assert not is_set(make(Rng, {}).packed)


def test_shapes_follow_from_the_annotations() -> None:
    shapes = {row.yaml: row.shape for row in rows(VirtualMachine).values()}
    assert (shapes["memory"], shapes["disks"], shapes["title"]) == (Shape.MODEL, Shape.MODELS, Shape.SCALAR)
    assert rows(Metadata)["labels"].shape is Shape.MAP
    assert row_of(VirtualMachine, "on_crash").yaml == "onCrash"
    assert rows(VirtualMachine)["disks"].model is DiskDevice


def test_instances_are_values() -> None:
    one, two = stating(DiskDevice, target="vda"), stating(DiskDevice, target="vda")
    assert one == two
    assert hash(one) == hash(two)
    assert one != stating(DiskDevice, target="vda", cache=None)
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.target = "vdb"  # type: ignore[misc]


@pytest.mark.parametrize(("value", "set_"), [(UNSET, False), (None, True), (0, True), (False, True), ("", True)])
def test_unset_is_neither_null_nor_false(value: Any, set_: bool) -> None:
    assert is_set(value) is set_
    assert known(value) is (value if value is not UNSET else None)
    assert repr(UNSET) == "UNSET"
    assert not UNSET


def test_known_gives_the_default_where_nothing_is_stated() -> None:
    assert [known(value, 7) for value in (UNSET, None, 0, 3)] == [7, 7, 0, 3]


@pytest.mark.parametrize(
    ("item", "key"),
    [
        (stating(Interface), ("", "")),
        (stating(Interface, name=None, network="lab"), ("network", "lab")),
        (stating(Interface, network="lab", mac="52:54:00:00:00:01"), ("mac", "52:54:00:00:00:01")),
        (stating(Input, type="mouse"), ("type", "mouse")),
        (stating(Input, type="mouse", bus="usb"), ("type", "mouse:usb")),
        (stating(Disk), ("", "")),
    ],
)
def test_the_key_of_an_item_is_its_first_alternative_that_is_stated(item: Model, key: tuple[str, str]) -> None:
    assert key_of(item) == key


def test_camel_case() -> None:
    assert [camel(name) for name in ("boot", "boot_menu", "boot_menu_timeout")] == [
        "boot",
        "bootMenu",
        "bootMenuTimeout",
    ]


def test_only_identity_and_data_are_refused() -> None:
    refused = {row.name for kind in (VirtualMachine, Network) for row in rows(kind).values() if row.reason}
    assert refused == {"uuid"}


@decorate(whole=True)
class Whole(Model):
    """A model whose silence says something."""

    action: str | None = xml("@action", doc="What is done.")
    priority: int | None = xml("@priority", default=500, doc="When.")
    match: bool | None = xml("@match", absent=True, doc="Whether.")


def test_a_whole_model_says_by_silence_what_libvirt_fills_in() -> None:
    silent = make(Whole, {})
    assert (silent.action, silent.priority, silent.match) == (None, 500, True)
    assert silent == make(Whole, {"action": None, "priority": 500, "match": True})
    assert silent != make(Whole, {"match": False})
    assert repr(make(Whole, {"action": "drop", "priority": 500})) == "Whole(action='drop')"


@decorate()
class OneOrder(Model):
    """Words in one order."""

    word: Literal["tcp", "unix"] | None = xml("@word", doc="A word.")


@decorate()
class OtherOrder(Model):
    """The same words in another."""

    word: Literal["unix", "tcp"] | None = xml("@word", doc="A word.")


def test_words_keep_the_order_in_which_they_are_declared() -> None:
    models: list[Any] = [OneOrder, OtherOrder]
    orders = [rows(each)["word"].codec.schema()["enum"] for each in models]
    assert orders == [["tcp", "unix"], ["unix", "tcp"]]
