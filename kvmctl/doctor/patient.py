"""The host under examination: its connection, opened once, and what several questions ask of it."""

from __future__ import annotations

import contextlib
import os
from functools import cached_property
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

from kvmctl.errors import KvmctlError

if TYPE_CHECKING:
    from types import TracebackType

    from kvmctl.hypervisor import Capabilities, Hypervisor


class Patient:
    """A host that is asked many questions; a context manager that closes the connection."""

    def __init__(self, uri: str | None) -> None:
        self.uri = uri
        self._connection: Hypervisor | None = None
        self._full: Hypervisor | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for connection in (self._connection, self._full):
            if connection is not None:
                with contextlib.suppress(KvmctlError):  # all is said by now; the daemon may be gone
                    connection.close()

    @property
    def remote_host(self) -> str:
        """The name of the host where libvirt runs, '' where it is this machine."""
        asked = self.uri or os.environ.get("LIBVIRT_DEFAULT_URI", "")
        try:
            return urlsplit(self._connection.uri if self._connection is not None else asked).hostname or ""
        except ValueError:  # no URI at all; connecting says so
            return ""

    @property
    def driver(self) -> str:
        """The driver of the connection, such as qemu or test."""
        return urlsplit(self.hypervisor.uri).scheme.partition("+")[0]

    @property
    def hypervisor(self) -> Hypervisor:
        """The read-only connection; HypervisorError where it can't be had."""
        if self._connection is None:
            from kvmctl.hypervisor import Hypervisor

            self._connection = Hypervisor.open(self.uri, readonly=True)
        return self._connection

    @property
    def full(self) -> Hypervisor:
        """The connection with all rights; HypervisorError where the user hasn't got them."""
        if self._full is None:
            from kvmctl.hypervisor import Hypervisor

            self._full = Hypervisor.open(self.uri, readonly=False)
        return self._full

    @property
    def connected(self) -> bool:
        """Whether there is a connection."""
        return self._connection is not None

    @cached_property
    def capabilities(self) -> Capabilities:
        """What the host offers."""
        return self.hypervisor.capabilities()

    @property
    def types(self) -> tuple[str, ...]:
        """The domain types that libvirt offers for guests of the host's own architecture."""
        offered = self.capabilities.types
        return offered.get(self.capabilities.arch, ())

    @cached_property
    def domain_capabilities(self) -> str:
        """The XML of what QEMU offers to guests of the host's architecture, by software emulation.

        libvirt forbids the question over a read-only connection (9.0), though it changes nothing.
        """
        return self.full.domain_capabilities(arch=self.capabilities.arch, type="qemu")
