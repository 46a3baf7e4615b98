"""Rules of CPUs, memory and threads (libvirt: docs/formatdomain; what it refuses or drops was tried on libvirt 9.0)."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Final

from kvmctl.codec import format_size
from kvmctl.fields import known
from kvmctl.rules.finding import Finding, about, items

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvmctl.models.vm import VirtualMachine

_REAL_TIME: Final = ("fifo", "rr")


@about("cpu")
def topology(spec: VirtualMachine) -> Iterator[Finding]:
    """Refuse a topology that doesn't have as many threads as there may be CPUs."""
    most = known(spec.vcpus.max) if spec.vcpus else None
    held = known(spec.cpu.topology) if spec.cpu else None
    if most is None or held is None:
        return
    factors = [known(each, 1) or 1 for each in (held.sockets, held.dies, held.cores, held.threads)]
    if prod(factors) != most:
        message = f"{' x '.join(map(str, factors))} makes {prod(factors)} CPUs, and vcpus.max is {most}"
        yield Finding(
            ("spec", "cpu", "topology"), message, "write sockets x dies x cores x threads that make vcpus.max"
        )


@about("cpu")
def cells(spec: VirtualMachine) -> Iterator[Finding]:
    """Refuse NUMA nodes whose memory isn't that of the machine: libvirt takes their sum instead of what is written."""
    most = known(spec.memory.max) if spec.memory else None
    numa = known(spec.cpu.numa) if spec.cpu else None
    held = items(numa.cells) if numa else ()
    if most is None or not held or known(spec.max_memory) is not None:
        return
    total = sum(cell.memory for cell in held)
    if total != most:
        message = f"the nodes have {format_size(total, exact=True)}, and memory.max is {format_size(most, exact=True)}"
        yield Finding(("spec", "cpu", "numa", "cells"), message, "write memory of the nodes that makes memory.max")


@about("cpu")
def maxphysaddr(spec: VirtualMachine) -> Iterator[Finding]:
    """Refuse a number of bits where the host's counts, and none where it is made up."""
    held = known(spec.cpu.maxphysaddr) if spec.cpu else None
    if held is None or (known(held.bits) is None) is (held.mode == "passthrough"):
        return
    path = ("spec", "cpu", "maxphysaddr", "bits")
    if held.mode == "passthrough":
        yield Finding(path, f"the host's own number counts, not {held.bits}", "take it away, or write mode: emulate")
    else:
        yield Finding(path, "the number of bits is missing", "write bits: beside mode: emulate")


@about("memory_backing")
def hugepages(spec: VirtualMachine) -> Iterator[Finding]:
    """Refuse sizes of huge pages where there are none."""
    held = known(spec.memory_backing)
    if held and items(held.pages) and held.hugepages in (False, None):
        path = ("spec", "memoryBacking", "pages")
        yield Finding(path, "there are no huge pages to have a size", "write hugepages: true beside it")


@about("cputune")
def schedulers(spec: VirtualMachine) -> Iterator[Finding]:
    """Refuse real-time scheduling without a priority, and a priority where libvirt drops it."""
    tune = known(spec.cputune)
    if tune is None:
        return
    found = [
        (("spec", "cputune", name, index), item)
        for name, held in (("vcpuscheds", tune.vcpuscheds), ("iothreadscheds", tune.iothreadscheds))
        for index, item in enumerate(items(held))
    ]
    alone = known(tune.emulatorsched)
    for path, item in [*found, *([(("spec", "cputune", "emulatorsched"), alone)] if alone else [])]:
        is_real_time = item.scheduler in _REAL_TIME
        if is_real_time and known(item.priority) is None:
            yield Finding((*path, "scheduler"), f"{item.scheduler} needs a priority", "write priority: beside it")
        if not is_real_time and known(item.priority) is not None:
            message = f"scheduler {item.scheduler} has no priority"
            yield Finding((*path, "priority"), message, "take it away, or write scheduler: fifo or rr")


@about("iothreadids", "iothreads")
def iothreads(spec: VirtualMachine) -> Iterator[Finding]:
    """Refuse a number of I/O threads that isn't that of those listed: libvirt would fill up or raise it."""
    number, held = known(spec.iothreads), known(spec.iothreadids)
    if number is not None and held and len(held) != number:
        message = f"{len(held)} are listed in iothreadids, not {number}"
        yield Finding(("spec", "iothreads"), message, "list all of them, or take one of both away")


RULES = (topology, cells, maxphysaddr, hugepages, schedulers, iothreads)
