"""The host's end of a character device, the same for all of them (libvirt: docs/formatdomain, "Host interface")."""

from __future__ import annotations

from typing import Literal

from kvmctl.codec import ON_OFF, Duration, Service, Text
from kvmctl.fields import Model, model, xml

SourceType = Literal[
    "pty",
    "file",
    "unix",
    "tcp",
    "udp",
    "dev",
    "pipe",
    "stdio",
    "null",
    "vc",
    "nmdm",
    "spicevmc",
    "spiceport",
    "qemu-vdagent",
    "dbus",
]
"""Where the host's end can be."""

TYPE_DOC = "Where the host's end is: a pseudo terminal, a file, a socket or another."
# With another type, what the former one said is of no use: libvirt would refuse a tcp source that has two of them.
OF_THE_TYPE = ("source", "source", "protocol")

_PATH = Text(r"/.+", "an absolute path on the host, starting with /")
_TCP, _UDP = ("tcp",), ("udp",)
_VDAGENT = ("qemu-vdagent",)


@model()
class Reconnect(Model):
    """What happens when the far end of a client's socket goes away."""

    enabled: bool | None = xml("@enabled", doc="Whether the emulator connects anew.")
    timeout: int | None = xml("@timeout", codec=Duration(), doc="How long it waits before it does.")


@model(short=("file",))
class CharacterLog(Model):
    """A file of the host that keeps what the guest writes."""

    file: str | None = xml("@file", codec=_PATH, required=True, doc="Path on the host of the file.")
    append: bool | None = xml(
        "@append", codec=ON_OFF, doc="Whether what the file holds stays when the machine starts anew."
    )


@model()
class SourcePlace(Model):
    """The rows of the host's end but for `type`, which is each device's own, and `mode`, which smartcards mean otherwise."""

    path: str | None = xml(
        "source/@path", codec=_PATH, left_open=(), types=("file", "unix", "dev", "pipe"),
        doc="Path on the host of the file, socket, device or pipe (file, unix, dev, pipe). libvirt picks the one of a channel's socket.",
    )  # fmt: skip
    append: bool | None = xml(
        "source/@append", codec=ON_OFF, types=("file",), since="1.3.1",
        doc="Whether what the file holds stays when the machine starts anew (file).",
    )  # fmt: skip
    host: str | None = xml(
        "source/@host", types=_TCP, doc="Address or name to connect to or to listen on (tcp)."
    )  # fmt: skip
    service: str | None = xml(
        "source/@service", codec=Service(), types=_TCP, doc="Port to connect to or to listen on (tcp)."
    )
    tls: bool | None = xml(
        "source/@tls", types=_TCP, since="2.4.0",
        doc="Whether the connection is encrypted; the host's configuration decides when omitted (tcp).",
    )  # fmt: skip
    protocol: Literal["raw", "telnet", "telnets", "tls"] | None = xml(
        "protocol/@type", types=_TCP, default="raw", doc="What is spoken on the connection (tcp)."
    )
    reconnect: Reconnect | None = xml(
        "source/reconnect", types=("unix", "tcp"), since="3.7.0",
        doc="What happens when the far end goes away, with mode connect (unix, tcp).",
    )  # fmt: skip
    # libvirt prints the two sources of udp in this order.
    bind_host: str | None = xml(
        "source[@mode=bind]/@host", types=_UDP, doc="Address of the host on which datagrams are received (udp)."
    )
    bind_service: str | None = xml(
        "source[@mode=bind]/@service", codec=Service(), types=_UDP, doc="Port on which datagrams are received (udp)."
    )
    connect_host: str | None = xml(
        "source[@mode=connect]/@host", types=_UDP, doc="Address or name that datagrams are sent to (udp)."
    )
    connect_service: str | None = xml(
        "source[@mode=connect]/@service", codec=Service(), types=_UDP, doc="Port that datagrams are sent to (udp)."
    )
    master: str | None = xml(
        "source/@master", types=("nmdm",), since="1.2.4", doc="Device of a null modem that the emulator opens (nmdm)."
    )
    slave: str | None = xml(
        "source/@slave", types=("nmdm",), since="1.2.4", doc="Device of a null modem that is left to others (nmdm)."
    )
    channel: str | None = xml(
        "source/@channel", types=("spiceport", "dbus"), since="1.2.2",
        doc="Name by which a viewer finds the device (spiceport, dbus).",
    )  # fmt: skip
    clipboard: bool | None = xml(
        "source/clipboard/@copypaste", types=_VDAGENT, since="8.4.0",
        doc="Whether guest and viewer share a clipboard (qemu-vdagent).",
    )  # fmt: skip
    mouse: Literal["server", "client"] | None = xml(
        "source/mouse/@mode", types=_VDAGENT, since="8.4.0",
        doc="Whose pointer counts: the guest's (server) or the viewer's (client) (qemu-vdagent).",
    )  # fmt: skip
    log: CharacterLog | None = xml(
        "log", since="1.3.3", doc="A file of the host that keeps what the guest writes; a bare path is enough."
    )


MODE_DOC = "Whether the emulator is the client (connect) or the server (bind) of the socket (unix, tcp)."


@model()
class CharacterSource(SourcePlace):
    """The rows that each model of a character device takes over by naming this one as its parent."""

    mode: Literal["connect", "bind"] | None = xml(
        "source/@mode", types=("unix", "tcp"), left_open=(),
        doc=MODE_DOC,
    )  # fmt: skip
