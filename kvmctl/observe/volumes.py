"""What libvirt doesn't tell of an existing volume, or tells in other words, taken as the manifest says it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kvmctl.fields import changed, known

if TYPE_CHECKING:
    from kvmctl.models.disk import Disk

_OLD_COMPAT = "0.10"


def as_meant(found: Disk, mask: Disk | None) -> Disk:
    """Return the volume's spec with what libvirt 9.0 leaves out after it has looked at the image anew.

    A qcow2 image without compat is one of 0.10. An ISO image is raw to those who look into it. Neither the label of a
    host without SELinux is told, nor whether a file is exempt from copy-on-write, nor of encryption more than the
    format and, sometimes, the UUID of the secret.
    """
    more: dict[str, Any] = {}
    if found.__dict__.get("compat", "") is None and found.__dict__.get("format", "qcow2") == "qcow2":
        more["compat"] = _OLD_COMPAT
    if mask is None:
        return changed(found, **more) if more else found
    if mask.format == "iso" and found.format == "raw":
        more["format"] = "iso"
    if known(mask.nocow) is not None:
        more["nocow"] = mask.nocow
    for name, parts in _FORGOTTEN.items():
        have, want = known(getattr(found, name)), known(getattr(mask, name))
        if have is not None and want is not None:
            more[name] = _filled(have, want, parts)
    return changed(found, **more) if more else found


_FORGOTTEN = {"permissions": ("label",), "encryption": ("engine", "secret", "cipher", "ivgen")}


def _filled(have: Any, want: Any, parts: tuple[str, ...]) -> Any:
    """Return the group with the parts that libvirt may have left out as the manifest has them."""
    told = {name: getattr(want, name) for name in parts if known(getattr(want, name)) is not None}
    if "label" in told and known(have.label) is not None:
        del told["label"]
    return changed(have, **told)
