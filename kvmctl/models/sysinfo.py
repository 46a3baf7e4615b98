"""What the firmware tells the guest about its machine (libvirt: docs/formatdomain, "SMBIOS System Information")."""

from __future__ import annotations

from kvmctl.codec import Text
from kvmctl.fields import Model, model, xml


@model()
class SysinfoBios(Model):
    """Block 0 of SMBIOS: the firmware."""

    vendor: str | None = xml("entry[@name=vendor]", doc="Who made it.")
    version: str | None = xml("entry[@name=version]", doc="Its version.")
    date: str | None = xml("entry[@name=date]", doc="Its date, as month/day/year.")
    release: str | None = xml("entry[@name=release]", doc="Its release, as major.minor.")


@model()
class SysinfoSystem(Model):
    """Block 1 of SMBIOS: the machine."""

    manufacturer: str | None = xml("entry[@name=manufacturer]", doc="Who made it.")
    product: str | None = xml("entry[@name=product]", doc="Name of the product.")
    version: str | None = xml("entry[@name=version]", doc="Version of the product.")
    serial: str | None = xml("entry[@name=serial]", doc="Serial number.")
    uuid: str | None = xml("entry[@name=uuid]", doc="UUID; libvirt refuses any but the machine's own.")
    sku: str | None = xml("entry[@name=sku]", doc="Number to order it by.")
    family: str | None = xml("entry[@name=family]", doc="Family of products.")


@model()
class SysinfoBaseBoard(Model):
    """Block 2 of SMBIOS: a board."""

    manufacturer: str | None = xml("entry[@name=manufacturer]", doc="Who made it.")
    product: str | None = xml("entry[@name=product]", doc="Name of the product.")
    version: str | None = xml("entry[@name=version]", doc="Version of the product.")
    serial: str | None = xml("entry[@name=serial]", doc="Serial number.")
    asset: str | None = xml("entry[@name=asset]", doc="The owner's number for it.")
    location: str | None = xml("entry[@name=location]", doc="Where in the machine it is.")


@model()
class SysinfoChassis(Model):
    """Block 3 of SMBIOS: the housing."""

    manufacturer: str | None = xml("entry[@name=manufacturer]", doc="Who made it.")
    version: str | None = xml("entry[@name=version]", doc="Its version.")
    serial: str | None = xml("entry[@name=serial]", doc="Serial number.")
    asset: str | None = xml("entry[@name=asset]", doc="The owner's number for it.")
    sku: str | None = xml("entry[@name=sku]", doc="Number to order it by.")


@model()
class Sysinfo(Model):
    """What SMBIOS tells the guest; with `os.smbios: sysinfo`."""

    bios: SysinfoBios | None = xml("bios", doc="The firmware.")
    system: SysinfoSystem | None = xml("system", doc="The machine.")
    base_boards: tuple[SysinfoBaseBoard, ...] | None = xml(
        "baseBoard", since="1.2.18", doc="The boards, in order; complete when given."
    )
    chassis: SysinfoChassis | None = xml("chassis", since="4.1.0", doc="The housing.")
    oem_strings: tuple[str, ...] | None = xml(
        "oemStrings/entry", since="4.1.0", doc="Texts for whatever reads them in the guest (block 11)."
    )


@model(keys=(("name",),))
class Fwcfg(Model):
    """One entry of QEMU's fw_cfg, which the guest reads by its name."""

    name: str | None = xml(
        "@name", codec=Text(r"[!-~]+", "a name such as opt/com.example/name"), required=True,
        doc="Name of the entry; it should start with opt/ and a domain name turned round.",
    )  # fmt: skip
    value: str | None = xml(".", doc="Contents of the entry.")
    file: str | None = xml(
        "@file", codec=Text(r"/.+", "an absolute path on the host, starting with /"),
        doc="Path on the host of a file with its contents, instead of `value`.",
    )  # fmt: skip
