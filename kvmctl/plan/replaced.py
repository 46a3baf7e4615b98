"""What libvirt replaces when a machine starts, its CPU and the choice of firmware, compared as far as can be told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kvmctl.diff import Change, diff
from kvmctl.fields import changed, known, stating
from kvmctl.models.os import Os
from kvmctl.models.vm import VirtualMachine

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvmctl.models.cpu import Cpu, CpuFeature

_BY_NAME: Final = frozenset({"custom", "host-model", None})
"""The modes of a CPU that are custom while the machine runs: host-model becomes the model that the host has."""
_ENFORCED: Final = frozenset({"partial", "full"})
_THERE: Final = frozenset({"require", "force"})
_GONE: Final = frozenset({"disable", "forbid"})
_UNTOLD: Final = frozenset({"cmt", "mbm_local", "mbm_total", "ospke", "osxsave", "pconfig"})
"""Features that libvirt 9.0 leaves out at the start, whatever is asked for: QEMU has no such switch."""


def replaced(running: VirtualMachine, persistent: VirtualMachine) -> tuple[Change, ...]:
    """Return what of the CPU and the firmware the next start surely changes.

    libvirt 9.0 puts the CPU that the guest was given into the running definition: custom, check full, each feature that
    the emulator added or left out. Which features were asked for, and whether the model was the host's by name only,
    can't be told from it. Over a connection with all rights XML_MIGRATABLE would tell, but plans need no such one.
    """
    found: list[Change] = []
    if (cpu := known(persistent.cpu)) is not None:
        found += diff(stating(VirtualMachine, cpu=_started(known(running.cpu), cpu)), stating(VirtualMachine, cpu=cpu))
    then, now = _firmware(known(running.os)), _firmware(known(persistent.os))
    found += diff(stating(VirtualMachine, os=then), stating(VirtualMachine, os=now))
    return tuple(found)


def _started(running: Cpu | None, defined: Cpu) -> Cpu:
    """Return the CPU that the machine was started with, in the words of the definition where they may be the same."""
    if running is None:
        return defined
    by_name = {running.mode, defined.mode} <= _BY_NAME
    return changed(
        defined,
        mode=defined.mode if by_name else running.mode,
        model=running.model if by_name and known(defined.model) is not None else defined.model,
        features=tuple(_features(running, defined)),
    )


def _features(running: Cpu, defined: Cpu) -> Iterator[CpuFeature]:
    """Yield the features of the definition that the running CPU has in this way too, or those that it has instead."""
    there = {feature.name: feature for feature in known(running.features) or ()}
    for feature in known(defined.features) or ():
        now = there.get(feature.name)
        if now is None and feature.name in _UNTOLD:
            yield feature
        elif now is not None:
            yield now if _contradicts(now, feature, defined) else feature


def _contradicts(now: CpuFeature, feature: CpuFeature, defined: Cpu) -> bool:
    """Say whether the guest has a feature otherwise than the definition says; what isn't checked may be left out."""
    if feature.policy in _GONE:
        return now.policy in _THERE
    return feature.policy in _THERE and now.policy in _GONE and defined.check in _ENFORCED


def _firmware(held: Os | None) -> Os:
    """Return the kind of firmware: libvirt 9.0 takes the choice away at the start, and says which file it was."""
    picked = held is not None and (held.firmware == "uefi" or known(held.loader) is not None)
    return stating(Os, firmware="uefi" if picked else "bios")
