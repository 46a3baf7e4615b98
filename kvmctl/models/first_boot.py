"""What a guest is told at its first start, by cloud-init or Ignition, and what is waited for after a start."""

from __future__ import annotations

from typing import Any, Literal

from kvmctl.codec import Data, Duration, Integer, Text
from kvmctl.fields import Model, Update, model, policy
from kvmctl.models.secret import SecretValue

_CONTENT = Data()
_HOST = Text(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?", "a host name of letters, digits, - and dots")
_USER = Text(r"[A-Za-z_][A-Za-z0-9_.-]*\$?", "the name of a user, of letters, digits and _ . -")
_TARGET = Text(r"(sd|hd)[a-z]", "a device name such as sda or hdc")
_FORMS = (
    "Text is taken as it stands, {file: PATH} (relative to the manifest) is the text of a file, any other mapping is "
    "written as YAML. In such a mapping {env: NAME}, {file: PATH} and {command: [PROGRAM, ARGUMENT]} stand for a secret."
)


@model(keys=(("name",),))
class CloudUser(Model):
    """A user that cloud-init makes."""

    name: str | None = policy(codec=_USER, required=True, doc="Name of the user.")
    gecos: str | None = policy(doc="Full name.")
    groups: tuple[str, ...] | None = policy(codec=_USER, doc="Groups that the user is in, beside its own.")
    sudo: str | None = policy(doc="What the user may do with sudo, such as `ALL=(ALL) NOPASSWD:ALL`.")
    shell: str | None = policy(codec=Text(r"/.+", "an absolute path, starting with /"), doc="Login shell.")
    ssh_keys: tuple[str, ...] | None = policy(doc="Public keys that let the user in by ssh.")
    password_hash: SecretValue | None = policy(
        doc="Where the hash of the password comes from (`mkpasswd -m sha512crypt` makes one); omitted: no password."
    )


@model()
class CloudInit(Model):
    """The NoCloud seed: an ISO image in a pool, which the machine has in a CD-ROM drive that `disks` doesn't list."""

    hostname: str | None = policy(codec=_HOST, doc="The guest's host name: `local-hostname` of the meta-data.")
    users: tuple[CloudUser, ...] | None = policy(doc="Users, put into the user-data beside the image's default user.")
    ssh_keys: tuple[str, ...] | None = policy(doc="Public keys of the default user, put into the user-data.")
    packages: tuple[str, ...] | None = policy(doc="Packages to install, put into the user-data.")
    runcmd: tuple[str, ...] | None = policy(doc="Shell commands to run at the end, put into the user-data.")
    user_data: Any | None = policy(codec=_CONTENT, doc=f"The user-data; a mapping is a cloud-config. {_FORMS}")
    meta_data: Any | None = policy(
        codec=_CONTENT,
        doc=f"The meta-data. In a mapping `instance-id` is the machine's name when omitted: cloud-init does its first work again when that changes. {_FORMS}",
    )
    network_config: Any | None = policy(codec=_CONTENT, doc=f"The network configuration; omitted: DHCP. {_FORMS}")
    vendor_data: Any | None = policy(codec=_CONTENT, doc=f"The vendor-data; a mapping is a cloud-config. {_FORMS}")
    schema: str | None = policy(
        doc="Path, relative to the manifest, of cloud-init's JSON schema of a cloud-config, by which user-data and vendor-data are judged; cloud-init brings it as `config/schemas/schema-cloud-config-v1.json`."
    )
    on_change: Literal["ignore", "attach", "recreate"] | None = policy(
        initial="attach", update=Update.NEXT_BOOT,
        doc="What a changed seed comes to for a machine that exists: nothing (ignore); the guest finds it at its next start, where cloud-init does what it does at each start (attach); or it finds one with another `instance-id`, so that cloud-init does its first work anew (recreate). Disks are kept in any case.",
    )  # fmt: skip
    pool: str | None = policy(
        refers="pool", doc="StoragePool that holds the seed; that of the machine's first Disk when omitted."
    )
    bus: Literal["ide", "scsi", "sata", "usb"] | None = policy(
        doc="Bus of the drive. When omitted: ide on a `pc` machine, else scsi, with a virtio-scsi controller where there is none, since cloud kernels don't know AHCI."
    )
    target: str | None = policy(codec=_TARGET, doc="Device name of the drive; one that is free when omitted.")


@model()
class Ignition(Model):
    """Ignition's configuration: a file in a pool, handed over as fw_cfg's `opt/com.coreos/config`."""

    config: Any | None = policy(
        codec=_CONTENT, required=True, doc=f"The configuration; a mapping is written as JSON. {_FORMS}"
    )
    on_change: Literal["ignore", "attach"] | None = policy(
        initial="attach", update=Update.NEXT_BOOT,
        doc="What a changed configuration comes to for a machine that exists: nothing (ignore), or it is handed over at the next start (attach). Ignition reads it at a guest's first start only.",
    )  # fmt: skip
    pool: str | None = policy(
        refers="pool", doc="StoragePool that holds the file; that of the machine's first Disk when omitted."
    )


@model(short=("for_",))
class Wait(Model):
    """What kvmctl waits for once it has started this machine."""

    for_: Literal["address", "agent", "ssh", "cloudInit", "port"] | None = policy(
        required=True,
        doc="What has to be there: an address (of a lease, from the guest's agent, or of the host's neighbours), an answer of the agent, of sshd or at `port`, or cloud-init's end, which the agent tells.",
    )
    port: int | None = policy(codec=Integer(1, 65535), doc="TCP port that has to accept connections, with `for: port`.")
    timeout: int | None = policy(
        codec=Duration(), initial=300,
        doc="How long it may take. Afterwards the action fails and tells what each source said; the machine runs on.",
    )  # fmt: skip
