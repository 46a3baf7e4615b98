"""What the guest boots, and on which machine (libvirt: docs/formatdomain, "Operating system booting")."""

from __future__ import annotations

from typing import Literal

from kvmctl.codec import Choice, Integer, Machine, Text
from kvmctl.fields import Model, model, xml

_PATH = Text(r"/.+", "an absolute path on the host, starting with /")


@model(short=("path",))
class Loader(Model):
    """The firmware's code, where libvirt isn't to pick it."""

    path: str | None = xml(".", codec=_PATH, doc="Path on the host of the firmware.")
    readonly: bool | None = xml("@readonly", doc="Whether the guest can't write to it; a pflash loader is shared.")
    secure: bool | None = xml("@secure", since="2.1.0", doc="Whether the firmware enforces Secure Boot; it needs SMM.")
    type: Literal["rom", "pflash"] | None = xml("@type", doc="Whether it is a ROM, or flash memory as UEFI has it.")
    stateless: bool | None = xml("@stateless", since="8.6.0", doc="Whether it runs without an NVRAM.")


@model(keys=(("name", "port"), ("name",), ("socket",)), short=("name",))
class NvramHost(Model):
    """A server that has the NVRAM."""

    name: str | None = xml("@name", doc="Name or address of the server.")
    port: int | None = xml("@port", codec=Integer(1, 65535), doc="Port of the server.")
    transport: Literal["tcp", "unix", "rdma"] | None = xml("@transport", doc="How it is reached.")
    socket: str | None = xml("@socket", codec=_PATH, doc="Path of its socket, with transport unix.")


@model()
class NvramSource(Model):
    """Where the NVRAM is, with `type`."""

    file: str | None = xml("@file", codec=_PATH, doc="Path on the host of a file.")
    dev: str | None = xml("@dev", codec=_PATH, doc="Path on the host of a block device.")
    protocol: str | None = xml(
        "@protocol", codec=Text(r"[a-z]+", "a protocol such as iscsi, rbd or nbd"), doc="Protocol of a network disk."
    )
    name: str | None = xml("@name", doc="Name of the network disk.")
    hosts: tuple[NvramHost, ...] | None = xml("host", doc="Servers of the network disk; complete when given.")


@model(short=("path",))
class Nvram(Model):
    """Where the variables of a UEFI firmware are kept."""

    path: str | None = xml(".", codec=_PATH, doc="Path on the host of the file; libvirt picks one.")
    template: str | None = xml(
        "@template", codec=_PATH, doc="Path on the host of the file that a new one is copied from."
    )
    type: Literal["file", "block", "network"] | None = xml(
        "@type", since="8.5.0", doc="Kind of `source`, which takes the place of `path`."
    )
    source: NvramSource | None = xml("source", since="8.5.0", doc="Where the NVRAM is.")


@model()
class Bios(Model):
    """What SeaBIOS does beside booting."""

    useserial: bool | None = xml("@useserial", doc="Whether it can be seen and used on the first serial port.")
    reboot_timeout: int | None = xml(
        "@rebootTimeout", codec=Integer(-1, 65535),
        doc="Milliseconds until it tries again when there is nothing to boot; -1 for never.",
    )  # fmt: skip


@model()
class Os(Model):
    """What the guest boots, and on which machine."""

    type: Literal["hvm", "xen", "linux", "exe", "uml"] | None = xml(
        "type", initial="hvm", doc="Kind of virtualisation; hvm is full virtualisation."
    )
    arch: str | None = xml(
        "type/@arch",
        codec=Text(r"[a-z0-9_]+", "an architecture such as x86_64 or aarch64"),
        doc="Architecture of the guest's CPU; the host's when omitted.",
    )
    machine: str | None = xml(
        "type/@machine", codec=Machine(),
        doc="Machine type of the emulator. An alias (q35) is satisfied by each of its versions; a new VM gets the newest.",
    )  # fmt: skip
    firmware: str | None = xml(
        "@firmware", codec=Choice(("bios", "uefi"), xml=(("uefi", "efi"),)), absent="bios", volatile=True,
        doc="Firmware that libvirt picks for the machine.",
    )  # fmt: skip
    secure_boot: bool | None = xml(
        "firmware/feature[@name=secure-boot]/@enabled",
        left_open=(),
        doc="Whether the picked UEFI firmware enforces Secure Boot. libvirt prefers firmware that does: say false for a guest without signed loaders.",
    )
    enrolled_keys: bool | None = xml(
        "firmware/feature[@name=enrolled-keys]/@enabled", left_open=(), since="7.2.0",
        doc="Whether the picked UEFI firmware comes with the keys of well-known vendors.",
    )  # fmt: skip
    loader: Loader | None = xml("loader", left_open=(), doc="The firmware's code; a path is enough.")
    nvram: Nvram | None = xml("nvram", left_open=(), doc="Where the firmware's variables are kept; a path is enough.")
    boot: tuple[Literal["hd", "cdrom", "network", "fd"], ...] | None = xml(
        "boot/@dev", doc="Classes of devices to boot from, in order."
    )
    boot_menu: bool | None = xml("bootmenu/@enable", absent=False, doc="Whether the firmware shows a boot menu.")
    boot_menu_timeout: int | None = xml(
        "bootmenu/@timeout", codec=Integer(0, 65535), doc="How long the boot menu waits, in milliseconds."
    )
    bios: Bios | None = xml("bios", doc="What SeaBIOS does beside booting.")
    smbios: Literal["emulate", "host", "sysinfo"] | None = xml(
        "smbios/@mode", doc="Where what SMBIOS tells the guest comes from: the emulator, the host, or `sysinfo`."
    )
    kernel: str | None = xml("kernel", doc="Path on the host of a kernel to boot directly.")
    initrd: str | None = xml("initrd", doc="Path on the host of the initial RAM disk of that kernel.")
    cmdline: str | None = xml("cmdline", doc="Command line of that kernel.")
    dtb: str | None = xml("dtb", codec=_PATH, doc="Path on the host of the device tree for that kernel.")
    acpi_table: str | None = xml(
        "acpi/table", codec=_PATH, implies=(("acpi/table/@type", "slic"),), since="1.3.5",
        doc="Path on the host of an ACPI table of type SLIC that the guest gets as well.",
    )  # fmt: skip
