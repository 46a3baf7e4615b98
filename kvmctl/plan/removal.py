"""The plan that removes resources: machines first, then what they stood on; disks only where that was allowed."""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING, Any, cast

from kvmctl import xmlio
from kvmctl.actions import Action, Disruption, Operation, Refusal
from kvmctl.inventory import Address, Inventory, Live, Resource, meant, references
from kvmctl.ownership import PROTECT, protects
from kvmctl.plan import equivalent as virsh
from kvmctl.plan.build import Plan
from kvmctl.plan.order import ordered
from kvmctl.plan.vm_power import stop_policy
from kvmctl.seeding import seed_paths
from kvmctl.usage import disks_of, own_disks, stands_on

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from kvmctl.observe import Observation
    from kvmctl.observe.snapshots import Taken
    from kvmctl.usage import Disks


class Asked(Enum):
    """How it was asked for a removal: by name, by the manifests of what is to go, or by manifests that lack it now."""

    BY_NAME = auto()
    BY_MANIFEST = auto()
    AS_LEFT = auto()


def build_removal(
    addresses: Iterable[Address], seen: Observation, want: Mapping[Address, Resource],
    *, allow_data_loss: bool, asked: Asked,
) -> Plan:  # fmt: skip
    """Return the plan that removes the resources that exist among `addresses`.

    Without `allow_data_loss` disks are refused when they were asked for by name, and otherwise kept, together with
    what they stand on. With it, the disks of the machines that go, which nobody else uses, go too, but not where
    manifests no longer name something: then what `want` needs must stay, and the pools of disks that somebody has.
    """
    have, alone = seen.inventory, asked is Asked.AS_LEFT
    disks = disks_of(have)
    needed = _needed(have, disks, want if alone else {})
    going = [address for address in addresses if address in have]
    refused, staying = list[Refusal](), list[Refusal]()
    if allow_data_loss and not alone:
        going += [disk for disk in _disks_of(going, have, needed, disks) if disk not in going]
    elif not allow_data_loss:
        kept = [address for address in going if address.kind == "disk"]
        listed, going = going, _without(kept, going, {} if asked is Asked.BY_NAME else needed)
        if asked is Asked.BY_NAME:
            refused = [_refusal(address, have) for address in kept]
        else:
            staying = [_staying(address, have) for address in listed if address not in going]
    holding = {each for each in needed if alone and (each in want or _is_somebodys(have[each]))}
    blocked = {
        address: _protected(have[address], want.get(address))
        or _in_use(address, going, needed, holding)
        or _saved(have[address], allow_data_loss)
        for address in going
    }
    refused += [refusal for refusal in blocked.values() if refusal]
    free = [address for address, refusal in blocked.items() if not refusal]
    actions = [_removal(have[address], want.get(address), allow_data_loss) for address in free]
    in_order, needs = ordered(actions, {}, have)
    return Plan(in_order, needs, tuple(refused), (), 0, dict(want), have, tuple(staying))


Needed = dict[Address, set[Address]]


def _needed(have: Inventory, disks: Disks, want: Mapping[Address, Resource]) -> Needed:
    """Return what each resource stands on, by what exists and by what is wanted."""
    needed = {each: {meant(on, have) for on in stands_on(resource, disks)} for each, resource in have.items()}
    for each, resource in want.items():
        needed.setdefault(each, set()).update(meant(on.target, have) for on in references(resource.spec))
    return needed


def _without(kept: list[Address], going: list[Address], needed: Needed) -> list[Address]:
    """Return what goes without the disks that are kept and what they stand on: their pools, secrets of their keys."""
    below = {each for disk in kept for each in needed.get(disk, ())}
    return [address for address in going if address not in kept and address not in below]


def _is_somebodys(resource: Resource) -> bool:
    return resource.live is not None and resource.live.mark is not None


def _protected(have: Resource, want: Resource | None) -> Refusal | None:
    """Return why a resource can't go whose manifest protects it, or did so when it was last applied."""
    mark = cast("Live", have.live).mark
    if not (mark and mark.protect) and not (want and protects(want.annotations)):
        return None
    return Refusal(
        have.address, (), Disruption.DESTROY, f"{have.address} is protected by its annotation {PROTECT}",
        f'apply its manifest with {PROTECT}: "false" first',
    )  # fmt: skip


