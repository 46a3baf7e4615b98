"""The lock on a host, held around what an apply does; waited for, where that was asked for."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from kvmctl.errors import RefusedError

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator

    from kvmctl.hypervisor import Hypervisor


@contextmanager
def held(hypervisor: Hypervisor, doing: str, seconds: int, stop: threading.Event) -> Iterator[None]:
    """Hold the lock, or raise RefusedError where another has it; `stop` is raised when somebody takes it away."""
    from kvmctl.lock import Lock, told

    with Lock(hypervisor, doing, stop) as lock:
        kept = lock.take()
        if kept is not None and seconds:
            click.echo(f"kvmctl: waiting for {told(kept)}", err=True)
            kept = lock.wait(seconds)
        for stale in lock.stale:
            click.echo(f"kvmctl: took the lock that {told(stale)} left behind", err=True)
        if kept is not None:
            raise RefusedError(
                f"nothing was changed: this host is locked by {told(kept)}",
                "wait for it with --lock-timeout 10m, or take the lock away with kvmctl unlock",
            )
        yield
        if lock.is_lost:
            click.echo("kvmctl: the lock on this host was taken away meanwhile; no action began after that", err=True)


def must_be_held(stop: threading.Event) -> None:
    """Raise RefusedError where the lock was taken away before anything was done."""
    if stop.is_set():
        raise RefusedError("nothing was changed: the lock on this host was taken away meanwhile", "apply again")
