"""The sound that libvirt gives a machine by itself (qemuDomainDefAddDefaultAudioBackend, measured with 9.0)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kvmctl.fields import make
from kvmctl.models.sound import Audio

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kvmctl.models.display import Graphics

_BY_GRAPHICS: Final[Mapping[str, str]] = {"vnc": "none", "spice": "spice", "sdl": ""}


def added_audios(graphics: Sequence[Graphics]) -> tuple[Audio, ...]:
    """Return the audio backends that a machine gets which states none: of its graphics the last of these decides."""
    kinds = [_BY_GRAPHICS[str(each.type)] for each in graphics if each.type in _BY_GRAPHICS]
    kind = kinds[-1] if kinds else "" if graphics else "none"
    return (make(Audio, {"id": 1, "type": kind}),) if kind else ()