def _disks_of(going: list[Address], have: Inventory, needed: Needed, disks: Disks) -> list[Address]:
    """Return the disks that the machines that go write to, and that nobody else stands on."""
    owned = [disk for address in going if address.kind == "vm" for disk in own_disks(have[address], disks)]
    return [disk for disk in dict.fromkeys(owned) if _users(disk, needed) <= {*going, *owned}]


def _users(address: Address, needed: Needed) -> set[Address]:
    return {other for other, stands in needed.items() if address in stands}


def _facts(resource: Resource) -> Mapping[str, Any]:
    return cast("Live", resource.live).facts


def _refusal(address: Address, have: Inventory) -> Refusal:
    path = _facts(have[address]).get("path", "")
    return Refusal(
        address, (), Disruption.DATA_LOSS, f"deleting {address} deletes {path} and all that is in it",
        "say --allow-data-loss if that is meant",
    )  # fmt: skip


def _staying(address: Address, have: Inventory) -> Refusal:
    if address.kind != "disk":
        reason = "it holds disks that stay" if address.kind == "pool" else "a disk that stays needs it"
        return Refusal(address, (), Disruption.DESTROY, f"{address} stays: {reason}")
    path, hint = _facts(have[address]).get("path", ""), "say --allow-data-loss to delete it too"
    return Refusal(address, (), Disruption.DATA_LOSS, f"{path} stays", hint)


def _in_use(address: Address, going: list[Address], needed: Needed, holding: set[Address]) -> Refusal | None:
    """Return why a disk or network can't go: something that stays stands on it; on a pool only what is in `holding`."""
    users = sorted(_users(address, needed) - set(going))
    if address.kind == "pool":
        users = [user for user in users if user in holding]
    if not users:
        return None
    names = ", ".join(str(user) for user in users)
    return Refusal(
        address, (), Disruption.DESTROY, f"{address} is in use by {names}", f"delete or change {names} first"
    )


def _saved(have: Resource, allow_data_loss: bool) -> Refusal | None:
    """Return why a machine can't go whose memory is saved: what its guest hadn't written to disk would be lost."""
    if have.address.kind != "vm" or allow_data_loss or not _facts(have).get("managed_save"):
        return None
    return Refusal(
        have.address, (), Disruption.DATA_LOSS, f"deleting {have.address} deletes its saved memory (managed save)",
        "start it and shut it down first, or say --allow-data-loss",
    )  # fmt: skip


def _removal(have: Resource, want: Resource | None, allow_data_loss: bool) -> Action:
    if have.address.kind == "vm":
        return _remove_vm(have, want, allow_data_loss)
    return _REMOVALS[have.address.kind](have)


def _remove_vm(have: Resource, want: Resource | None, allow_data_loss: bool) -> Action:
    """Return the removal; the state of its firmware and TPM, which may hold keys, goes only with the disks."""
    commands = list(virsh.domain(have, "undefine", _undefine_flags(have, allow_data_loss)))
    details: dict[str, Any] = {"keep_firmware_state": not allow_data_loss}
    notes = [_about_state(have, allow_data_loss), *_about_seeds(have), *_about_snapshots(have, allow_data_loss)]
    if cast("Live", have.live).active:
        stop, note = stop_policy(want, force=True)
        details |= stop
        notes.insert(0, note)
        commands[:0] = [*virsh.domain(have, "shutdown"), *(virsh.domain(have, "destroy") if stop["force"] else ())]
    told = "; ".join(note for note in notes if note)
    return Action(have.address, Operation.DELETE, Disruption.DESTROY, (), tuple(commands), told, details)


def _undefine_flags(have: Resource, allow_data_loss: bool) -> str:
    """Return the flags that virsh needs, by what there is; the one for checkpoints, not looked at, does no harm."""
    facts, kept = _facts(have), _state_beside(have)
    flags = {
        "--managed-save": facts.get("managed_save"),
        "--snapshots-metadata": facts.get("snapshots"),
        "--checkpoints-metadata": True,
        "--nvram" if allow_data_loss else "--keep-nvram": "NVRAM" in kept,
        "--tpm" if allow_data_loss else "--keep-tpm": "TPM state" in kept,
    }
    return " ".join(flag for flag, needed in flags.items() if needed)


