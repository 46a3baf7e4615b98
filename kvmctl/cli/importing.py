"""`kvmctl import`: live objects → manifests."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from kvmctl.cli import options
from kvmctl.errors import KvmctlError, UsageError, plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvmctl.importing import Imported
    from kvmctl.inventory import Address, Inventory

_NOT_IN_FILES: Final = frozenset('\\:*?"<>|')


@click.command()
@click.argument("addresses", nargs=-1, metavar="[ADDRESS]...")
@click.option("--all", "everything", is_flag=True, help="All that exists.")
@click.option(
    "-d", "--directory", type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
    help="Write one file an object, DIR/KIND/NAME.yaml; files that exist are never overwritten.",
)  # fmt: skip
@options.connect
def command(*, addresses: tuple[str, ...], everything: bool, directory: Path | None, uri: str | None) -> None:
    """Write the manifests of what exists.

    Objects named (vm/web1) bring along the networks, disks and pools that they use. From then on a plan of the
    manifests is empty until somebody changes something. A read-only connection is enough; nothing is changed.
    """
    if bool(addresses) == everything:
        raise UsageError(
            "import needs either addresses or --all",
            "write kvmctl import vm/web1, or import --all -d manifests/",
        )
    named = [options.address(each) for each in addresses]
    have = _everything(uri)
    missing = [str(address) for address in named if address not in have]
    if missing:
        raise KvmctlError(f"there is no {', '.join(missing)}", "kvmctl get --all lists what there is")
    made = _manifests(have, named or list(have))
    if directory is None:
        _print(made)
    else:
        _write(made, directory)


def _everything(uri: str | None) -> Inventory:
    from kvmctl.hypervisor import Hypervisor
    from kvmctl.observe import observe

    with Hypervisor.open(uri, readonly=True) as hypervisor:
        return observe(hypervisor, everything=True).inventory


def _manifests(have: Inventory, addresses: Sequence[Address]) -> list[Imported]:
    """Return the manifests of the objects and of what they use; what can't have one is told on stderr."""
    from kvmctl import importing
    from kvmctl.usage import disks_of

    resources, nameless = importing.chosen(have, addresses)
    for address in nameless:
        click.echo(f"kvmctl: {address} has no manifest: another pool has a volume of that name", err=True)
    disks = disks_of({resource.address: resource for resource in resources})
    return [importing.manifest_of(resource, have, disks) for resource in resources]


def _print(made: Sequence[Imported]) -> None:
    click.echo("---\n".join(each.text for each in made), nl=False)
    if not made:
        click.echo("kvmctl: there is nothing to import", err=True)


def _write(made: Sequence[Imported], directory: Path) -> None:
    """Write a file for each object; where one is there already, write none at all."""
    files = {_file(directory, each.address): each for each in made}
    there = [str(path) for path in files if path.exists()]
    if there:
        raise KvmctlError(
            f"nothing was written: {', '.join(there)} {'is' if len(there) == 1 else 'are'} there already",
            "move them away, or import to another folder and compare",
        )
    for path, each in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(each.text, encoding="utf-8")
    click.echo(f"Imported {plural(len(made), 'object')} to {directory}.", err=True)


def _file(directory: Path, address: Address) -> Path:
    name = "".join("_" if each in _NOT_IN_FILES else each for each in address.name)
    return directory / address.kind / f"{name.lstrip('.') or '_'}.yaml"
