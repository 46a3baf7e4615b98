"""Machines: defined, changed, started, stopped, removed."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from kvmctl import xmlio
from kvmctl.apply import seed
from kvmctl.apply.definition import after_the_guest, define_change, define_new
from kvmctl.apply.graphics import guarding
from kvmctl.errors import HypervisorError
from kvmctl.fields import known, stating
from kvmctl.models.cputune import Vcpus
from kvmctl.models.memory import Memory
from kvmctl.models.vm import VirtualMachine
from kvmctl.pairing import pair

if TYPE_CHECKING:
    import xml.etree.ElementTree as ET
    from collections.abc import Callable

    from kvmctl.actions import Action
    from kvmctl.apply.context import Context
    from kvmctl.hypervisor import Hypervisor

FORCED_STOP_SECONDS = 30
ASK_AGAIN_SECONDS = 10.0
LISTEN_SECONDS = 1.0
BALLOON_SECONDS = 60.0
BALLOON_PAUSE_SECONDS = 0.1
BALLOON_STANDSTILL_SECONDS = 3.0


def create(action: Action, context: Context) -> None:
    """Define a new machine, set its autostart, and start it where that is wanted, all after what its guest is told."""
    hypervisor, name, spec = context.hypervisor, action.address.name, context.machine(action)
    guard = guarding(context.want(action))
    seed.make(action, context)
    define_new(
        action.address,
        spec,
        hypervisor.define_domain,
        lambda: hypervisor.domain_xml(name),
        lambda: hypervisor.undefine_domain(name),
        mark=context.plan.owned.get(action.address),
        complete=guard,
    )
    if known(spec.autostart):
        hypervisor.set_domain_autostart(name, True)
    if known(spec.power_state) in ("Running", "Paused"):
        hypervisor.start_domain(name, paused=spec.power_state == "Paused")


def redefine(action: Action, context: Context) -> None:
    """Write the manifest's fields onto the definition; what runs goes on as it is."""
    spec, live = context.machine(action), context.plan.have[action.address].live
    running = live.running_xml if live else ""
    whole = as_plugged(spec, live.xml, running) if live and running else spec
    _define(action, context, whole, complete=guarding(context.want(action)))


def tell(action: Action, context: Context) -> None:
    """Make what the guest is told at its next start, write the manifest's fields, and remove what was told before."""
    before = seed.used_by(action, context)
    seed.make(action, context)
    redefine(action, context)
    pools = [*(each.pool for each in action.details["seeds"]), *seed.pools_of(before, context)]
    seed.clean(action.address.name, pools, seed.used_by(action, context), context)


def as_plugged(spec: VirtualMachine, definition: str, running: str) -> VirtualMachine:
    """Return the machine with the MAC addresses of interfaces that only the running guest has, by `--config` of virsh.

    The definition would get them back with new ones, and the guest other leases at its next start.
    """
    wishes = known(spec.interfaces) or ()
    defined, plugged = (xmlio.read(VirtualMachine, xmlio.parse(xml)).interfaces or () for xml in (definition, running))
    missing, taken = pair(wishes, defined).missing, {nic.mac for nic in defined}
    found = list(wishes)
    for wish, at in pair(wishes, plugged).matched:
        if wish in missing and known(wishes[wish].mac) is None and plugged[at].mac not in taken:
            found[wish] = replace(wishes[wish], mac=plugged[at].mac)
    return replace(spec, interfaces=tuple(found)) if found != list(wishes) else spec


def _define(action: Action, context: Context, spec: VirtualMachine, **more: Callable[[ET.Element], None]) -> None:
    hypervisor, name = context.hypervisor, action.address.name
    former = hypervisor.domain_xml(name, secure=True)
    context.former.setdefault(action.address, former)
    read = partial(hypervisor.domain_xml, name)
    define_change(action.address, spec, hypervisor.define_domain, read, former=former, **more)


def set_memory(action: Action, context: Context) -> None:
    """Move the running guest's balloon, and the definition's current memory where that differs; wait while it moves."""
    context.hypervisor.set_memory_live(action.address.name, action.details["value"])
    if action.details["config"]:
        memory = stating(Memory, current=action.details["value"] * 1024)
        with after_the_guest(action.address):
            _define(action, context, stating(VirtualMachine, memory=memory))
    _await_balloon(context.hypervisor, action.address.name, action.details["value"])


