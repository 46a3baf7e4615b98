"""`kvmctl get`: what exists, as virsh list, net-list, pool-list and vol-list would say, in one table a kind."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from kvmctl.cli import options, reaching, selection, session
from kvmctl.errors import KvmctlError, UsageError
from kvmctl.models import BY_WORD, KINDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvmctl.hypervisor import Hypervisor
    from kvmctl.inventory import Inventory, Resource


@click.command()
@click.argument("kind", required=False)
@click.argument("names", nargs=-1)
@options.files
@options.connect
@options.output("text", "wide", "json", "yaml")
@options.color
@click.option("--all", "everything", is_flag=True, help="Those that are off too.")
def command(
    *,
    kind: str | None,
    names: tuple[str, ...],
    paths: tuple[str, ...],
    uri: str | None,
    output: str,
    no_color: bool,
    everything: bool,
) -> None:
    """List what exists: KIND is vm, network, disk, pool, nwfilter or secret; all kinds when omitted.

    Machines, networks and pools that are off are listed with --all, or when they are named.
    """
    if kind and "/" in kind:
        wanted = selection.address(kind)
        kind, names = wanted.kind, (wanted.name, *names)
    shorts = [_kind(kind)] if kind else [each.short for each in reversed(KINDS)]
    seen = _everything(uri, reached="vm" in shorts and output != "text")
    chosen = _chosen(seen, shorts, names, everything=everything)
    manifests = _places(paths)
    from kvmctl.render import line, listing

    if output in ("json", "yaml"):
        click.echo(listing.document(chosen, manifests, output), nl=False)
        return
    color = options.colored(no_color=no_color)
    line.write(listing.tables(chosen, shorts, manifests, wide=output == "wide"), sys.stdout, color=color)


def _everything(uri: str | None, *, reached: bool) -> Inventory:
    """Return all that exists; with `reached` running machines have their addresses among the facts."""
    from kvmctl.hypervisor import Hypervisor
    from kvmctl.observe import observe

    with Hypervisor.open(uri, readonly=True) as hypervisor:
        seen = observe(hypervisor, everything=True).inventory
        if not reached:
            return seen
        return {address: _reached(each, hypervisor) for address, each in seen.items()}


def _reached(resource: Resource, hypervisor: Hypervisor) -> Resource:
    live = resource.live
    if resource.address.kind != "vm" or live is None or not live.active:
        return resource
    facts = {**live.facts, "addresses": reaching.addresses(hypervisor, resource.address.name)}
    return resource._replace(live=live._replace(facts=facts))


def _chosen(seen: Inventory, shorts: Sequence[str], names: tuple[str, ...], *, everything: bool) -> list[Resource]:
    """Return what is to be listed; a name that doesn't exist is an error."""
    from kvmctl.render import listing

    chosen = [
        resource for address, resource in seen.items()
        if address.kind in shorts and (address.name in names if names else everything or listing.is_on(resource))
    ]  # fmt: skip
    missing = [name for name in names if name not in {resource.address.name for resource in chosen}]
    if missing:
        raise KvmctlError(
            f"there is no {shorts[0]} {', '.join(missing)}", f"kvmctl get {shorts[0]} --all lists what there is"
        )
    return chosen


def _kind(word: str) -> str:
    found = BY_WORD.get(word.lower())
    if found is None:
        raise UsageError(f"there is no kind {word!r}", f"kinds: {', '.join(each.short for each in KINDS)}")
    return found.short


def _places(paths: tuple[str, ...]) -> dict[str, str]:
    """Return file and line of each resource's manifest, where manifests were named or the default folder is there."""
    from pathlib import Path

    from kvmctl import manifest

    if not paths and not Path(options.DEFAULT_MANIFESTS).is_dir():
        return {}
    want: Inventory = session.load(paths)
    return {
        str(address): f"{resource.origin.file}:{manifest.locate(resource.origin, ('kind',))[0]}"
        for address, resource in want.items()
        if resource.origin
    }
