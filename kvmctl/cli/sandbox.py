"""`kvmctl sandbox`: a command with a private throwaway libvirt."""

from __future__ import annotations

import click


@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.option(
    "--kvm",
    is_flag=True,
    help="Leave /dev/kvm usable; without it guests are emulated (type: qemu), alike everywhere.",
)
@click.argument("argv", nargs=-1, required=True, type=click.UNPROCESSED, metavar="COMMAND...")
def command(argv: tuple[str, ...], *, kvm: bool) -> int:
    """Run a command with a private throwaway libvirt.

    LIBVIRT_DEFAULT_URI is set to a libvirtd with QEMU in mount and network namespaces of its own; all of it vanishes
    when the command ends. Exits with the command's code. Needs root.
    """
    from kvmctl.sandbox import run_in_sandbox

    return run_in_sandbox(argv, kvm=kvm)