def _await_balloon(hypervisor: Hypervisor, name: str, kib: int) -> None:
    """Return when the guest has the memory, or when its balloon stands still, as it does without a driver."""
    deadline = time.monotonic() + BALLOON_SECONDS
    reached, moved = 0, time.monotonic()
    while reached != kib and time.monotonic() < min(deadline, moved + BALLOON_STANDSTILL_SECONDS):
        time.sleep(BALLOON_PAUSE_SECONDS)
        now = int(xmlio.parse(hypervisor.domain_xml(name, running=True)).findtext("currentMemory") or kib)
        if now != reached:
            reached, moved = now, time.monotonic()


def set_vcpus(action: Action, context: Context) -> None:
    """Plug CPUs into the running guest or take them out, and set the definition's number where that differs."""
    context.hypervisor.set_vcpus_live(action.address.name, action.details["value"], agent=action.details["agent"])
    if action.details["config"]:
        with after_the_guest(action.address):
            _define(action, context, stating(VirtualMachine, vcpus=stating(Vcpus, current=action.details["value"])))


def set_text(action: Action, context: Context) -> None:
    """Set title or description of a running machine, and in its definition."""
    text = action.details["value"] or None
    if action.details["field"] == "title":
        context.hypervisor.set_domain_title(action.address.name, text, live=True)
    else:
        context.hypervisor.set_domain_description(action.address.name, text, live=True)


def start(action: Action, context: Context) -> None:
    """Start a machine, with its CPUs standing still where `paused` is wanted."""
    context.hypervisor.start_domain(action.address.name, paused=action.details["paused"])


def stop(action: Action, context: Context) -> None:
    """Ask the guest to stop and wait; cut the power afterwards only where that was allowed."""
    from kvmctl.hypervisor import DomainState

    hypervisor, name, details = context.hypervisor, action.address.name, action.details
    if hypervisor.domain_state(name) is DomainState.PAUSED:
        hypervisor.resume_domain(name)
    if _asked_to_stop(action, context):
        return
    if context.interrupted.is_set():
        raise HypervisorError(f"interrupted while {action.address} was to stop; it runs on", "apply again")
    if not details["force"]:
        raise HypervisorError(
            f"{action.address} did not stop within {details['timeout']} s and runs on",
            "look at its console, give it more time with spec.shutdown.timeout, or allow spec.shutdown.force",
        )
    hypervisor.destroy_domain(name)
    if not hypervisor.wait_for_domain_state(name, {DomainState.OFF}, FORCED_STOP_SECONDS):
        raise HypervisorError(
            f"{action.address} did not stop when its power was cut", "look for its QEMU process on the host"
        )


def _asked_to_stop(action: Action, context: Context) -> bool:
    """Return whether the guest stopped in time. It is asked again now and then: one that still boots hears nothing."""
    from kvmctl.hypervisor import DomainState

    hypervisor, name, mode = context.hypervisor, action.address.name, action.details["mode"]
    deadline = time.monotonic() + action.details["timeout"]
    ask_at = 0.0
    while (now := time.monotonic()) < deadline and not context.interrupted.is_set():
        if now >= ask_at:
            ask_at = now + ASK_AGAIN_SECONDS
            try:
                hypervisor.shutdown_domain(name, mode)
            except HypervisorError:
                if hypervisor.domain_state(name) is DomainState.OFF:
                    return True
                raise
        if hypervisor.wait_for_domain_state(name, {DomainState.OFF}, min(deadline - now, LISTEN_SECONDS)):
            return True
    return False


def suspend(action: Action, context: Context) -> None:
    """Let the machine's CPUs stand still."""
    context.hypervisor.suspend_domain(action.address.name)


def resume(action: Action, context: Context) -> None:
    """Let the machine's CPUs go on."""
    context.hypervisor.resume_domain(action.address.name)


def rename(action: Action, context: Context) -> None:
    """Give a machine that is off its new name."""
    context.hypervisor.rename_domain(action.details["former"], action.address.name)


def set_autostart(action: Action, context: Context) -> None:
    """Set whether the machine starts with the host."""
    context.hypervisor.set_domain_autostart(action.address.name, action.details["value"])


def delete(action: Action, context: Context) -> None:
    """Stop the machine if it runs and remove its definition; its disks stay."""
    from kvmctl.hypervisor import DomainState

    if context.hypervisor.domain_state(action.address.name) is not DomainState.OFF:
        if "mode" not in action.details:
            raise HypervisorError(f"{action.address} was started since the plan was made", "plan again")
        stop(action, context)
    told = seed.pools_of(seed.used_by(action, context), context)
    context.hypervisor.undefine_domain(action.address.name, keep_firmware_state=action.details["keep_firmware_state"])
    seed.clean(action.address.name, told, (), context)
