"""What QEMU can do, remembered from one sandbox to the next: asking it anew costs more than the whole start.

libvirt keeps one XML file per emulator and checks by itself that it still fits: the emulator's and libvirtd's
own change time, the kernel, the processor and its microcode are in the file. Each sandbox works on copies,
since libvirtd doesn't write them atomically.
"""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

from kvmctl.sandbox.layout import CAPABILITIES

_CACHE = Path("/var/cache/kvmctl/capabilities")
_COMPLETE = b"</qemuCaps>"


def recall(root: Path, *, kvm: bool) -> None:
    """Put what earlier sandboxes learned where the libvirtd of the one at `root` will look for it."""
    with contextlib.suppress(OSError):  # only speed is lost
        for known in _folder(kvm=kvm).glob("*.xml"):
            shutil.copyfile(known, root / CAPABILITIES / known.name)


def remember(root: Path, *, kvm: bool) -> None:
    """Keep what the libvirtd of the sandbox at `root` learned about its emulators, for later ones."""
    with contextlib.suppress(OSError):  # only speed is lost
        folder = _folder(kvm=kvm)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for learned in (root / CAPABILITIES).glob("*.xml"):
            _publish(learned, folder)


def _folder(*, kvm: bool) -> Path:
    """Return where the files are kept; with and without KVM the same emulator can do different things."""
    return _CACHE / ("kvm" if kvm else "tcg")


def _publish(learned: Path, folder: Path) -> None:
    content = learned.read_bytes()
    known = folder / learned.name
    if not content.rstrip().endswith(_COMPLETE) or (known.exists() and known.read_bytes() == content):
        return
    fresh = folder / f"{learned.stem}.{learned.parents[5].name}"  # the sandbox's own folder name is unique
    fresh.write_bytes(content)
    fresh.replace(known)
