"""What a person sees: graphics and video cards (libvirt: docs/formatdomain, "Graphical framebuffers", "Video devices")."""

from __future__ import annotations

from typing import Literal

from kvmctl.codec import ON_OFF, Integer, Listen, Text
from kvmctl.fields import Model, model, policy, xml
from kvmctl.live import LiveCall, When
from kvmctl.models.device import Device
from kvmctl.models.secret import SecretValue
from kvmctl.models.virtio import VirtioOptions

_PATH = Text(r"/.+", "an absolute path on the host, starting with /")
_PORT = Integer(-1, 65535)
_VNC, _SPICE, _RDP = ("vnc",), ("spice",), ("rdp",)
_WINDOW = ("sdl", "desktop")


@model(keys=(("name",),))
class GraphicsChannel(Model):
    """One of the connections that a SPICE viewer opens."""

    name: (
        Literal["main", "display", "inputs", "cursor", "playback", "record", "smartcard", "usbredir"] | None
    ) = xml("@name", required=True, doc="Which of the connections.")  # fmt: skip
    mode: Literal["any", "secure", "insecure"] | None = xml(
        "@mode", absent="any", doc="Whether it has to be encrypted, must not be, or either."
    )


@model(keys=(("type",),))
class Graphics(Model):
    """A graphical console."""

    type: Literal["vnc", "spice", "sdl", "rdp", "desktop", "egl-headless", "dbus"] | None = xml(
        "@type", required=True, doc="Protocol that viewers speak."
    )
    port: int | None = xml("@port", codec=_PORT, left_open=(-1,), doc="TCP port; -1 with autoport.")
    tls_port: int | None = xml(
        "@tlsPort", codec=_PORT, left_open=(-1,), types=_SPICE, doc="TCP port of encrypted connections; -1 with autoport (spice)."
    )  # fmt: skip
    autoport: bool | None = xml("@autoport", doc="Whether libvirt picks free ports at each start.")
    websocket: int | None = xml(
        "@websocket", codec=_PORT, left_open=(-1,), types=_VNC, doc="TCP port for browsers; -1 for one that libvirt picks (vnc)."
    )  # fmt: skip
    listen: str | None = xml(
        ".", codec=Listen(), left_open=("address", "socket"),
        doc="Where on the host viewers are waited for: an address, network:NAME, socket:PATH, socket (libvirt picks a path), none (no socket at all), or address, which stands for the one of libvirt's configuration, 127.0.0.1 unless it was changed.",
    )  # fmt: skip
    keymap: str | None = xml(
        "@keymap", codec=Text(r"[A-Za-z0-9_-]+", "a keyboard layout such as en-us or de"), doc="Keyboard layout."
    )
    password: SecretValue | None = policy(
        types=(*_VNC, *_SPICE), live=LiveCall.UPDATE, when=(When.ANOTHER,),
        doc="Where the password comes from that viewers are asked for: of 8 bytes at most with vnc. New graphics get it, and existing ones where libvirt says that they have none, or another one; that only apply finds out (vnc, spice).",
    )  # fmt: skip
    passwd_valid_to: str | None = xml(
        "@passwdValidTo", live=LiveCall.UPDATE, when=(When.GUARDED,), codec=Text(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", "a time in UTC such as 2030-01-31T15:51:00"),
        doc="Until when the password is good, in UTC; kept only where there is a password.",
    )  # fmt: skip
    connected: Literal["fail", "disconnect", "keep"] | None = xml(
        "@connected", live=LiveCall.UPDATE, when=(When.GUARDED,),
        doc="What becomes of viewers when the password changes; kept only where there is a password.",
    )  # fmt: skip
    default_mode: Literal["any", "secure", "insecure"] | None = xml(
        "@defaultMode", unsaid="any", types=_SPICE, doc="Whether connections have to be encrypted, where `channels` says nothing (spice)."
    )  # fmt: skip
    channels: tuple[GraphicsChannel, ...] | None = xml(
        "channel",
        types=_SPICE,
        doc="Connections with a rule of their own about encryption (spice); complete when given.",
    )
    share_policy: Literal["allow-exclusive", "force-shared", "ignore"] | None = xml(
        "@sharePolicy", types=_VNC, doc="Whether a viewer may keep others out (vnc)."
    )
    power_control: bool | None = xml(
        "@powerControl", types=_VNC, since="7.1.0", doc="Whether viewers may shut down and reset the guest (vnc)."
    )
    replace_user: bool | None = xml(
        "@replaceUser", types=_RDP, doc="Whether a new viewer takes the place of the one that is connected (rdp)."
    )
    multi_user: bool | None = xml("@multiUser", types=_RDP, doc="Whether several viewers may connect (rdp).")
    display: str | None = xml("@display", types=_WINDOW, doc="X display of the window, such as :0.0 (sdl, desktop).")
    xauth: str | None = xml(
        "@xauth", types=("sdl",), doc="Path on the host of the file that opens the X display (sdl)."
    )
    fullscreen: bool | None = xml(
        "@fullscreen", types=_WINDOW, doc="Whether the window fills the screen (sdl, desktop)."
    )
    p2p: bool | None = xml("@p2p", types=("dbus",), since="8.4.0", doc="Whether viewers connect without a bus (dbus).")
    address: str | None = xml(
        "@address", types=("dbus",), left_open=(), since="8.4.0", doc="Address of the bus; libvirt starts one when omitted (dbus)."
    )  # fmt: skip
    audio: int | None = xml(
        "audio/@id", codec=Integer(1), since="7.2.0", doc="Number of the one of `audios` that viewers hear (vnc, dbus)."
    )
    gl: bool | None = xml(
        "gl/@enable", since="1.3.3", doc="Whether the guest's 3D graphics are drawn by the host's GPU."
    )
    rendernode: str | None = xml(
        "gl/@rendernode", codec=_PATH, left_open=(), since="3.1.0", doc="Path on the host of the GPU's device; the first one when omitted."
    )  # fmt: skip
    image_compression: Literal["auto_glz", "auto_lz", "quic", "glz", "lz", "off"] | None = xml(
        "image/@compression", types=_SPICE, doc="How pictures are compressed (spice)."
    )
    jpeg_compression: Literal["auto", "never", "always"] | None = xml(
        "jpeg/@compression", types=_SPICE, doc="Whether pictures are sent as JPEG over slow connections (spice)."
    )
    zlib_compression: Literal["auto", "never", "always"] | None = xml(
        "zlib/@compression", types=_SPICE, doc="Whether pictures are packed further over slow connections (spice)."
    )
    playback_compression: bool | None = xml(
        "playback/@compression", codec=ON_OFF, types=_SPICE, doc="Whether sound is compressed (spice)."
    )
    streaming: Literal["filter", "all", "off"] | None = xml(
        "streaming/@mode", types=_SPICE, doc="Which changing parts of the screen are sent as video (spice)."
    )
    mouse: Literal["server", "client"] | None = xml(
        "mouse/@mode", types=_SPICE, doc="Whose pointer counts: the guest's (server) or the viewer's (client) (spice)."
    )
    clipboard: bool | None = xml(
        "clipboard/@copypaste", types=_SPICE, doc="Whether guest and viewer share a clipboard (spice)."
    )
    filetransfer: bool | None = xml(
        "filetransfer/@enable", types=_SPICE, doc="Whether files can be dropped into the guest (spice)."
    )


@model()
class VideoResolution(Model):
    """Size of the screen in pixels."""

    x: int | None = xml("@x", codec=Integer(0, 2**32 - 1), required=True, doc="Width in pixels.")
    y: int | None = xml("@y", codec=Integer(0, 2**32 - 1), required=True, doc="Height in pixels.")


_MEMORY = Integer(0, 2**32 - 1)


@model()
class Video(VirtioOptions, Device):
    """A video card; the first one is the primary."""

    model: str | None = xml(
        "model/@type",
        codec=Text(r"[a-z0-9-]+", "a model such as virtio, qxl or vga"),
        required=True,
        doc="Card that the guest sees: virtio, qxl, vga, cirrus, bochs, ramfb, none and others.",
    )
    vram: int | None = xml("model/@vram", codec=_MEMORY, doc="Video memory in KiB.")
    ram: int | None = xml("model/@ram", codec=_MEMORY, doc="Size of the first memory region in KiB (qxl).")
    vram64: int | None = xml(
        "model/@vram64", codec=_MEMORY, since="1.3.3", doc="Size of the second memory region in KiB where it is reached with 64 bits (qxl)."
    )  # fmt: skip
    vgamem: int | None = xml(
        "model/@vgamem", codec=_MEMORY, since="1.2.11", doc="Size of the framebuffer of the VGA mode in KiB (qxl)."
    )
    heads: int | None = xml("model/@heads", codec=Integer(1, 64), default=1, doc="Number of screens.")
    primary: bool | None = xml(
        "model/@primary", default=True, doc="Whether this is the card that the firmware shows; the first one is when none says so."
    )  # fmt: skip
    accel2d: bool | None = xml("model/acceleration/@accel2d", doc="Whether 2D graphics are drawn by the host (vbox).")
    accel3d: bool | None = xml(
        "model/acceleration/@accel3d", since="1.3.0", doc="Whether 3D graphics are drawn by the host."
    )
    rendernode: str | None = xml(
        "model/acceleration/@rendernode", codec=_PATH, left_open=(), since="5.8.0",
        doc="Path on the host of the GPU's device that draws (driver vhostuser).",
    )  # fmt: skip
    # libvirt's schema wants the resolution behind the acceleration.
    resolution: VideoResolution | None = xml(
        "model/resolution", since="5.9.0", doc="Size of the screen that the guest is told first."
    )
    driver: Literal["qemu", "vhostuser"] | None = xml(
        "driver/@name", since="5.8.0", doc="Whether the emulator draws, or a process of its own (vhostuser)."
    )
    vgaconf: Literal["io", "on", "off"] | None = xml(
        "driver/@vgaconf", since="3.5.0", doc="Which part of VGA's interface the guest gets (bhyve)."
    )
