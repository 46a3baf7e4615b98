"""The virtual machine: everything but its devices (libvirt: docs/formatdomain)."""

from __future__ import annotations

from typing import Literal

from kvmctl.codec import Duration, Integer, Text, Uuid
from kvmctl.fields import Model, Update, document, model, policy, state, xml
from kvmctl.live import LiveCall, When
from kvmctl.models.character import Channel, Console, Parallel, Serial
from kvmctl.models.clock import Clock
from kvmctl.models.controller import Controller
from kvmctl.models.cpu import Cpu
from kvmctl.models.cputune import Cputune, DefaultIothread, Iothread, Vcpus
from kvmctl.models.disk_device import DiskDevice
from kvmctl.models.display import Graphics, Video
from kvmctl.models.features import Features
from kvmctl.models.filesystem import Filesystem
from kvmctl.models.first_boot import CloudInit, Ignition, Wait
from kvmctl.models.hostdev import Hostdev
from kvmctl.models.input import Input
from kvmctl.models.interface import Interface
from kvmctl.models.iommu import Iommu
from kvmctl.models.lease import Lease
from kvmctl.models.memballoon import Memballoon
from kvmctl.models.memory import MaxMemory, Memory, MemoryBacking, Memtune
from kvmctl.models.memory_device import MemoryDevice
from kvmctl.models.numa import Numatune
from kvmctl.models.nvram import NvramDevice
from kvmctl.models.os import Os
from kvmctl.models.panic import Panic
from kvmctl.models.profiled import Profiled
from kvmctl.models.redirdev import Hub, Redirdev, RedirRule
from kvmctl.models.resources import Blkiotune, PerfEvent, Pm, Resource
from kvmctl.models.rng import Rng
from kvmctl.models.security import Idmap, Keywrap, LaunchSecurity, Seclabel
from kvmctl.models.shmem import Shmem
from kvmctl.models.smartcard import Smartcard
from kvmctl.models.snapshot import Snapshot
from kvmctl.models.sound import Audio, Sound
from kvmctl.models.sysinfo import Fwcfg, Sysinfo
from kvmctl.models.tpm import Tpm
from kvmctl.models.vsock import Vsock
from kvmctl.models.watchdog import Watchdog


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


@model()
class UpdatePolicy(Model):
    """How far an apply may go with this machine."""

    max_disruption: Literal["none", "live", "next-boot", "interrupt", "restart", "destroy", "data-loss"] | None = (
        policy(
            doc="The most that a change of this machine may disturb; more is refused, whatever `apply --max-disruption` allows, and what waits for a start goes on waiting below `restart`. Deleting the machine is no change of it.",
        )
    )


_EVENT = Literal["destroy", "restart", "preserve", "rename-restart"]
_CRASH = Literal["destroy", "restart", "preserve", "rename-restart", "coredump-destroy", "coredump-restart"]


