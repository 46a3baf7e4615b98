"""Rules of what a guest is told at its first start (cloudinit.readthedocs.io; coreos.github.io/ignition)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from kvmctl.fields import known
from kvmctl.names import GUEST_AGENT
from kvmctl.rules.finding import Finding, about, items, repeated, stated
from kvmctl.rules.secret import one_source
from kvmctl.seeding import IGNITION_ENTRY, NOT_YET

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvmctl.models.first_boot import CloudInit
    from kvmctl.models.vm import VirtualMachine

_SHORTCUTS: Final = {"users": "users", "ssh_keys": "ssh_authorized_keys", "packages": "packages", "runcmd": "runcmd"}
"""The fields that are put into the user-data, with the keys that they become there."""
_YAML: Final = {"ssh_keys": "sshKeys"}


@about("cloud_init")
def drive(spec: VirtualMachine) -> Iterator[Finding]:
    """Refuse a seed for a machine whose drives are not managed: it comes in one of them."""
    if known(spec.cloud_init) is not None and known(spec.disks) is None:
        message = "the seed comes in a drive, and the machine's disks are not listed"
        yield Finding(("spec", "cloudInit"), message, "write disks: with all of the machine's disks, or disks: []")


@about("cloud_init")
def shortcuts(spec: VirtualMachine) -> Iterator[Finding]:
    """Refuse fields that have no place to be put, or are there already."""
    held = known(spec.cloud_init)
    if held is None:
        return
    data = known(held.user_data)
    for name in stated(held, *_SHORTCUTS):
        path, yaml = ("spec", "cloudInit", _YAML.get(name, name)), _SHORTCUTS[name]
        if data is not None and not _is_mapping(data):
            yield Finding(path, "is put into the user-data, and that is a text of its own", f"write {yaml}: there")
        elif data is not None and yaml in data:
            yield Finding(path, f"the user-data says {yaml} already", "write it in one of the two places")
    meta = known(held.meta_data)
    if known(held.hostname) is not None and meta is not None and not _is_mapping(meta):
        message = "is put into the meta-data, and that is a text of its own"
        yield Finding(("spec", "cloudInit", "hostname"), message, "write local-hostname: there")


def _is_mapping(data: Any) -> bool:
    return isinstance(data, dict) and data.keys() != {"file"}


@about("cloud_init")
def users(spec: VirtualMachine) -> Iterator[Finding]:
    """Refuse names that are taken, and passwords from several places."""
    held: CloudInit | None = known(spec.cloud_init)
    listed = items(held.users) if held else ()
    for index, first, name in repeated((index, each.name) for index, each in enumerate(listed)):
        message = f"{name} is the name of users[{first}] already"
        yield Finding(("spec", "cloudInit", "users", index, "name"), message, "write another name")
    for index, each in enumerate(listed):
        if known(each.password_hash) is not None:
            yield from one_source(each.password_hash, ("spec", "cloudInit", "users", index, "passwordHash"))


@about("ignition")
def entries(spec: VirtualMachine) -> Iterator[Finding]:
    """Refuse Ignition's entry of fw_cfg where `ignition` makes it."""
    for index, each in enumerate(items(spec.fwcfgs)):
        if known(spec.ignition) is not None and each.name == IGNITION_ENTRY and each.file != NOT_YET:
            message = f"{IGNITION_ENTRY} is made by spec.ignition"
            yield Finding(("spec", "fwcfgs", index, "name"), message, "take one of both away")


@about("wait")
def waiting(spec: VirtualMachine) -> Iterator[Finding]:
    """Refuse to wait for a port without a number, and for an agent that has no channel."""
    held = known(spec.wait)
    if held is None:
        return
    path = ("spec", "wait")
    if held.for_ == "port" and known(held.port) is None:
        yield Finding(path, "which port is waited for is not said", "write port: beside for: port")
    if held.for_ not in ("port", "ssh") and known(held.port) is not None:
        yield Finding((*path, "port"), f"nothing is sent to a port with for: {held.for_}", "take it away")
    channels = known(spec.channels)
    if held.for_ in ("agent", "cloudInit") and channels is not None and not any(map(_is_agents, channels)):
        hint = f"list {{type: unix, target: virtio, name: {GUEST_AGENT}}} among the channels"
        yield Finding(path, "the agent that is waited for has no channel", hint)


def _is_agents(channel: Any) -> bool:
    return bool(channel.name == GUEST_AGENT)


RULES = (drive, shortcuts, users, entries, waiting)
