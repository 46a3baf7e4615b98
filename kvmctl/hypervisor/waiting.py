"""Waiting for what takes its own time: a guest that shuts down, a device that the guest lets go of."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from kvmctl.errors import HypervisorError
from kvmctl.hypervisor.domains import Domains
from kvmctl.hypervisor.entries import DomainState
from kvmctl.hypervisor.failures import SILENT, Code
from kvmctl.hypervisor.library import libvirt
from kvmctl.names import GUEST_AGENT
from kvmctl.parsing import parse

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

_FIRST_PAUSE: Final = 0.05  # seconds between questions, doubled each time
_LONGEST_PAUSE: Final = 1.0
_AGENT: Final = f"devices/channel/target[@name='{GUEST_AGENT}']"
_EVENTS: Final = (
    libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE,
    libvirt.VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED,
    libvirt.VIR_DOMAIN_EVENT_ID_AGENT_LIFECYCLE,
)


class Waiting(Domains):
    """The calls that wait. Events wake them early where the loop runs; the answer comes from asking."""

    def wait_for_domain_state(self, name: str, states: Collection[DomainState], seconds: float) -> bool:
        """Return whether the domain got into one of the states within that many seconds."""
        return self._wait(name, lambda: self.domain_state(name) in states, seconds)

    def wait_until(self, name: str, reached: Callable[[], bool], seconds: float) -> bool:
        """Return whether a condition came true within that many seconds; the domain's events have it asked at once."""
        return self._wait(name, reached, seconds)

    def wait_for_device_gone(self, name: str, alias: str, seconds: float) -> bool:
        """Return whether the device with that alias left the running domain within that many seconds.

        The alias is libvirt's (net0) or a user's (ua-lan). A guest without an operating system that listens
        (no ACPI, not booted yet) never lets go.
        """
        return self._wait(name, lambda: not self._has_device(name, alias), seconds)

    def has_agent_channel(self, name: str) -> bool:
        """Say whether the running domain has a channel for its guest's agent."""
        return parse(self.domain_xml(name, running=True)).find(_AGENT) is not None

    def agent_answers(self, name: str) -> bool:
        """Say whether the agent in a guest answers, to the question what time it is."""
        try:
            self._ask(f"ask the guest agent of vm/{name}", self._domain(name).getTime)
        except HypervisorError as error:
            if error.code in SILENT:
                return False
            raise
        return True

    def wait_for_agent(self, name: str, seconds: float) -> bool:
        """Return whether the agent in a guest answered within that many seconds; not that of one that goes off."""
        answered = False

        def decided() -> bool:
            nonlocal answered
            answered = self.agent_answers(name)
            return answered or self.domain_state(name) is DomainState.OFF

        self._wait(name, decided, seconds)
        return answered

    def _has_device(self, name: str, alias: str) -> bool:
        try:
            root = parse(self.domain_xml(name, running=True))
        except HypervisorError as error:
            if error.code == Code.NO_DOMAIN:
                return False
            raise
        return any(found.get("name") == alias for found in root.iterfind("devices/*/alias"))

    def _wait(self, name: str, reached: Callable[[], bool], seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        pause = _FIRST_PAUSE
        with self._news(name) as news:
            while not reached():
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                news.wait(min(pause, left))
                news.clear()
                pause = min(2 * pause, _LONGEST_PAUSE)
        return True

    def _found(self, name: str) -> Any:
        """Return the domain's handle, or None where it is gone, as a transient one is once it has stopped."""
        try:
            return self._domain(name)
        except HypervisorError as error:
            if error.code == Code.NO_DOMAIN:
                return None
            raise

    @contextmanager
    def _news(self, name: str) -> Iterator[threading.Event]:
        """Give a flag that each event of the domain raises; without an event loop it is never raised."""
        news = threading.Event()
        domain = self._found(name) if self.events else None
        if domain is None:
            yield news
            return

        def heard(_connection: Any, _domain: Any, *_details: Any) -> None:
            news.set()

        # For this domain alone: libvirt takes one registration for all domains, and actions run side by side.
        listening = [
            self._ask("listen to events", self.raw.domainEventRegisterAny, domain, event, heard, None)
            for event in _EVENTS
        ]
        try:
            yield news
        finally:
            for number in listening:
                self._ask("stop listening to events", self.raw.domainEventDeregisterAny, number)
