"""The same thing by hand: each action as the virsh and qemu-img commands that an administrator would type."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any, Final

from kvmctl.codec import format_size
from kvmctl.fields import known

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kvmctl.diff import Change
    from kvmctl.inventory import Address, Resource
    from kvmctl.plan.network_updates import NetworkUpdate
    from kvmctl.plan.taking import Taking

_DEFINE: Final = {
    "vm": "define",
    "network": "net-define",
    "pool": "pool-define",
    "secret": "secret-define",
    "nwfilter": "nwfilter-define",
}
_DUMP: Final = {
    "vm": "dumpxml --inactive --security-info", "network": "net-dumpxml --inactive", "pool": "pool-dumpxml --inactive",
    "secret": "secret-dumpxml",
    "nwfilter": "nwfilter-dumpxml",
}  # fmt: skip


def quote(text: str) -> str:
    """Return the text as one word of a shell command."""
    return shlex.quote(text)


def domain(resource: Resource, verb: str, rest: str = "") -> tuple[str, ...]:
    """Return `virsh VERB NAME REST` for a machine (or `net-…`, `pool-…` verbs for the others)."""
    return (f"virsh {verb} {quote(resource.address.name)} {rest}".rstrip(),)


def define(address: Address) -> str:
    """Return the command that defines a resource from its file."""
    return f"virsh {_DEFINE[address.kind]} {quote(address.name + '.xml')}"


def redefine(address: Address, changes: Sequence[Change], name: str = "") -> tuple[str, ...]:
    """Return the commands that edit a definition: dump it, change what is named, define it.

    `name` is what virsh knows the object by, where that isn't the address's.
    """
    file = quote(f"{address.name}.xml")
    edits = tuple(f"# in {file}: {edit(change)}" for change in changes)
    return (f"virsh {_DUMP[address.kind]} {quote(name or address.name)} > {file}", *edits, define(address))


def edit(change: Change) -> str:
    """Return one difference as an instruction to a person with an editor."""
    if change.after is None:
        return f"remove {change.text}"
    if change.before is None:
        return f"add {change.text} = {plain(change.after)}"
    return f"change {change.text} from {plain(change.before)} to {plain(change.after)}"


def plain(value: Any) -> str:
    """Return a value of a document in one line: what follows a line break would be a command of the runbook."""
    match value:
        case bool():
            return "true" if value else "false"
        case dict():
            return "{" + ", ".join(f"{name}: {plain(each)}" for name, each in value.items()) + "}"
        case list() | tuple():
            return "[" + ", ".join(plain(each) for each in value) + "]"
        case None:
            return "none"
        case _:
            return "\\n".join(str(value).splitlines())


def set_value(source: Mapping[str, Any], uuid: str) -> str:
    """Return the command that gives a secret its value, read by virsh and not an argument that others could see."""
    feed = ""
    if source.get("command"):
        feed = f"{shlex.join(source['command'])} | "
    elif source.get("env"):
        feed = f'printf %s "${source["env"]}" | '
    file = quote(str(source["file"])) if source.get("file") else "/dev/stdin"
    plain = "" if source.get("encoding") == "base64" else " --plain"
    return f"{feed}virsh secret-set-value {uuid} --file {file}{plain}"


def device(resource: Resource, verb: str, change: Change, flags: str) -> tuple[str, ...]:
    """Return the command that plugs or unplugs a device, from a file with its XML."""
    file = quote(f"{resource.address.name}-{change.item}.xml")
    return (f"virsh {verb} {quote(resource.address.name)} {file} {flags}",)


def net_update(resource: Resource, update: NetworkUpdate, flags: str) -> str:
    """Return the command that changes one item of a network's lists."""
    words = [update.command, update.section, quote(update.xml)]
    words += [f"--parent-index {update.parent}"] if update.parent >= 0 else []
    return domain(resource, "net-update", " ".join([*words, flags]))[0]


def plug_in_again(machine: str, mac: str, network: str) -> tuple[str, ...]:
    """Return the commands that put a running guest's interface back on its network.

    An update to what the interface is already does nothing (libvirt 9.0), so that it is made one of the bridge first.
    """
    name, file = quote(machine), quote(f"{machine}-{mac}.xml")
    return (
        f"# in {file}, the interface {mac} of virsh dumpxml {name}: type bridge, on the bridge of {network}",
        f"virsh update-device {name} {file} --live",
        f"# in {file}: type network, on {network}",
        f"virsh update-device {name} {file} --live",
    )


def set_link(resource: Resource, mac: str, change: Change, *, config: bool) -> tuple[str, ...]:
    """Return the commands that plug a cable in or pull it: of the running guest, and of the definition."""
    command = f"virsh domif-setlink {quote(resource.address.name)} {mac} {change.after or 'up'}"
    return (command, f"{command} --config") if config else (command,)


def change_medium(resource: Resource, change: Change, flags: str) -> tuple[str, ...]:
    """Return the command that changes the medium in a drive, or takes it out."""
    drive = f"virsh change-media {quote(resource.address.name)} {change.item}"
    if change.after is None:
        return (f"{drive} --eject {flags}",)
    return (f"{drive} {quote(str(change.after))} --update {flags}",)


def create_disk(
    name: str, pool: str, *, image_format: str, size: int | None, backing: tuple[str, str] | None = None
) -> str:
    """Return the command that makes an empty volume."""
    words = [
        f"virsh vol-create-as {quote(pool)} {quote(name)} {format_size(size or 0, exact=True)} --format {image_format}"
    ]
    if backing:
        words.append(f"--backing-vol {quote(backing[0])} --backing-vol-format {backing[1]}")
    return " ".join(words)


def take_snapshot(machine: Resource, how: Taking) -> tuple[str, ...]:
    """Return the command that takes a snapshot."""
    snapshot, memory = how.snapshot, how.snapshot.memory
    words = [quote(str(snapshot.name))]
    if known(snapshot.description):
        words.append(quote(str(snapshot.description)))
    if memory and memory.snapshot == "external":
        words.append(f"--memspec {quote(f'file={memory.file},snapshot=external')}")
    for disk in snapshot.disks or ():
        place = "no" if disk.snapshot == "none" else disk.snapshot
        file = f",file={disk.file}" if known(disk.file) else ""
        words.append(f"--diskspec {quote(f'{disk.target},snapshot={place}{file}')}")
    flags = {"--disk-only": how.disks_only, "--live": how.live, "--quiesce": how.quiesce, "--atomic": True}
    words += [flag for flag, given in flags.items() if given]
    return domain(machine, "snapshot-create-as", " ".join(words))
