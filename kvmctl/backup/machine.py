"""The disks of a machine that a backup is made of, as its definition tells them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kvmctl.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from xml.etree.ElementTree import Element

_SOURCES = ("file", "dev")


class Part(NamedTuple):
    """A disk of a machine: its target, its image ('' where that is no file or device of the host), its format."""

    target: str
    path: str
    format: str


def parts_of(name: str, root: Element, targets: Sequence[str]) -> list[Part]:
    """Return the disks of these targets, or all that the guest may write to; UsageError where one isn't there."""
    there = list(_writable(root))
    unknown = sorted(set(targets) - {part.target for part in there})
    if unknown:
        known = ", ".join(part.target for part in there) or "none"
        raise UsageError(f"vm/{name} has no disk {', '.join(unknown)} to back up", f"it has: {known}")
    if not there:
        raise UsageError(f"vm/{name} has no disk to back up", "its manifest is what kvmctl import prints")
    return [part for part in there if not targets or part.target in targets]


def _writable(root: Element) -> Iterator[Part]:
    for device in root.iterfind("devices/disk"):
        if device.get("device", "disk") == "disk" and device.find("readonly") is None:
            yield part_of(device)


def part_of(device: Element) -> Part:
    """Return what a disk's element tells."""
    source, driver, target = (device.find(tag) for tag in ("source", "driver", "target"))
    path = next((source.get(name, "") for name in _SOURCES if source.get(name)), "") if source is not None else ""
    image_format = "raw" if driver is None else driver.get("type", "raw")
    return Part("" if target is None else target.get("dev", ""), path, image_format)
