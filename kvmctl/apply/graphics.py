"""The passwords of graphics on their way from where manifests say to libvirt's XML, and nowhere else."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from kvmctl.credentials import passwords_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from xml.etree.ElementTree import Element

    from kvmctl.inventory import Resource


def guarding(resource: Resource) -> Callable[[Element], None]:
    """Return a function that puts a machine's passwords into its definition; they are fetched now, or KvmctlError."""
    return partial(_guard, passwords_of(resource))


def _guard(passwords: Mapping[str, str | None], root: Element) -> None:
    for element in root.iterfind("devices/graphics"):
        set_password(element, passwords)


def set_password(graphics: Element, passwords: Mapping[str, str | None]) -> None:
    """Give graphics their password, or take it from them; those that aren't named keep theirs."""
    kind = graphics.get("type", "")
    password = passwords.get(kind)
    if password is not None:
        graphics.set("passwd", password)
    elif kind in passwords:
        graphics.attrib.pop("passwd", None)
