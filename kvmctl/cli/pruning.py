"""`--prune`: what the project has, its manifests no longer name, and nobody needs."""

from __future__ import annotations

import posixpath
from pathlib import Path
from typing import TYPE_CHECKING, cast

from kvmctl.errors import UsageError
from kvmctl.files import STDIN

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kvmctl.cli.session import Owning
    from kvmctl.hypervisor import Hypervisor
    from kvmctl.inventory import Inventory, Live
    from kvmctl.ownership import Owner
    from kvmctl.plan import Plan


def must_be_whole(owning: Owning, narrowing: Iterable[object]) -> None:
    """Raise UsageError where a command line asks to prune and narrows what it looks at."""
    if owning.prune and any(narrowing):
        raise UsageError(
            "--prune removes what no manifest names, and --target and -l hide manifests from it",
            "say it without them; kvmctl delete removes what is named",
        )
    if owning.force_prune and not owning.prune:
        raise UsageError("--force-prune says how much --prune may remove", "say --prune too")


def pruned(plan: Plan, hypervisor: Hypervisor, owner: Owner, owning: Owning, *, allow_data_loss: bool) -> Plan:
    """Return the plan with the removal of what left the manifests."""
    from kvmctl.observe import observe
    from kvmctl.plan.prune import Pruning, with_removals

    if not owner.named:
        raise UsageError(
            "--prune removes what belongs to a project, and none is named",
            "write kvmctl.yaml with project: NAME in the folder above the manifests, or say --project NAME",
        )
    seen = observe(hypervisor, everything=True)
    left_out = unread(seen.inventory, owner, owning.read)
    return with_removals(
        plan, seen, Pruning(owner.project, left_out, owning.force_prune), allow_data_loss=allow_data_loss
    )


def unread(have: Inventory, owner: Owner, files: Iterable[str]) -> set[str]:
    """Return the manifests that existing objects come from, that are still there, and that are none of the files."""
    read = {owner.place(file) for file in files}
    told = {live.mark.manifest for each in have.values() if (live := cast("Live", each.live)).mark}
    return {each for each in told if _is_there(each, owner) and owner.place(_path(each, owner)) not in read}


def _is_there(manifest: str, owner: Owner) -> bool:
    """Say whether a manifest is still there; what came over standard input may be."""
    return manifest == STDIN or Path(_path(manifest, owner)).is_file()


def _path(manifest: str, owner: Owner) -> str:
    return manifest if manifest == STDIN else posixpath.join(owner.root, manifest)
