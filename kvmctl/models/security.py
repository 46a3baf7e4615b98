"""Labels of the host's security drivers, encrypted guests, mapped users (libvirt: docs/formatdomain, "Security label")."""

from __future__ import annotations

from typing import Literal

from kvmctl.codec import ON_OFF, Hexadecimal, Integer, Text
from kvmctl.fields import Model, model, xml

_COUNT = Integer(0, 2**32 - 1)
_BASE64 = Text(r"[A-Za-z0-9+/=\s-]+", "text in base64")


@model(keys=(("model",), ("type",)))
class Seclabel(Model):
    """How one security driver of the host labels the machine."""

    type: Literal["dynamic", "static", "none"] | None = xml(
        "@type", doc="Whether libvirt makes up a label at each start, takes the given one, or sets none."
    )
    model: str | None = xml(
        "@model", codec=Text(r"[a-z]+", "a security driver such as selinux, apparmor or dac"),
        doc="Security driver that is meant; with type none and without a model: all of them.",
    )  # fmt: skip
    relabel: bool | None = xml("@relabel", doc="Whether disks and other files are labelled for the machine.")
    label: str | None = xml("label", left_open=(), doc="The label, with type static.")
    baselabel: str | None = xml("baselabel", doc="What a dynamic label starts from.")
    imagelabel: str | None = xml("imagelabel", left_open=(), doc="Label of the machine's disks; libvirt derives it.")


@model()
class LaunchSecurity(Model):
    """Memory that the host can't read: AMD's SEV, or protected virtualisation of IBM Z."""

    type: Literal["sev", "s390-pv"] | None = xml("@type", required=True, doc="Kind of protection.")
    kernel_hashes: bool | None = xml(
        "@kernelHashes", since="8.0.0", doc="Whether kernel, initrd and command line are measured too (sev)."
    )
    cbitpos: int | None = xml("cbitpos", codec=_COUNT, doc="Bit of an address that tells encrypted memory (sev).")
    reduced_phys_bits: int | None = xml("reducedPhysBits", codec=_COUNT, doc="Bits that physical addresses lose (sev).")
    policy: int | None = xml(
        "policy", codec=Hexadecimal(digits=4), doc="What the owner allows, as AMD numbers it (sev)."
    )
    dh_cert: str | None = xml("dhCert", codec=_BASE64, doc="The owner's Diffie-Hellman key, in base64 (sev).")
    session: str | None = xml("session", codec=_BASE64, doc="The owner's session, in base64 (sev).")


@model()
class Keywrap(Model):
    """Keys of IBM Z that guests can wrap others in."""

    aes: bool | None = xml("cipher[@name=aes]/@state", codec=ON_OFF, doc="Whether there is one for AES.")
    dea: bool | None = xml("cipher[@name=dea]/@state", codec=ON_OFF, doc="Whether there is one for DEA and TDEA.")


@model(keys=(("start",),))
class IdRange(Model):
    """A range of users or groups of a container, and who they are on the host."""

    start: int | None = xml("@start", codec=_COUNT, required=True, doc="First number in the container.")
    target: int | None = xml("@target", codec=_COUNT, required=True, doc="Number of the first one on the host.")
    count: int | None = xml("@count", codec=_COUNT, required=True, doc="How many there are.")


@model()
class Idmap(Model):
    """Who a container's users and groups are on the host."""

    uids: tuple[IdRange, ...] | None = xml("uid", doc="Users; complete when given.")
    gids: tuple[IdRange, ...] | None = xml("gid", doc="Groups; complete when given.")
