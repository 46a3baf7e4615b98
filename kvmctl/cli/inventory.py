"""`kvmctl inventory`: the running machines as others take them: Ansible's inventory, an ssh config."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from kvmctl.cli import options, reaching, session
from kvmctl.fields import known

if TYPE_CHECKING:
    from kvmctl.inventory import Inventory, Resource
    from kvmctl.render.hosts import Host


@click.command()
@options.files
@options.connect
@options.output("yaml", "json", "ssh")
def command(*, paths: tuple[str, ...], uri: str | None, output: str) -> None:
    """Print the running machines that have an address.

    As an inventory of Ansible (yaml; json is what a dynamic one prints) or as a config of ssh. Their labels, and the
    first user of their cloud-init, come from the manifests, where there are some.
    """
    from kvmctl.render import hosts

    want = session.load(paths) if paths or Path(options.DEFAULT_MANIFESTS).is_dir() else {}
    click.echo(hosts.text(_hosts(uri, want), output), nl=False)


def _hosts(uri: str | None, want: Inventory) -> list[Host]:
    from kvmctl.hypervisor import Hypervisor
    from kvmctl.inventory import Address
    from kvmctl.render.hosts import Host

    with Hypervisor.open(uri, readonly=False) as hypervisor:
        running = [each.name for each in hypervisor.domains() if each.active]
        places = {name: reaching.addresses(hypervisor, name) for name in running}
    found = []
    for name, addresses in places.items():
        wish = want.get(Address("vm", name))
        if addresses:
            labels = dict(wish.labels) if wish else {}
            found.append(Host(name, addresses[0], _user(wish), reaching.jump(uri), labels))
    return found


def _user(wish: Resource | None) -> str | None:
    cloud_init = known(getattr(wish.spec, "cloud_init", None)) if wish else None
    users = known(cloud_init.users) if cloud_init else None
    return str(users[0].name) if users else None
