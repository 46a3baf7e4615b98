"""How a running guest takes a change at once: by which call of libvirt, and under which conditions."""

from __future__ import annotations

from enum import StrEnum


class LiveCall(StrEnum):
    """The libvirt calls that change what runs; the values are virsh's commands for them."""

    AUTOSTART = "autostart"
    TEXT = "desc"
    VCPUS = "setvcpus"
    MEMORY = "setmem"
    SCHEDULER = "schedinfo"
    MEMORY_LIMITS = "memtune"
    BLOCK_SHARES = "blkiotune"
    NODES = "numatune"
    PIN_VCPU = "vcpupin"
    PIN_EMULATOR = "emulatorpin"
    PIN_IOTHREAD = "iothreadpin"
    IOTHREADS = "iothreadadd"
    IOTUNE = "blkdeviotune"
    BANDWIDTH = "domiftune"
    MEDIUM = "change-media"
    PLUG = "attach-device"
    UPDATE = "update-device"


class When(StrEnum):
    """The conditions under which a guest takes a change at once; else it waits for the next start.

    The values are the words of the reference; kvmctl.plan.live_when decides.
    """

    GIVEN = "a value; taking it away waits for the next start"
    BALLOON = "up to `max`"
    CPUS = "more, up to `max`; fewer by unplugging those that can be (KVM), else offline by the guest's agent"
    STATIC_NODES = "another set of nodes, with mode strict or restrictive"
    FREE_THREADS = "threads that no device uses, without sizes of their own"
    HOTPLUG_DISK = "a disk on virtio, scsi or usb"
    HOTPLUG_INPUT = "on virtio or usb"
    HOTPLUG_MEMORY = "a dimm, which the guest may refuse to let go of, or a new virtio-mem, up to `maxMemory`"
    HOST_DEVICE = "what libvirt can plug: pci, usb, mdev, scsi"
    VIRTIO_PORT = "with target virtio, on a machine that has a virtio-serial controller"
    I6300ESB = "with model i6300esb"
    CONVENTIONAL = "on machines with slots of conventional PCI, such as pc"
    IN_ORDER = "while the others of the list stay as they are"
    PORT = "a new one needs a free PCI Express port, on machines that have such"
    REMOVABLE = "of a CD-ROM or floppy drive"
    ANOTHER = "another one than the guest was started with; the first one, or none, waits for the next start"
    GUARDED = "where the guest runs with one of both, by which libvirt tells that it has a password"
    BRIDGED = "from a network or bridge to another, where both are bridges of the host"
