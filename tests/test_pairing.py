from __future__ import annotations

from typing import Any

from kvmctl.document import decode
from kvmctl.fields import Model, make
from kvmctl.models.character import Channel, Console
from kvmctl.models.controller import Controller
from kvmctl.models.disk_device import DiskDevice
from kvmctl.models.display import Video
from kvmctl.models.input import Input
from kvmctl.models.interface import Interface
from kvmctl.models.sound import Audio
from kvmctl.pairing import Pairs, is_implicit, may_stay, pair


def made(model: type[Model], *documents: dict[str, Any]) -> list[Any]:
    return [make(model, dict(document)) for document in documents]


def nics(*documents: dict[str, Any]) -> list[Any]:
    return made(Interface, *documents)


def test_items_are_matched_by_key_wherever_they_stand() -> None:
    wanted = made(DiskDevice, {"target": "vdb"}, {"target": "vda"}, {"target": "vdc"})
    existing = made(DiskDevice, {"target": "vda"}, {"target": "vdx"}, {"target": "vdb"})
    assert pair(wanted, existing) == Pairs(((0, 2), (1, 0)), (2,), (1,))


def test_a_name_goes_before_a_mac_and_a_mac_before_a_network() -> None:
    existing = nics(
        {"name": None, "mac": "52:54:00:00:00:01", "network": "lab"},
        {"name": "lan", "mac": "52:54:00:00:00:02", "network": "lab"},
        {"name": None, "mac": "52:54:00:00:00:03", "network": "other"},
    )
    wanted = nics({"network": "other"}, {"mac": "52:54:00:00:00:01"}, {"name": "lan", "network": "other"})
    assert pair(wanted, existing) == Pairs(((0, 2), (1, 0), (2, 1)), (), ())


def test_a_new_name_is_given_to_the_interface_that_has_the_mac() -> None:
    existing = nics({"name": None, "mac": "52:54:00:00:00:01", "network": "lab"})
    assert pair(nics({"name": "lan", "mac": "52:54:00:00:00:01"}), existing).matched == ((0, 0),)


def test_what_fits_two_items_is_none_of_them() -> None:
    existing = nics({"mac": "52:54:00:00:00:01", "network": "lab"}, {"mac": "52:54:00:00:00:02", "network": "lab"})
    assert pair(nics({"network": "lab"}), existing) == Pairs((), (0,), (0, 1))


def test_what_fits_one_item_that_is_still_free_is_that_one() -> None:
    existing = nics({"mac": "52:54:00:00:00:01", "network": "lab"}, {"mac": "52:54:00:00:00:02", "network": "lab"})
    wanted = nics({"network": "lab"}, {"mac": "52:54:00:00:00:01", "network": "lab"})
    assert pair(wanted, existing).matched == ((0, 1), (1, 0))


def test_items_without_keys_are_matched_by_place() -> None:
    wanted, existing = made(Video, {"model": "vga"}), made(Video, {"model": "qxl"}, {"model": "vga"})
    assert pair(wanted, existing) == Pairs(((0, 0),), (), (1,))
    assert pair(existing, wanted) == Pairs(((0, 0),), (1,), ())


def test_nothing_wanted_and_nothing_there() -> None:
    assert pair([], []) == Pairs((), (), ())
    assert pair([], made(Video, {"model": "vga"})) == Pairs((), (), (0,))
    assert pair(made(Video, {"model": "vga"}), []) == Pairs((), (0,), ())


def test_what_libvirt_adds_is_not_made_into_something_else() -> None:
    keyboard = made(Input, {"type": "keyboard", "bus": "ps2"})
    assert is_implicit(keyboard[0])
    assert pair(made(Input, {"type": "keyboard", "bus": "usb"}), keyboard) == Pairs((), (0,), (0,))
    assert pair(made(Input, {"type": "keyboard"}), keyboard).matched == ((0, 0),)
    mirrored = made(Console, {"type": "pty", "target": "serial"}, {"type": "pty", "target": "virtio"})
    assert pair(made(Console, {"target": "virtio"}), mirrored) == Pairs(((0, 1),), (), (0,))
    assert pair(made(Console, {"type": "pty"}), mirrored) == Pairs(((0, 0),), (), (1,))


def test_a_key_of_two_fields_needs_both() -> None:
    existing = made(Input, {"type": "mouse", "bus": "virtio"}, {"type": "mouse", "bus": "usb"})
    assert pair(made(Input, {"type": "mouse", "bus": "usb"}), existing).matched == ((0, 1),)
    assert pair(made(Input, {"type": "mouse"}), existing).matched == ()


def test_null_is_no_key() -> None:
    wish = decode(Interface, {"name": None, "network": "lab"})
    assert pair([wish], nics({"name": None, "network": "lab"})).matched == ((0, 0),)


def test_several_that_are_alike_keep_their_order() -> None:
    spice = {"type": "spicevmc", "name": None}
    wanted, existing = (
        made(Channel, spice, spice),
        made(Channel, {**spice, "target_port": 1}, {**spice, "target_port": 2}),
    )
    assert pair(wanted, existing).matched == ((0, 0), (1, 1))
    assert pair(wanted[:1], existing) == Pairs((), (0,), (0, 1))
    tablets = made(Input, {"type": "tablet", "bus": "usb"}, {"type": "tablet", "bus": "usb"})
    assert pair(tablets[:1], tablets) == Pairs(((0, 0),), (), (1,))


def test_what_libvirt_adds_can_be_made_into_something_else_where_its_whole_key_is_said() -> None:
    silent = made(Audio, {"id": 1, "type": "none"})
    assert pair(made(Audio, {"id": 1, "type": "alsa"}), silent).matched == ((0, 0),)
    assert pair(made(Audio, {"id": 2, "type": "alsa"}), silent) == Pairs((), (0,), (0,))


def test_items_of_an_open_list_stay_whoever_made_them() -> None:
    made_by_libvirt = made(Controller, {"type": "usb", "index": 0, "model": "ich9-ehci1"}, {"type": "sata", "index": 0})
    companion = made(Controller, {"type": "usb", "index": 0, "model": "ich9-uhci1"})
    assert all(may_stay(item) and not is_implicit(item) for item in made_by_libvirt)
    assert pair(made(Controller, {"type": "usb", "index": 0}), made_by_libvirt) == Pairs(((0, 0),), (), (1,))
    assert pair(companion, [*made_by_libvirt, *companion]).matched == ((0, 2),)
    assert pair(made(Controller, {"type": "sata"}), made_by_libvirt).matched == ((0, 1),)


def test_what_has_an_address_or_a_name_was_asked_for() -> None:
    console = {"type": "pty", "target": "serial"}
    assert [is_implicit(each) for each in made(Console, console, {**console, "address": None})] == [True, True]
    assert not is_implicit(made(Console, {**console, "address": "pci:0000:00:04.0"})[0])
    assert not is_implicit(made(Input, {"type": "mouse", "bus": "ps2", "alias": "small"})[0])
