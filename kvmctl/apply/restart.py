"""Machines restarted: stopped gently, started on their definition, and waited for until they are back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kvmctl.apply import seed, vm
from kvmctl.errors import HypervisorError

if TYPE_CHECKING:
    from kvmctl.actions import Action
    from kvmctl.apply.context import Context

BACK_SECONDS: Final = 300


def restart(action: Action, context: Context) -> None:
    """Stop the machine as its manifest says, start it on its new definition, and wait until it is back."""
    name = action.address.name
    had_agent = context.hypervisor.agent_answers(name)
    vm.stop(action, context)
    _start(action, context)
    seed.tidy(action, context)
    if had_agent and not action.details["paused"]:
        _await_agent(action, context)


def _start(action: Action, context: Context) -> None:
    """Start the machine; where that fails on the definition of this apply, start it on the one before it."""
    hypervisor, name, paused = context.hypervisor, action.address.name, action.details["paused"]
    try:
        hypervisor.start_domain(name, paused=paused)
    except HypervisorError as error:
        former = context.former.get(action.address)
        if former is None:
            raise HypervisorError(f"{action.address} was stopped: {error.message}", error.hint, error.code) from error
        hypervisor.define_domain(former, validate=False)
        hypervisor.start_domain(name, paused=paused)
        raise HypervisorError(
            f"{action.address} doesn't start as the manifest wants it, and runs as it was before, "
            f"with its former definition: {error.message}",
            error.hint,
            error.code,
        ) from error


def _await_agent(action: Action, context: Context) -> None:
    """Wait for the guest's agent, which answered before, where the machine still has a channel for it."""
    from kvmctl.hypervisor import DomainState

    hypervisor, name = context.hypervisor, action.address.name
    if hypervisor.has_agent_channel(name) and not hypervisor.wait_for_agent(name, BACK_SECONDS):
        runs = hypervisor.domain_state(name) is DomainState.RUNNING
        silent = f"runs, but its agent has not answered within {BACK_SECONDS} s"
        what = silent if runs else "was started, and is off again"
        raise HypervisorError(f"{action.address} {what}", "look at its console")
