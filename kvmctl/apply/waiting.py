"""Waiting for a guest after its start, and telling what each source said when it didn't come in time."""

from __future__ import annotations

import json
import socket
import time
from typing import TYPE_CHECKING, Any, Final

from kvmctl.codec import Duration
from kvmctl.errors import HypervisorError, KvmctlError

if TYPE_CHECKING:
    from kvmctl.actions import Action
    from kvmctl.apply.context import Context

SSH_PORT: Final = 22
_CONNECT_SECONDS: Final = 3.0
_HINT: Final = (
    "look at it with kvmctl console, or give it more time with spec.wait.timeout; apply waits only after a start"
)
_RESULT: Final = "/run/cloud-init/result.json"
"""What cloud-init writes when all of its stages are through (cloudinit.readthedocs.io, "Status files")."""


def wait(action: Action, context: Context) -> None:
    """Return once the guest has what is waited for; HypervisorError tells what each source said last."""
    guest = _Guest(action, context)
    seconds = action.details["seconds"]
    begun = time.monotonic()
    if context.hypervisor.wait_until(action.address.name, guest.is_decided, seconds) and guest.is_there:
        return
    passed = Duration().dump(int(time.monotonic() - begun))
    raise HypervisorError(f"{action.address}: {guest.verdict(passed)}; {guest.told()}", _HINT)


class _Guest:
    """One guest, asked again and again; what was said last is kept for the report."""

    def __init__(self, action: Action, context: Context) -> None:
        self._name = action.address.name
        self._wish: str = action.details["for"]
        self._port: int = action.details["port"] or SSH_PORT
        self._context = context
        self._said: dict[str, str] = {}
        self._end = ""
        self.is_there = False

    def is_decided(self) -> bool:
        """Say whether asking again has no use: it is there, or never will be."""
        from kvmctl.hypervisor import DomainState

        state = self._context.hypervisor.domain_state(self._name)
        if self._context.interrupted.is_set():
            self._end = "interrupted while waiting for the guest, which runs on"
        elif state in (DomainState.OFF, DomainState.CRASHED):
            self._end = f"the guest didn't stay up: it is {state.value}"
        else:
            self.is_there = bool(getattr(self, f"_has_{self._wish}".lower())())
        return self.is_there or bool(self._end)

    def verdict(self, passed: object) -> str:
        """Return what is wrong."""
        return self._end or f"{self._wish} did not come within {passed}; the machine runs on"

    def told(self) -> str:
        """Return what each source said last."""
        return "; ".join(f"{source}: {said}" for source, said in self._said.items()) or "nobody was asked"

    def _addresses(self) -> list[str]:
        found: dict[str, None] = {}
        for each in self._context.hypervisor.guest_addresses(self._name):
            self._said[each.source] = ", ".join(each.addresses) or each.problem or "none"
            found.update(dict.fromkeys(each.addresses))
        return list(found)

    def _has_address(self) -> bool:
        return bool(self._addresses())

    def _has_agent(self) -> bool:
        told = {each.source: each for each in self._context.hypervisor.guest_addresses(self._name)}
        for each in told.values():
            self._said[each.source] = ", ".join(each.addresses) or each.problem or "none"
        return not told["agent"].problem

    def _has_port(self) -> bool:
        return any(self._answers(address, "") for address in self._addresses())

    def _has_ssh(self) -> bool:
        return any(self._answers(address, "SSH-") for address in self._addresses())

    def _answers(self, address: str, greeting: str) -> bool:
        """Say whether a connection is accepted, and begins with a greeting where one is expected."""
        place = f"[{address}]:{self._port}" if ":" in address else f"{address}:{self._port}"
        try:
            with socket.create_connection((address, self._port), _CONNECT_SECONDS) as connection:
                said = connection.recv(len(greeting)).decode("ascii", "replace") if greeting else ""
        except OSError as error:
            self._said[place] = error.strerror or str(error)
            return False
        self._said[place] = f"says {said!r}" if said != greeting else "accepts connections"
        return said == greeting

    def _has_cloudinit(self) -> bool:
        """Say whether cloud-init is through; its errors decide too."""
        if not self._has_agent():
            return False
        try:
            told = self._context.hypervisor.guest_file(self._name, _RESULT)
        except KvmctlError as error:
            self._said["agent"] = error.message
            return False
        if told is None:
            self._said["cloud-init"] = "not through yet"
            return False
        errors = _errors(told)
        if errors:
            self._end = "cloud-init ended with errors"
            self._said["cloud-init"] = "; ".join(errors)
        return not errors


def _errors(told: bytes) -> list[str]:
    try:
        result: Any = json.loads(told)
        return [str(each) for each in result["v1"]["errors"]]
    except (ValueError, KeyError, TypeError):
        return [f"{_RESULT} can't be read"]
