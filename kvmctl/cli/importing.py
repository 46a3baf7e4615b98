"""`kvmctl import`: live objects → manifests."""

from __future__ import annotations

from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from kvmctl.cli import options, selection
from kvmctl.errors import ExitCode, KvmctlError, ManifestError, UsageError, plural

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

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
def command(*, addresses: tuple[str, ...], everything: bool, directory: Path | None, uri: str | None) -> int:
    """Write the manifests of what exists.

    Objects named (vm/web1) bring along the networks, disks and pools that they use. From then on a plan of the
    manifests is empty until somebody changes something. A read-only connection is enough; nothing is changed.
    """
    if bool(addresses) == everything:
        raise UsageError(
            "import needs either addresses or --all",
            "write kvmctl import vm/web1, or import --all -d manifests/",
        )
    named = [selection.address(each) for each in addresses]
    have = everything_of(uri)
    missing = [str(address) for address in named if address not in have]
    if missing:
        raise KvmctlError(f"there is no {', '.join(missing)}", "kvmctl get --all lists what there is")
    made, lost = manifests_of(have, named or list(have))
    if directory is None:
        _print(made)
    else:
        _write(made, directory)
    return ExitCode.ERROR if lost else ExitCode.OK


def everything_of(uri: str | None) -> Inventory:
    """Return all that exists on a host."""
    from kvmctl.hypervisor import Hypervisor
    from kvmctl.observe import observe

    with Hypervisor.open(uri, readonly=True) as hypervisor:
        return observe(hypervisor, everything=True).inventory


def manifests_of(have: Inventory, addresses: Sequence[Address]) -> tuple[list[Imported], int]:
    """Return the manifests of the objects and of what they use, and how many are lost; those are told on stderr.

    A volume whose name another pool has too isn't lost: machines tell its path.
    """
    from kvmctl import importing
    from kvmctl.usage import disks_of

    resources, nameless = importing.chosen(have, addresses)
    for address in nameless:
        click.echo(f"kvmctl: {address} has no manifest: another pool has a volume of that name", err=True)
    disks = disks_of({resource.address: resource for resource in resources})
    made, lost = [], 0
    for resource in resources:
        try:
            made.append(importing.manifest_of(resource, have, disks))
        except ManifestError as error:
            lost += 1
            told = "; ".join(str(problem) for problem in error.problems)
            click.echo(f"kvmctl: {resource.address} can't be told in a manifest, please report it: {told}", err=True)
    return made, lost


def _print(made: Sequence[Imported]) -> None:
    click.echo("---\n".join(each.text for each in made), nl=False)
    if not made:
        click.echo("kvmctl: there is nothing to import", err=True)


def _write(made: Sequence[Imported], directory: Path) -> None:
    """Write a file for each object; where one is there already, write none at all."""
    files: dict[Path, Imported] = {}
    for each in made:
        files[_file(directory, each.address, files)] = each
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


def _file(directory: Path, address: Address, taken: Collection[Path]) -> Path:
    """Return the file of an object: its name, made fit for any file system, and a number where another has it."""
    name = "".join("_" if each in _NOT_IN_FILES else each for each in address.name).lstrip(".") or "_"
    paths = (directory / address.kind / f"{name}{number}.yaml" for number in chain(("",), map("-{}".format, count(2))))
    return next(path for path in paths if path not in taken)
