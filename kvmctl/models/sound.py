"""Sound cards and what the host plays them on (libvirt: docs/formatdomain, "Sound devices", "Audio backends")."""

from __future__ import annotations

from typing import Literal

from kvmctl.codec import Integer, Text
from kvmctl.fields import Model, model, xml
from kvmctl.models.device import Device

_NUMBER = Integer(0, 2**32 - 1)
_OSS = ("oss",)


@model()
class Sound(Device):
    """A sound card."""

    model: Literal["sb16", "es1370", "pcspk", "ac97", "ich6", "ich7", "ich9", "usb"] | None = xml(
        "@model", required=True, doc="Card that the guest sees."
    )
    codecs: tuple[Literal["duplex", "micro", "output"], ...] | None = xml(
        "codec/@type", doc="What the card has: line in and out, speaker and microphone, or line out only (ich6, ich9)."
    )
    audio: int | None = xml(
        "audio/@id", codec=Integer(1), since="7.2.0", doc="Number of the one of `audios` that it plays on; the first when omitted."
    )  # fmt: skip


@model()
class AudioStream(Model):
    """One direction of an audio backend."""

    mixing_engine: bool | None = xml("@mixingEngine", doc="Whether the emulator mixes and converts.")
    fixed_settings: bool | None = xml(
        "@fixedSettings", doc="Whether the host's device is opened with the settings here, whatever the guest asks for."
    )
    voices: int | None = xml("@voices", codec=_NUMBER, doc="Number of voices.")
    buffer_length: int | None = xml("@bufferLength", codec=_NUMBER, doc="Length of the buffer in microseconds.")
    frequency: int | None = xml("settings/@frequency", codec=_NUMBER, doc="Frequency in Hz, with `fixedSettings`.")
    channels: int | None = xml("settings/@channels", codec=_NUMBER, doc="Number of channels, with `fixedSettings`.")
    format: Literal["s8", "u8", "s16", "u16", "s32", "u32", "f32"] | None = xml(
        "settings/@format", doc="Format of a sample, with `fixedSettings`."
    )
    dev: str | None = xml("@dev", doc="Device of the host (alsa, oss).")
    buffer_count: int | None = xml("@bufferCount", codec=_NUMBER, doc="Number of buffers (coreaudio, oss, sdl).")
    try_poll: bool | None = xml("@tryPoll", doc="Whether the device is polled (oss).")
    name: str | None = xml("@name", doc="Sink or source of the server (pulseaudio).")
    stream_name: str | None = xml("@streamName", doc="Name of the stream, shown by mixers (pulseaudio).")
    latency: int | None = xml("@latency", codec=_NUMBER, doc="Wanted latency in microseconds (pulseaudio).")
    server_name: str | None = xml("@serverName", doc="Server to connect to (jack).")
    client_name: str | None = xml("@clientName", doc="Name that the server is told (jack).")
    connect_ports: str | None = xml("@connectPorts", doc="Pattern of the ports to connect to (jack).")
    exact_name: bool | None = xml("@exactName", doc="Whether the name may not be changed to be unique (jack).")


@model(keys=(("id",),))
class Audio(Model):
    """What the host plays sound on. libvirt adds one by itself where there is none: silent, or that of SPICE."""

    id: int | None = xml("@id", codec=Integer(1, 2**32 - 1), required=True, doc="Number by which sound cards name it.")
    type: (
        Literal[
            "none",
            "alsa",
            "coreaudio",
            "dbus",
            "file",
            "jack",
            "oss",
            "pulseaudio",
            "sdl",
            "spice",
        ]
        | None
    ) = xml(
        "@type", required=True, doc="Sound system of the host; none is silent, spice and dbus play at the viewer's."
    )
    timer_period: int | None = xml(
        "@timerPeriod", codec=_NUMBER, doc="How often the emulator looks after the sound, in microseconds."
    )
    server_name: str | None = xml("@serverName", types=("pulseaudio",), doc="Server to connect to (pulseaudio).")
    driver: Literal["esd", "alsa", "arts", "pulseaudio"] | None = xml(
        "@driver", types=("sdl",), doc="Sound system that SDL uses (sdl)."
    )
    path: str | None = xml(
        "@path", codec=Text(r".+", "a path on the host"), types=("file",), doc="Path on the host of a WAV file (file)."
    )
    try_m_map: bool | None = xml("@tryMMap", types=_OSS, doc="Whether the device's memory is mapped (oss).")
    exclusive: bool | None = xml("@exclusive", types=_OSS, doc="Whether the device is kept from others (oss).")
    dsp_policy: int | None = xml(
        "@dspPolicy", codec=Integer(-1, 2**31 - 1), types=_OSS, doc="Timing policy of the device; -1 for none (oss)."
    )
    input: AudioStream | None = xml("input", doc="What the guest hears: recording.")
    output: AudioStream | None = xml("output", doc="What the guest plays.")