def _about_snapshots(have: Resource, allow_data_loss: bool) -> Iterator[str]:
    """Yield what happens to the machine's snapshots, whose contents are in its images."""
    taken: tuple[Taken, ...] = _facts(have).get("taken") or ()
    names = ", ".join(each.name for each in taken)
    if taken and allow_data_loss:
        yield f"deletes its snapshots {names}"
    elif taken:
        yield f"libvirt forgets its snapshots {names}, while what they hold stays in its images"
    overlays: Mapping[str, str] = _facts(have).get("overlays") or {}
    if overlays:
        yield f"{', '.join(overlays)}, made by snapshots, stays unless a pool lists it"


def _about_seeds(have: Resource) -> Iterator[str]:
    """Yield what happens to what kvmctl made for the guest's first start, which the manifest makes again."""
    live = cast("Live", have.live)
    found = [seed_paths(xml, have.address.name) for xml in (live.xml, live.running_xml) if xml]
    paths = sorted({path for each in found for path in each.values()})
    if paths:
        yield f"removes its {', '.join(paths)}"


def _state_beside(have: Resource) -> list[str]:
    root = xmlio.parse(cast("Live", have.live).xml)
    has_nvram = root.find("os[@firmware='efi']") is not None or root.find("os/nvram") is not None
    has_tpm = root.find("devices/tpm/backend[@type='emulator']") is not None
    return [name for name, there in (("NVRAM", has_nvram), ("TPM state", has_tpm)) if there]


def _about_state(have: Resource, allow_data_loss: bool) -> str:
    """Return what happens to what libvirt keeps of a machine beside its disks; '' where there is nothing."""
    parts = _state_beside(have)
    if allow_data_loss and _facts(have).get("managed_save"):
        parts.append("saved memory")
    verb = "deletes" if allow_data_loss else "keeps"
    return f"{verb} its {' and '.join(parts)}" if parts else ""


def _remove_disk(have: Resource) -> Action:
    path = _facts(have)["path"]
    pool = virsh.quote(str(cast("Any", have.spec).pool))
    command = f"virsh vol-delete {virsh.quote(_facts(have).get('volume', have.address.name))} --pool {pool}"
    return Action(
        have.address,
        Operation.DELETE,
        Disruption.DATA_LOSS,
        (),
        (command,),
        f"deletes {path}",
        {"path": path},
    )


def _remove_network(have: Resource) -> Action:
    commands = [
        *(virsh.domain(have, "net-destroy") if cast("Live", have.live).active else ()),
        *virsh.domain(have, "net-undefine"),
    ]
    return Action(have.address, Operation.DELETE, Disruption.DESTROY, (), tuple(commands))


def _remove_pool(have: Resource) -> Action:
    commands = [
        *(virsh.domain(have, "pool-destroy") if cast("Live", have.live).active else ()),
        *virsh.domain(have, "pool-undefine"),
    ]
    return Action(
        have.address,
        Operation.DELETE,
        Disruption.DESTROY,
        (),
        tuple(commands),
        "its files stay where they are",
    )


def _remove_secret(have: Resource) -> Action:
    command = f"virsh secret-undefine {_facts(have)['uuid']}"
    note = "its value goes with it, and can be had from nowhere else in libvirt"
    return Action(have.address, Operation.DELETE, Disruption.DESTROY, (), (command,), note)


def _remove_nwfilter(have: Resource) -> Action:
    commands = virsh.domain(have, "nwfilter-undefine")
    note = (
        "libvirt brings it along, and has it again when its package is next installed"
        if _facts(have).get("built_in")
        else ""
    )
    return Action(have.address, Operation.DELETE, Disruption.DESTROY, (), commands, note)


_REMOVALS = {
    "disk": _remove_disk, "network": _remove_network, "pool": _remove_pool, "secret": _remove_secret,
    "nwfilter": _remove_nwfilter,
}  # fmt: skip
