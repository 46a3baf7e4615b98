"""The virtual machine: everything but its devices (libvirt: docs/formatdomain)."""

from __future__ import annotations

from typing import Literal

from kvmctl.codec import PRESENCE, Choice, Duration, Integer, Machine, Size, Text, Uuid
from kvmctl.fields import Model, Update, document, model, policy, state, xml
from kvmctl.models.character import Channel, Console, Parallel, Serial
from kvmctl.models.disk_device import DiskDevice
from kvmctl.models.display import Graphics, Video
from kvmctl.models.input import Input
from kvmctl.models.interface import Interface
from kvmctl.models.iommu import Iommu
from kvmctl.models.memballoon import Memballoon
from kvmctl.models.nvram import NvramDevice
from kvmctl.models.panic import Panic
from kvmctl.models.redirdev import Hub, Redirdev, RedirRule
from kvmctl.models.rng import Rng
from kvmctl.models.shmem import Shmem
from kvmctl.models.smartcard import Smartcard
from kvmctl.models.sound import Audio, Sound
from kvmctl.models.tpm import Tpm
from kvmctl.models.vsock import Vsock
from kvmctl.models.watchdog import Watchdog

_MEMORY = Size(minimum=1024, multiple=1024)


@model(short=("max", "current"))
class Memory(Model):
    """How much memory the guest has now, and how much it may have."""

    max: int | None = xml("memory", codec=_MEMORY, doc="Memory that the guest is started with; the balloon's ceiling.")
    current: int | None = xml(
        "currentMemory", codec=_MEMORY, fallback="memory", update=Update.LIVE,
        doc="Memory that the guest may use now; the balloon moves it, up to `max`, while the guest runs.",
    )  # fmt: skip


@model(short=("max", "current"))
class Vcpus(Model):
    """How many virtual CPUs the guest has now, and how many it may have."""

    max: int | None = xml("vcpu", codec=Integer(1, 4096), doc="Virtual CPUs that the guest may have at most.")
    current: int | None = xml(
        "vcpu/@current", codec=Integer(1, 4096), fallback="vcpu", update=Update.LIVE,
        doc="Virtual CPUs that are plugged in. More, up to `max`, reach a running guest at once; fewer at its next start.",
    )  # fmt: skip
    placement: Literal["static", "auto"] | None = xml(
        "vcpu/@placement", doc="Who chooses the host CPUs: the definition (static) or numad (auto)."
    )


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
        volatile=True,
        doc="Whether the picked UEFI firmware enforces Secure Boot. libvirt prefers firmware that does: say false for a guest without signed loaders.",
    )
    boot: tuple[Literal["hd", "cdrom", "network", "fd"], ...] | None = xml(
        "boot/@dev", doc="Classes of devices to boot from, in order."
    )
    boot_menu: bool | None = xml("bootmenu/@enable", absent=False, doc="Whether the firmware shows a boot menu.")
    boot_menu_timeout: int | None = xml(
        "bootmenu/@timeout", codec=Integer(0, 65535), doc="How long the boot menu waits, in milliseconds."
    )
    kernel: str | None = xml("kernel", doc="Path on the host of a kernel to boot directly.")
    initrd: str | None = xml("initrd", doc="Path on the host of the initial RAM disk of that kernel.")
    cmdline: str | None = xml("cmdline", doc="Command line of that kernel.")


@model()
class Features(Model):
    """Hardware features of the machine."""

    acpi: bool | None = xml(
        "acpi",
        codec=PRESENCE,
        absent=False,
        initial=True,
        doc="ACPI: power button, sleep states; without it a graceful stop can't reach the guest.",
    )
    apic: bool | None = xml(
        "apic",
        codec=PRESENCE,
        absent=False,
        initial=True,
        doc="Programmable interrupt controller; more than one CPU needs it.",
    )
    pae: bool | None = xml(
        "pae",
        codec=PRESENCE,
        absent=False,
        doc="Physical address extension: more than 4 GiB for 32-bit guests.",
    )


@model()
class Cpu(Model):
    """The CPU that the guest sees."""

    mode: Literal["custom", "host-model", "host-passthrough", "maximum"] | None = xml(
        "@mode", doc="How the CPU is chosen: named by `model`, like the host's, or the host's own."
    )
    model: str | None = xml("model", doc="Name of the CPU model, with mode custom.")


@model()
class Clock(Model):
    """The guest's clock."""

    offset: Literal["utc", "localtime", "timezone", "variable"] | None = xml(
        "@offset", doc="What the guest's clock is set to at start."
    )
    timezone: str | None = xml("@timezone", doc="Time zone, with offset timezone.")


@model()
class Shutdown(Model):
    """How kvmctl stops this machine."""

    mode: Literal["acpi", "agent", "default"] | None = policy(
        initial="default",
        doc="How the guest is asked: by the power button, through its agent, or as libvirt sees fit.",
    )
    timeout: int | None = policy(codec=Duration(), initial=60, doc="How long the guest may take.")
    force: bool | None = policy(
        initial=False,
        doc="Whether the power is cut when the guest hasn't stopped by then. When false the stop fails and is reported.",
    )


_EVENT = Literal["destroy", "restart", "preserve", "rename-restart"]
_CRASH = Literal["destroy", "restart", "preserve", "rename-restart", "coredump-destroy", "coredump-restart"]


