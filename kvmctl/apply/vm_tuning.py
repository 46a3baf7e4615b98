"""Limits, shares and pins of a running machine and its definition; what libvirt refuses leaves them as they were."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from kvmctl.codec import members
from kvmctl.errors import HypervisorError
from kvmctl.live import LiveCall

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kvmctl.actions import Action
    from kvmctl.apply.context import Context


def tune(action: Action, context: Context) -> None:
    """Set parameters of the running guest, then of its definition."""
    details = action.details
    tell = partial(context.hypervisor.tune, action.address.name, LiveCall(details["call"]), device=details["device"])
    with _undone_by(action, lambda: tell(details["former"], live=True) if details["former"] else None):
        tell(details["parameters"], live=True)
        if details["config"]:
            tell(details["definition"], live=False)


def pin(action: Action, context: Context) -> None:
    """Pin threads of the running guest to CPUs of the host, and in its definition."""
    details = action.details
    context.hypervisor.pin(
        action.address.name, LiveCall(details["call"]), int(details["number"] or 0), members(details["cpuset"]),
        live=True, config=details["config"],
    )  # fmt: skip


def set_iothreads(action: Action, context: Context) -> None:
    """Add and delete I/O threads of the running guest, then of its definition."""
    hypervisor, name = context.hypervisor, action.address.name
    done: list[tuple[str, str, int]] = []

    def step(flag: str, verb: str, number: int) -> None:
        act = hypervisor.add_iothread if verb == "iothreadadd" else hypervisor.delete_iothread
        act(name, number, live=flag == "--live", config=flag == "--config")

    def undo() -> None:
        for flag, verb, number in reversed(done):
            step(flag, "iothreaddel" if verb == "iothreadadd" else "iothreadadd", number)

    with _undone_by(action, undo):
        for flag, verb, number in action.details["steps"]:
            step(flag, verb, number)
            done.append((flag, verb, number))


@contextmanager
def _undone_by(action: Action, undo: Callable[[], None]) -> Iterator[None]:
    """Put back what was there before where libvirt refuses something on the way, and say whether that went well."""
    try:
        yield
    except HypervisorError as error:
        try:
            undo()
        except HypervisorError as second:
            end = f"and what was there before could not be put back: {second.message}"
        else:
            end = "the guest and its definition are as they were"
        raise HypervisorError(f"{action.address}: {error.message}; {end}", error.hint, code=error.code) from error
