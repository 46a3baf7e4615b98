from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from kvmctl import manifest
from kvmctl.document import decode
from kvmctl.fields import UNSET
from kvmctl.inventory import Address, Inventory, Live, Resource
from kvmctl.models import BY_SHORT
from kvmctl.resolve import disk_place, resolve

if TYPE_CHECKING:
    from pathlib import Path


def wanted(specs: dict[str, dict[str, Any]]) -> dict[Address, Resource]:
    found = {}
    for text, spec in specs.items():
        address = Address(*text.split("/", 1))
        found[address] = Resource(address, decode(BY_SHORT[address.kind].model, spec))
    return found


def existing(name: str, path: str, *, kind: str = "file", image_format: str = "qcow2") -> dict[Address, Resource]:
    address = Address("disk", name)
    facts = {"path": path, "type": kind, "format": image_format, "pool": "there", "volume": name}
    return {address: Resource(address, decode(BY_SHORT["disk"].model, {"pool": "there"}), live=Live(facts=facts))}


POOL: dict[str, Any] = {"type": "dir", "path": "/v"}


def device(specs: dict[str, dict[str, Any]], have: Inventory, **more: Any) -> Any:
    machine = {"memory": 1024, "disks": [{"target": "vda", "disk": "root", **more}]}
    resolved, problems = resolve(wanted({"vm/v": machine, **specs}), have)
    assert problems == []
    spec: Any = resolved[Address("vm", "v")].spec
    return spec.disks[0]


def test_a_new_disk_will_be_in_its_pools_folder() -> None:
    disk = {"pool": "p", "size": 1024, "format": "qcow2"}
    found = device({"disk/root": disk, "pool/p": POOL}, {})
    assert (found.file, found.format) == ("/v/root", "qcow2")


def test_a_new_disk_without_a_format_is_raw() -> None:
    assert device({"disk/root": {"pool": "p", "size": 1024}, "pool/p": POOL}, {}).format == "raw"


def test_an_existing_disk_is_where_libvirt_says_whatever_its_pool() -> None:
    found = device({}, existing("root", "/elsewhere/root"))
    assert (found.file, found.format) == ("/elsewhere/root", "qcow2")


def test_an_existing_disk_keeps_the_format_that_the_manifest_leaves_open() -> None:
    disk = {"pool": "p", "size": 1024}
    assert device({"disk/root": disk, "pool/p": POOL}, existing("root", "/v/root")).format == "qcow2"
    assert device({"disk/root": disk, "pool/p": POOL}, existing("root", "/v/root", image_format="")).format == "raw"


def test_a_stated_format_of_the_device_stays() -> None:
    assert device({}, existing("root", "/v/root"), format="raw").format == "raw"


def test_a_volume_that_is_a_device_is_a_block_device() -> None:
    found = device({}, existing("root", "/dev/vg0/root", kind="block"))
    assert (found.block, bool(found.file)) == ("/dev/vg0/root", False)


@pytest.mark.parametrize(
    ("pool", "path"),
    [
        ({"type": "logical", "path": "/dev/vg0"}, "/dev/vg0/root"),
        ({"type": "logical", "source": {"name": "vg1"}}, "/dev/vg1/root"),
        ({"type": "disk", "source": {"devices": ["/dev/sdx"]}}, "/dev/root"),
    ],
)
def test_a_new_volume_of_a_pool_of_devices_is_a_block_device(pool: dict[str, Any], path: str) -> None:
    assert device({"disk/root": {"pool": "p", "size": 1024}, "pool/p": pool}, {}).block == path


def test_a_backing_disk_becomes_its_path_and_format() -> None:
    top = {"pool": "p", "size": 1024, "format": "qcow2", "backing": "base"}
    base = {"pool": "p", "size": 1024, "format": "raw"}
    resolved, _ = resolve(wanted({"disk/top": top, "disk/base": base, "pool/p": POOL}), {})
    backing: Any = resolved[Address("disk", "top")].spec
    assert (backing.backing.path, backing.backing.format, backing.backing.disk) == ("/v/base", "raw", "base")


def test_what_needs_nothing_is_the_same_object() -> None:
    want = wanted({"vm/v": {"memory": 1024, "disks": [{"target": "sda", "device": "cdrom"}]}, "network/n": {}})
    resolved, _ = resolve(want, {})
    assert resolved[Address("network", "n")] is want[Address("network", "n")]
    assert resolved[Address("vm", "v")] == want[Address("vm", "v")]


def test_disk_place_alone() -> None:
    assert disk_place("root", {}, existing("root", "/v/root")).path == "/v/root"


def test_references_that_lead_nowhere_are_all_told_with_their_places(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(
        "apiVersion: kvmctl/v1\nkind: VirtualMachine\nmetadata: {name: v}\nspec:\n  memory: 1GiB\n"
        "  disks:\n    - {target: vda, disk: nowhere}\n  interfaces:\n    - network: none\n"
    )
    _, problems = resolve(manifest.load([file]), {})
    nowhere = "which is neither in the manifests nor on the host; add a manifest for"
    assert [str(problem).replace(str(file), "FILE") for problem in problems] == [
        f"FILE:7:27: spec.disks[0].disk: vm/v needs disk/nowhere, {nowhere} disk/nowhere, or correct the name",
        f"FILE:9:16: spec.interfaces[0].network: vm/v needs network/none, {nowhere} network/none, or correct the name",
    ]


def volume_format(have: Inventory, **source: str) -> Any:
    machine = {"memory": 1024, "disks": [{"target": "vda", "source": {"volume": "root", **source}}]}
    disk = {"pool": "p", "size": 1024, "format": "qcow2"}
    resolved, problems = resolve(wanted({"vm/v": machine, "disk/root": disk, "pool/p": POOL}), have)
    assert problems == []
    spec: Any = resolved[Address("vm", "v")].spec
    return spec.disks[0].format


def test_a_new_device_on_a_volume_has_the_format_of_that_disk() -> None:
    assert volume_format({}, pool="p") == "qcow2"


def test_a_volume_of_another_pool_is_no_disk_of_ours() -> None:
    assert volume_format({}, pool="elsewhere") is UNSET


def test_a_device_that_is_on_the_volume_already_keeps_its_format() -> None:
    machine = {"memory": 1024, "disks": [{"target": "vda", "source": {"pool": "p", "volume": "root"}}]}
    assert volume_format(wanted({"vm/v": machine}), pool="p") is UNSET


def test_a_volume_may_lead_nowhere_until_the_start() -> None:
    machine = {"memory": 1024, "disks": [{"target": "vda", "source": {"pool": "gone", "volume": "gone"}}]}
    assert resolve(wanted({"vm/v": machine}), {})[1] == []