@model()
class VirtualMachine(Model):
    """A virtual machine: a libvirt domain."""

    power_state: Literal["Running", "Paused", "Off"] | None = state(
        update=Update.RESTART,
        doc="Whether the machine runs, is suspended, or is shut off. Starting and resuming disturb nobody; suspending is an `interrupt`, stopping a `restart`.",
    )
    autostart: bool | None = state(doc="Whether libvirt starts the machine when the host boots.")
    shutdown: Shutdown | None = policy(doc="How kvmctl stops this machine.")
    type: Literal["kvm", "qemu", "xen", "lxc", "hvf", "bhyve", "vz", "test"] | None = xml(
        "@type",
        doc="Hypervisor. On creation, when omitted: kvm where the host offers it, else qemu (software emulation).",
    )
    uuid: str | None = xml(
        "uuid",
        codec=Uuid(),
        update=Update.REFUSED,
        reason="a machine's UUID is its identity; leave it out to keep the one it has, or delete the machine and create it anew",
        doc="Identity of the machine; libvirt makes one up on creation.",
    )
    title: str | None = xml(
        "title", codec=Text(r"[^\n]*", "text in one line"), update=Update.NONE, doc="Short description in one line."
    )
    description: str | None = xml("description", update=Update.NONE, doc="Free text about the machine.")
    memory: Memory | None = xml(".", required=True, doc="Memory; a bare size sets both fields.")
    vcpus: Vcpus | None = xml(".", doc="Virtual CPUs; a bare number sets both `current` and `max`.")
    cpu: Cpu | None = xml("cpu", doc="The CPU that the guest sees.")
    os: Os | None = xml("os", doc="What the guest boots, and on which machine.")
    features: Features | None = xml("features", doc="Hardware features of the machine.")
    clock: Clock | None = xml("clock", doc="The guest's clock.")
    on_poweroff: _EVENT | None = xml("on_poweroff", doc="What happens when the guest powers off.")
    on_reboot: _EVENT | None = xml("on_reboot", doc="What happens when the guest reboots.")
    on_crash: _CRASH | None = xml("on_crash", doc="What happens when the guest crashes.")
    emulator: str | None = xml(
        "devices/emulator",
        codec=Text(r"/.+", "an absolute path on the host, starting with /"),
        doc="Path on the host of the emulator; libvirt knows the default.",
    )
    disks: tuple[DiskDevice, ...] | None = xml(
        "devices/disk", update=Update.LIVE, doc="Disks, CD-ROMs and floppies; complete when given."
    )
    interfaces: tuple[Interface, ...] | None = xml(
        "devices/interface", update=Update.LIVE, doc="Network interfaces; complete when given."
    )
    graphics: tuple[Graphics, ...] | None = xml("devices/graphics", doc="Graphical consoles; complete when given.")
    videos: tuple[Video, ...] | None = xml("devices/video", doc="Video cards, in order; complete when given.")
    sounds: tuple[Sound, ...] | None = xml("devices/sound", doc="Sound cards, in order; complete when given.")
    audios: tuple[Audio, ...] | None = xml(
        "devices/audio",
        since="6.7.0",
        doc="What the host plays sound on; complete when given, but for the silent one that libvirt adds by itself.",
    )
    serials: tuple[Serial, ...] | None = xml("devices/serial", doc="Serial ports, in order; complete when given.")
    parallels: tuple[Parallel, ...] | None = xml(
        "devices/parallel", doc="Parallel ports, in order; complete when given."
    )
    consoles: tuple[Console, ...] | None = xml(
        "devices/console",
        doc="Text consoles, in order; complete when given. libvirt mirrors the first serial port as the first console.",
    )
    channels: tuple[Channel, ...] | None = xml(
        "devices/channel",
        doc="Channels between host and guest, such as the guest agent's; complete when given.",
    )
    inputs: tuple[Input, ...] | None = xml(
        "devices/input",
        doc="Keyboards, mice and tablets; complete when given, but for the PS/2 ones that libvirt adds by itself.",
    )
    rngs: tuple[Rng, ...] | None = xml("devices/rng", doc="Random number generators, in order; complete when given.")
    watchdogs: tuple[Watchdog, ...] | None = xml("devices/watchdog", doc="The watchdog; complete when given.")
    tpms: tuple[Tpm, ...] | None = xml("devices/tpm", doc="Trusted platform modules, in order; complete when given.")
    memballoon: Memballoon | None = xml(
        "devices/memballoon", doc="The memory balloon; a bare model is enough, and model none is the way to have none."
    )
    panics: tuple[Panic, ...] | None = xml(
        "devices/panic", since="1.2.1", doc="Devices that tell of a guest's crash, in order; complete when given."
    )
    vsock: Vsock | None = xml("devices/vsock", since="4.4.0", doc="A device for sockets between host and guest.")
    shmems: tuple[Shmem, ...] | None = xml(
        "devices/shmem", since="1.2.10", doc="Memory shared with other machines; complete when given."
    )
    iommu: Iommu | None = xml("devices/iommu", since="2.1.0", doc="The emulated IOMMU.")
    smartcards: tuple[Smartcard, ...] | None = xml(
        "devices/smartcard", doc="Smartcard readers, in order; complete when given."
    )
    redirdevs: tuple[Redirdev, ...] | None = xml(
        "devices/redirdev", doc="Ports for USB devices of the viewer's machine, in order; complete when given."
    )
    redirfilter: tuple[RedirRule, ...] | None = xml(
        "devices/redirfilter/usbdev",
        doc="Which USB devices of the viewer's machine may be connected: the first rule that fits counts; complete when given.",
    )
    hubs: tuple[Hub, ...] | None = xml(
        "devices/hub", doc="Hubs, in order; complete when given, those that libvirt adds by itself included."
    )
    nvram_device: NvramDevice | None = xml("devices/nvram", since="1.0.5", doc="The NVRAM of a POWER machine.")
    xml: str | None = document(
        doc="Whatever has no field of its own: a partial libvirt document of the domain, merged last by the keys of its elements."
    )