@model()
class VirtualMachine(Profiled):
    """A virtual machine: a libvirt domain."""

    power_state: Literal["Running", "Paused", "Off"] | None = state(
        update=Update.RESTART,
        doc="Whether the machine runs, is suspended, or is shut off. Starting and resuming disturb nobody; suspending is an `interrupt`, stopping a `restart`.",
    )
    autostart: bool | None = state(
        live=LiveCall.AUTOSTART, doc="Whether libvirt starts the machine when the host boots."
    )
    shutdown: Shutdown | None = policy(doc="How kvmctl stops this machine.")
    update_policy: UpdatePolicy | None = policy(doc="How far an apply may go with this machine.")
    wait: Wait | None = policy(
        doc="What kvmctl waits for once it has started this machine; a bare word is enough. Omitted: for nothing."
    )
    cloud_init: CloudInit | None = policy(
        update=Update.NEXT_BOOT, doc="What cloud-init in the guest is told, by a seed that kvmctl makes and attaches."
    )
    ignition: Ignition | None = policy(
        update=Update.NEXT_BOOT, doc="What Ignition in the guest is told, by a file that kvmctl makes and hands over."
    )
    type: Literal["kvm", "qemu", "xen", "lxc", "hvf", "bhyve", "vz", "test"] | None = xml(
        "@type",
        doc="Hypervisor. On creation, when omitted: kvm where the host offers it, else qemu (software emulation), else what it offers first.",
    )
    uuid: str | None = xml(
        "uuid",
        codec=Uuid(),
        update=Update.REFUSED,
        reason="a machine's UUID is its identity; leave it out to keep the one it has, or delete the machine and create it anew",
        doc="Identity of the machine; libvirt makes one up on creation.",
    )
    genid: str | None = xml(
        "genid",
        codec=Uuid(),
        since="4.4.0",
        doc="Generation of the machine; Windows takes a new one for a sign of being cloned.",
    )
    title: str | None = xml(
        "title",
        codec=Text(r"[^\n]*", "text in one line"),
        update=Update.NONE,
        live=LiveCall.TEXT,
        doc="Short description in one line.",
    )
    description: str | None = xml(
        "description", update=Update.NONE, live=LiveCall.TEXT, doc="Free text about the machine."
    )
    memory: Memory | None = xml(".", required=True, doc="Memory; a bare size sets `current` and `max`.")
    max_memory: MaxMemory | None = xml(
        "maxMemory", since="1.2.14", doc="How much memory there may be once memory devices are plugged in."
    )
    memory_backing: MemoryBacking | None = xml("memoryBacking", doc="What the memory is made of on the host.")
    memtune: Memtune | None = xml("memtune", doc="Limits of the host on the machine's memory.")
    numatune: Numatune | None = xml("numatune", doc="Which NUMA nodes of the host the memory comes from.")
    vcpus: Vcpus | None = xml(".", doc="Virtual CPUs; a bare number sets both `current` and `max`.")
    iothreads: int | None = xml(
        "iothreads",
        codec=Integer(0, 2**32 - 1),
        live=LiveCall.IOTHREADS,
        when=(When.GIVEN, When.FREE_THREADS),
        since="1.2.8",
        doc="Number of threads for the I/O of disks that name one.",
    )
    iothreadids: tuple[Iothread, ...] | None = xml(
        "iothreadids/iothread",
        live=LiveCall.IOTHREADS,
        when=(When.FREE_THREADS,),
        since="1.2.15",
        doc="The I/O threads; complete when given.",
    )
    defaultiothread: DefaultIothread | None = xml(
        "defaultiothread", since="8.5.0", doc="The worker threads of the emulator's main loop."
    )
    cputune: Cputune | None = xml("cputune", doc="Where the threads run, and how much CPU time they get.")
    blkiotune: Blkiotune | None = xml("blkiotune", doc="The machine's share of the host's block devices.")
    resource: Resource | None = xml("resource", doc="Where the machine stands among those of the host.")
    cpu: Cpu | None = xml("cpu", doc="The CPU that the guest sees.")
    os: Os | None = xml("os", doc="What the guest boots, and on which machine.")
    sysinfo: Sysinfo | None = xml("sysinfo[@type=smbios]", doc="What SMBIOS tells the guest.")
    fwcfgs: tuple[Fwcfg, ...] | None = xml(
        "sysinfo[@type=fwcfg]/entry", since="6.5.0", doc="Entries of QEMU's fw_cfg; complete when given."
    )
    features: Features | None = xml("features", doc="Hardware features of the machine.")
    clock: Clock | None = xml("clock", doc="The guest's clock.")
    on_poweroff: _EVENT | None = xml("on_poweroff", default="destroy", doc="What happens when the guest powers off.")
    on_reboot: _EVENT | None = xml("on_reboot", default="restart", doc="What happens when the guest reboots.")
    on_crash: _CRASH | None = xml("on_crash", default="destroy", doc="What happens when the guest crashes.")
    on_lockfailure: Literal["poweroff", "restart", "pause", "ignore"] | None = xml(
        "on_lockfailure", doc="What happens when the lock on a disk is lost."
    )
    pm: Pm | None = xml("pm", doc="Sleep states that the firmware offers the guest.")
    perf_events: tuple[PerfEvent, ...] | None = xml(
        "perf/event", since="1.3.3", doc="Events that the host counts; complete when given."
    )
    seclabels: tuple[Seclabel, ...] | None = xml(
        "seclabel", left_open=(), doc="How the host's security drivers label the machine; complete when given."
    )
    launch_security: LaunchSecurity | None = xml(
        "launchSecurity", since="4.5.0", doc="Memory that the host can't read."
    )
    keywrap: Keywrap | None = xml("keywrap", doc="Keys of IBM Z that the guest can wrap others in.")
    idmap: Idmap | None = xml("idmap", doc="Who a container's users and groups are on the host.")
    emulator: str | None = xml(
        "devices/emulator",
        codec=Text(r"/.+", "an absolute path on the host, starting with /"),
        doc="Path on the host of the emulator; libvirt knows the default.",
    )
    disks: tuple[DiskDevice, ...] | None = xml(
        "devices/disk",
        live=LiveCall.PLUG,
        when=(When.HOTPLUG_DISK, When.PORT),
        doc="Disks, CD-ROMs and floppies; complete when given.",
    )
    controllers: tuple[Controller, ...] | None = xml(
        "devices/controller", doc="Controllers that matter; others stay, because libvirt adds those that devices need."
    )
    # Nothing plugs one in: libvirtd dies of it (libvirt 9.0, virtiofs).
    filesystems: tuple[Filesystem, ...] | None = xml(
        "devices/filesystem", doc="Folders of the host that the guest mounts; complete when given."
    )
    interfaces: tuple[Interface, ...] | None = xml(
        "devices/interface", live=LiveCall.PLUG, when=(When.PORT,), doc="Network interfaces; complete when given."
    )
    hostdevs: tuple[Hostdev, ...] | None = xml(
        "devices/hostdev",
        live=LiveCall.PLUG,
        when=(When.HOST_DEVICE, When.PORT),
        doc="Devices of the host that are given to the guest; complete when given.",
    )
    memory_devices: tuple[MemoryDevice, ...] | None = xml(
        "devices/memory",
        live=LiveCall.PLUG,
        when=(When.HOTPLUG_MEMORY, When.IN_ORDER, When.PORT),
        doc="Memory modules and devices, in order; complete when given. `memory.max` includes them.",
    )
    leases: tuple[Lease, ...] | None = xml(
        "devices/lease", doc="Leases that a lock manager must get at start; complete when given."
    )
    graphics: tuple[Graphics, ...] | None = xml("devices/graphics", doc="Graphical consoles; complete when given.")
    videos: tuple[Video, ...] | None = xml("devices/video", doc="Video cards, in order; complete when given.")
    sounds: tuple[Sound, ...] | None = xml("devices/sound", doc="Sound cards, in order; complete when given.")
    audios: tuple[Audio, ...] | None = xml(
        "devices/audio",
        since="6.7.0",
        doc="What the host plays sound on; complete when given. libvirt adds one by itself where there is none: silent, or that of SPICE.",
    )
    serials: tuple[Serial, ...] | None = xml(
        "devices/serial", echo="consoles", doc="Serial ports, in order; complete when given."
    )
    parallels: tuple[Parallel, ...] | None = xml(
        "devices/parallel", doc="Parallel ports, in order; complete when given."
    )
    consoles: tuple[Console, ...] | None = xml(
        "devices/console",
        doc="Text consoles, in order; complete when given. libvirt mirrors the first serial port as the first console.",
    )
    channels: tuple[Channel, ...] | None = xml(
        "devices/channel",
        live=LiveCall.PLUG,
        when=(When.VIRTIO_PORT,),
        doc="Channels between host and guest, such as the guest agent's; complete when given.",
    )
    inputs: tuple[Input, ...] | None = xml(
        "devices/input",
        live=LiveCall.PLUG,
        when=(When.HOTPLUG_INPUT, When.PORT),
        doc="Keyboards, mice and tablets; complete when given, but for the PS/2 ones that libvirt adds by itself.",
    )
    rngs: tuple[Rng, ...] | None = xml(
        "devices/rng",
        live=LiveCall.PLUG,
        when=(When.IN_ORDER, When.PORT),
        doc="Random number generators, in order; complete when given.",
    )
    watchdogs: tuple[Watchdog, ...] | None = xml(
        "devices/watchdog",
        live=LiveCall.PLUG,
        when=(When.I6300ESB, When.CONVENTIONAL, When.IN_ORDER),
        doc="The watchdog; complete when given.",
    )
    tpms: tuple[Tpm, ...] | None = xml("devices/tpm", doc="Trusted platform modules, in order; complete when given.")
    memballoon: Memballoon | None = xml(
        "devices/memballoon", doc="The memory balloon; a bare model is enough, and model none is the way to have none."
    )
    panics: tuple[Panic, ...] | None = xml(
        "devices/panic", since="1.2.1", doc="Devices that tell of a guest's crash, in order; complete when given."
    )
    vsock: Vsock | None = xml("devices/vsock", since="4.4.0", doc="A device for sockets between host and guest.")
    shmems: tuple[Shmem, ...] | None = xml(
        "devices/shmem",
        live=LiveCall.PLUG,
        when=(When.CONVENTIONAL,),
        since="1.2.10",
        doc="Memory shared with other machines; complete when given.",
    )
    iommu: Iommu | None = xml("devices/iommu", since="2.1.0", doc="The emulated IOMMU.")
    smartcards: tuple[Smartcard, ...] | None = xml(
        "devices/smartcard", doc="Smartcard readers, in order; complete when given."
    )
    redirdevs: tuple[Redirdev, ...] | None = xml(
        "devices/redirdev",
        live=LiveCall.PLUG,
        when=(When.IN_ORDER,),
        doc="Ports for USB devices of the viewer's machine, in order; complete when given.",
    )
    redirfilter: tuple[RedirRule, ...] | None = xml(
        "devices/redirfilter/usbdev",
        doc="Which USB devices of the viewer's machine may be connected: the first rule that fits counts; complete when given.",
    )
    hubs: tuple[Hub, ...] | None = xml(
        "devices/hub", doc="Hubs, in order; complete when given, those that libvirt adds by itself included."
    )
    nvram_device: NvramDevice | None = xml("devices/nvram", since="1.0.5", doc="The NVRAM of a POWER machine.")
    snapshots: tuple[Snapshot, ...] | None = state(
        place="domainsnapshot",
        update=Update.LIVE,
        doc="Snapshots, complete when given. A missing one is taken: one that keeps a running guest's memory within its disks is an `interrupt`, an external one is `live`. One too many is removed only with --allow-data-loss.",
    )
    xml: str | None = document(
        doc="Whatever has no field of its own: a partial libvirt document of the domain, merged last by the keys of its elements."
    )
