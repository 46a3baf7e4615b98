"""The plan for a resource that doesn't exist yet."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, cast

from kvmctl.actions import Disruption, Operation
from kvmctl.diff import Change, flat_text
from kvmctl.document import encode, encode_value
from kvmctl.fields import UNSET, Shape, key_of, known, rows, stating
from kvmctl.models.features import Features
from kvmctl.plan import equivalent as virsh
from kvmctl.plan.filling import about_source, disk_commands
from kvmctl.plan.steps import Steps

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvmctl.fields import Model
    from kvmctl.images import ImageInfo
    from kvmctl.inventory import Resource
    from kvmctl.models.network import Network
    from kvmctl.models.pool import StoragePool
    from kvmctl.models.secret import Secret
    from kvmctl.models.vm import VirtualMachine
    from kvmctl.observe import HostFacts

FOLDERS = frozenset({"dir", "fs", "netfs"})
"""The types of pools that are a folder of the host."""
_X86 = frozenset({"x86_64", "i686"})


def with_defaults(want: Resource, host: HostFacts) -> Resource:
    """Return the machine with what a new one needs and its manifest leaves open: the hypervisor, ACPI only on x86."""
    if want.address.kind != "vm":
        return want
    spec = cast("VirtualMachine", want.spec)
    arch = _arch(spec, host)
    more: dict[str, Any] = {}
    if known(spec.type) is None:
        offered = host.domain_types(arch)
        more["type"] = next((each for each in ("kvm", "qemu", *offered) if each in offered), "qemu")
    if arch not in _X86:
        features = known(spec.features) or stating(Features)
        unset = {name: None for name in ("acpi", "apic") if getattr(features, name) is UNSET}
        more["features"] = dataclasses.replace(features, **unset)
    return want._replace(spec=dataclasses.replace(spec, **more)) if more else want


def _arch(spec: VirtualMachine, host: HostFacts) -> str:
    return (known(spec.os.arch) if known(spec.os) and spec.os else None) or host.arch


def plan_creation(want: Resource, host: HostFacts, image: ImageInfo | None, *, hidden: bool) -> Steps:
    """Return the one step that creates a resource, with all that its manifest states; `image` is a disk's source."""
    steps = Steps(want.address)
    if want.address.kind == "vm" and refuse_type(steps, want, host):
        return steps
    commands = disk_commands(want, image) if want.address.kind == "disk" else _COMMANDS[want.address.kind](want)
    unseen = "its pool can't be looked into yet: should the disk be there already, it is kept as it is"
    notes = [about_source(want, image), unseen if hidden else ""]
    note = "; ".join(note for note in notes if note)
    steps.add(Operation.CREATE, Disruption.NONE, tuple(stated(want.spec)), commands, note)
    return steps


def stated(spec: Model) -> Iterator[Change]:
    """Yield what a manifest says of a new resource, a change from nothing for each field and list item."""
    for name, row in rows(type(spec)).items():
        value = getattr(spec, row.name)
        if value is UNSET or value is None:
            continue
        if row.shape is Shape.DOCUMENT:
            for place, text in flat_text(value).items():
                yield Change((name, place), None, text, row)
            continue
        if row.shape is not Shape.MODELS:
            written = _written(encode_value(row, value))
            if not isinstance(written, dict) or any(each is not None for each in written.values()):
                yield Change((name,), None, written, row)
            continue
        for index, item in enumerate(value):
            yield Change((name, f"[{key_of(item)[1] or index}]"), None, _written(encode(item)), row)


def _written(document: Any) -> Any:
    """Return the document without what follows from a Disk's name."""
    if not isinstance(document, dict):
        return document
    derived = ("file", "block", "path") if document.get("disk") else ()
    return {name: value for name, value in document.items() if value is not None and name not in derived}


def refuse_type(steps: Steps, want: Resource, host: HostFacts) -> bool:
    """Refuse a type that the host can't run; False where it can."""
    spec = cast("VirtualMachine", want.spec)
    arch = _arch(spec, host)
    offered = host.types.get(arch, ())
    if spec.type in offered:
        return False
    row = rows(type(spec))["type"]
    can = f"for {arch} it offers {', '.join(sorted(offered))}" if offered else f"it has no emulator for {arch}"
    hint = (
        "load the kvm module and check /dev/kvm with kvmctl doctor, or write type: qemu"
        if spec.type == "kvm"
        else "write a type that the host offers"
    )
    steps.refuse(Change(("type",), None, spec.type, row), f"the host can't run type {spec.type}: {can}", hint)
    return True


def _vm(want: Resource) -> tuple[str, ...]:
    spec = cast("VirtualMachine", want.spec)
    commands = [virsh.define(want.address)]
    if known(spec.autostart):
        commands += virsh.domain(want, "autostart")
    if known(spec.power_state) in ("Running", "Paused"):
        commands += virsh.domain(want, "start", "--paused" if spec.power_state == "Paused" else "")
    return tuple(commands)


def _network(want: Resource) -> tuple[str, ...]:
    spec = cast("Network", want.spec)
    commands = [virsh.define(want.address)]
    if starts(spec):
        commands += virsh.domain(want, "net-start")
    if known(spec.autostart):
        commands += virsh.domain(want, "net-autostart")
    return tuple(commands)


def _pool(want: Resource) -> tuple[str, ...]:
    spec = cast("StoragePool", want.spec)
    commands = [virsh.define(want.address)]
    if builds(spec):
        commands += virsh.domain(want, "pool-build")
    if starts(spec):
        commands += virsh.domain(want, "pool-start")
    if known(spec.autostart):
        commands += virsh.domain(want, "pool-autostart")
    return tuple(commands)


def _secret(want: Resource) -> tuple[str, ...]:
    spec = cast("Secret", want.spec)
    value = known(spec.value)
    # A new secret's UUID is what secret-define prints.
    uuid = known(spec.uuid) or "UUID"
    return (virsh.define(want.address), *((virsh.set_value(encode(value), uuid),) if value else ()))


def _nwfilter(want: Resource) -> tuple[str, ...]:
    return (virsh.define(want.address),)


_COMMANDS = {"vm": _vm, "network": _network, "pool": _pool, "secret": _secret, "nwfilter": _nwfilter}


def builds(spec: StoragePool) -> bool:
    """Say whether a new pool's folder is made; building other types would format devices, which kvmctl never does."""
    return spec.build is not False and spec.type in FOLDERS


def starts(spec: Network | StoragePool) -> bool:
    """Say whether a new network or pool is started; it is, unless the manifest says otherwise."""
    return spec.active is not False
