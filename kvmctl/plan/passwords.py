"""The passwords of graphics as changes: by reference, as nothing that can be shown knows one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kvmctl.diff import Change
from kvmctl.document import encode
from kvmctl.fields import known, rows
from kvmctl.models.display import Graphics

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kvmctl.credentials import Held
    from kvmctl.models.vm import VirtualMachine

HIDDEN: Final = "(not shown)"
"""What stands for a password that there is."""


def other_passwords(spec: VirtualMachine, held: Mapping[str, Held]) -> list[Change]:
    """Return the changes from the passwords that graphics have to the wanted ones."""
    found = []
    for each in known(spec.graphics) or ():
        kind = str(each.type)
        if kind in held and held[kind].value != "right":
            before = HIDDEN if held[kind].value == "another" else None
            after = encode(each.password) if each.password else None
            found.append(Change(("graphics", f"[{kind}]", "password"), before, after, rows(Graphics)["password"]))
    return found
