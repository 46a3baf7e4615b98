"""A network interface of a machine (libvirt: docs/formatdomain, "Network interfaces")."""

from __future__ import annotations

from typing import Final, Literal

from kvmctl.codec import ON_OFF, Choice, DeviceAddress, Integer, Mac, Text, UserAlias
from kvmctl.fields import Update, model, xml
from kvmctl.live import LiveCall, When
from kvmctl.models.bandwidth import InterfaceBandwidth
from kvmctl.models.filterref import Filterref
from kvmctl.models.interface_parts import (
    GuestOffloads,
    HostOffloads,
    InterfaceBackend,
    InterfaceTarget,
    PortForward,
    Teaming,
)
from kvmctl.models.interface_source import InterfaceIp, InterfaceSource
from kvmctl.models.rom import Rom
from kvmctl.models.route import Route
from kvmctl.models.virtio import VirtioOptions
from kvmctl.models.virtualport import Virtualport
from kvmctl.models.vlan import Vlan

_PATH: Final = Text(r"/.+", "an absolute path on the host, starting with /")
_QUEUES: Final = Integer(1, 2**32 - 1)


@model(keys=(("name",), ("mac",), ("network",), ("bridge",), ("type",)))
class Interface(VirtioOptions):
    """One network interface of a machine."""

    name: str | None = xml(
        "alias/@name", codec=UserAlias(), update=Update.REPLUG,
        doc="Name within the machine, kept in libvirt as the device's alias; it survives a change of network.",
    )  # fmt: skip
    type: (
        Literal[
            "network", "bridge", "user", "ethernet", "direct", "hostdev", "vhostuser", "vdpa", "internal", "mcast",
            "server", "client", "udp", "null", "vds",
        ]
        | None
    ) = xml(
        "@type", update=Update.REPLUG,
        doc="What the interface connects to; `network` and `bridge` imply theirs, for others `source` says more.",
    )  # fmt: skip
    network: str | None = xml(
        "source/@network", implies=(("@type", "network"),), clears=("source",), refers="network",
        live=LiveCall.UPDATE, when=(When.BRIDGED,),
        doc="Name of the Network that the interface is on.",
    )  # fmt: skip
    bridge: str | None = xml(
        "source/@bridge", implies=(("@type", "bridge"),), clears=("source",), live=LiveCall.UPDATE, when=(When.BRIDGED,),
        doc="Name of a bridge of the host that the interface is on.",
    )  # fmt: skip
    portgroup: str | None = xml(
        "source/@portgroup",
        live=LiveCall.UPDATE,
        when=(When.BRIDGED,),
        doc="Group of that Network's ports that the interface is in.",
    )
    source: InterfaceSource | None = xml(
        ".", update=Update.REPLUG, doc="What the interface is connected to where it isn't a network or a bridge."
    )
    mac: str | None = xml(
        "mac/@address",
        codec=Mac(),
        update=Update.REPLUG,
        doc="MAC address; libvirt makes one up on creation, and kvmctl keeps it.",
    )
    model: str | None = xml(
        "model/@type",
        codec=Text(r"[A-Za-z0-9_.-]+", "a model such as virtio, e1000e or rtl8139"),
        update=Update.REPLUG,
        doc="Network card that the guest sees: virtio, e1000e, rtl8139 and others.",
    )
    link: str | None = xml(
        "link/@state",
        codec=Choice(("up", "down")),
        unsaid="up",
        live=LiveCall.UPDATE,
        doc="Whether the cable is plugged in (up) or not (down).",
    )
    mtu: int | None = xml(
        "mtu/@size",
        codec=Integer(68, 65535),
        update=Update.REPLUG,
        doc="MTU in bytes that the guest is told.",
    )
    boot_order: int | None = xml(
        "boot/@order",
        codec=Integer(1, 999),
        update=Update.REPLUG,
        doc="Place in the boot order; can't be mixed with `os.boot`.",
    )
    boot_loadparm: str | None = xml(
        "boot/@loadparm", update=Update.REPLUG, since="3.5.0", doc="Parameter for the boot loader of s390x guests."
    )
    driver: Literal["qemu", "vhost", "vfio", "kvm", "xen"] | None = xml(
        "driver/@name", update=Update.REPLUG,
        doc="What moves the packets: QEMU or the host's kernel (vhost); with type hostdev what hands the device over.",
    )  # fmt: skip
    txmode: Literal["iothread", "timer"] | None = xml(
        "driver/@txmode", update=Update.REPLUG, doc="How packets are sent when the buffer is full."
    )
    ioeventfd: bool | None = xml(
        "driver/@ioeventfd", codec=ON_OFF, update=Update.REPLUG,
        doc="Whether the guest goes on while the device works on what it sent.",
    )  # fmt: skip
    event_idx: bool | None = xml(
        "driver/@event_idx", codec=ON_OFF, update=Update.REPLUG, doc="Whether there are fewer interrupts and exits."
    )
    queues: int | None = xml(
        "driver/@queues", codec=_QUEUES, update=Update.REPLUG, since="1.0.6", doc="Pairs of queues, with model virtio."
    )
    rx_queue_size: int | None = xml(
        "driver/@rx_queue_size", codec=_QUEUES, update=Update.REPLUG, since="2.3.0",
        doc="Packets that a queue for receiving holds: a power of 2 from 256 to 1024.",
    )  # fmt: skip
    tx_queue_size: int | None = xml(
        "driver/@tx_queue_size", codec=_QUEUES, update=Update.REPLUG, since="3.7.0",
        doc="Packets that a queue for sending holds: a power of 2 from 256 to 1024.",
    )  # fmt: skip
    rss: bool | None = xml(
        "driver/@rss", codec=ON_OFF, update=Update.REPLUG, since="8.3.0",
        doc="Whether the device spreads what it receives over the queues by itself.",
    )  # fmt: skip
    rss_hash_report: bool | None = xml(
        "driver/@rss_hash_report", codec=ON_OFF, update=Update.REPLUG, since="8.3.0",
        doc="Whether the guest is told the hash by which packets are spread.",
    )  # fmt: skip
    host_offloads: HostOffloads | None = xml(
        "driver/host", update=Update.REPLUG, since="1.2.9", doc="What the host's end may leave to its hardware."
    )
    guest_offloads: GuestOffloads | None = xml(
        "driver/guest", update=Update.REPLUG, since="1.2.9", doc="What the guest may leave to the host."
    )
    managed: bool | None = xml(
        "@managed", update=Update.REPLUG,
        doc="Whether libvirt takes the device from the host's driver at start and gives it back, with type hostdev.",
    )  # fmt: skip
    target: InterfaceTarget | None = xml("target", update=Update.REPLUG, doc="The host's end of the interface.")
    guest_dev: str | None = xml(
        "guest/@dev", update=Update.REPLUG, since="1.2.14", doc="Name of the device in a container."
    )
    backend: InterfaceBackend | None = xml(
        "backend", update=Update.REPLUG, since="1.2.9", doc="What of the host carries the interface."
    )
    backend_domain: str | None = xml(
        "backenddomain/@name", update=Update.REPLUG, since="1.2.13", doc="Machine that has the other end, with Xen."
    )
    virtualport: Virtualport | None = xml(
        "virtualport", update=Update.REPLUG, doc="What the switch has to know of the port."
    )
    vlan: Vlan | None = xml("vlan", update=Update.REPLUG, doc="VLAN tags of the interface's traffic.")
    isolated: bool | None = xml(
        "port/@isolated", update=Update.REPLUG, since="6.1.0",
        doc="Whether the guest can't speak to other isolated ones on the bridge.",
    )  # fmt: skip
    bandwidth: InterfaceBandwidth | None = xml(
        "bandwidth", live=LiveCall.BANDWIDTH, doc="Limits of the interface's traffic."
    )
    filterref: Filterref | None = xml(
        "filterref", live=LiveCall.UPDATE, doc="Network filter that the traffic passes; a bare name is enough."
    )
    trust_guest_rx_filters: bool | None = xml(
        "@trustGuestRxFilters", update=Update.REPLUG, since="1.2.10",
        doc="Whether the guest may change its MAC address and what it receives, with type direct.",
    )  # fmt: skip
    coalesce: int | None = xml(
        "coalesce/rx/frames/@max", codec=Integer(0, 2**32 - 1), update=Update.REPLUG, since="3.3.0",
        doc="Received packets that are collected before the guest is told.",
    )  # fmt: skip
    sndbuf: int | None = xml(
        "tune/sndbuf", codec=Integer(0, 2**32 - 1), update=Update.REPLUG,
        doc="Size of the host's buffer for what is sent, in bytes; 0 is no limit.",
    )  # fmt: skip
    script: str | None = xml(
        "script/@path", codec=_PATH, update=Update.REPLUG, doc="Path on the host of a program that sets the device up."
    )
    downscript: str | None = xml(
        "downscript/@path", codec=_PATH, update=Update.REPLUG, since="5.1.0",
        doc="Path on the host of a program that takes the device down.",
    )  # fmt: skip
    ips: tuple[InterfaceIp, ...] | None = xml(
        "ip", update=Update.REPLUG, since="1.2.12", doc="Addresses of the guest's end; complete when given."
    )
    routes: tuple[Route, ...] | None = xml(
        "route", update=Update.REPLUG, since="1.2.12", doc="Routes of the guest; complete when given."
    )
    port_forwards: tuple[PortForward, ...] | None = xml(
        "portForward", update=Update.REPLUG, since="9.0.0",
        doc="Ports of the host that lead to the guest, with type user by passt; complete when given.",
    )  # fmt: skip
    teaming: Teaming | None = xml(
        "teaming", update=Update.REPLUG, since="6.1.0", doc="A pair of interfaces that the interface is one of."
    )
    mac_type: Literal["generated", "static"] | None = xml(
        "mac/@type", update=Update.REPLUG, since="5.2.0", doc="Who chose the MAC address, with VMware."
    )
    mac_check: bool | None = xml(
        "mac/@check", update=Update.REPLUG, since="5.2.0", doc="Whether VMware minds a MAC address that isn't its own."
    )
    rom: Rom | None = xml("rom", update=Update.REPLUG, doc="The boot ROM that the guest sees of the device.")
    acpi_index: int | None = xml(
        "acpi/@index", codec=Integer(1, 16383), update=Update.REPLUG, since="7.3.0",
        doc="Number by which the guest's firmware names the device.",
    )  # fmt: skip
    address: str | None = xml(
        "address", codec=DeviceAddress(), update=Update.REPLUG, doc="Where the device sits in the guest."
    )
