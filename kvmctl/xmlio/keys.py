"""What tells elements of the same name apart: the places whose values make up an element's key.

Each alternative is a tuple of places; the first one for which an element says all values is its key. Elements that
aren't in the table, and those that say none of the values, are told by their place among their like (libvirt's
documentation: docs/formatdomain and its siblings).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kvmctl.xmlio.places import descend, split

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from xml.etree.ElementTree import Element

Key = tuple[str, ...]
Alternatives = tuple[Key, ...]

_PCI_SOURCE: Final = tuple(f"source/address/@{name}" for name in ("domain", "bus", "slot", "function"))

KEYS: Final[Mapping[str, Alternatives]] = {
    # domain
    "os/boot": (("@dev",),),
    "firmware/feature": (("@name",),),
    "domain/sysinfo": (("@type",),),
    "bios/entry": (("@name",),),
    "system/entry": (("@name",),),
    "baseBoard/entry": (("@name",),),
    "chassis/entry": (("@name",),),
    "sysinfo/entry": (("@name",),),
    "cpu/feature": (("@name",),),
    "numa/cell": (("@id",),),
    "distances/sibling": (("@id",),),
    "numa/cache": (("@level",),),
    "interconnects/latency": (("@initiator", "@target", "@type"),),
    "interconnects/bandwidth": (("@initiator", "@target", "@type"),),
    "cell/cache": (("@level",),),
    "hugepages/page": (("@size", "@unit", "@nodeset"), ("@size", "@unit")),
    "numatune/memnode": (("@cellid",),),
    "blkiotune/device": (("path",),),
    "iothreadids/iothread": (("@id",),),
    "vcpus/vcpu": (("@id",),),
    "cputune/vcpupin": (("@vcpu",),),
    "cputune/iothreadpin": (("@iothread",),),
    "cputune/vcpusched": (("@vcpus",),),
    "cputune/iothreadsched": (("@iothreads",),),
    "cputune/cachetune": (("@vcpus",),),
    "cputune/memorytune": (("@vcpus",),),
    "cachetune/cache": (("@id", "@level", "@type"),),
    "cachetune/monitor": (("@level", "@vcpus"),),
    "memorytune/node": (("@id",),),
    "memorytune/monitor": (("@vcpus",),),
    "clock/timer": (("@name",),),
    "perf/event": (("@name",),),
    "domain/seclabel": (("@model",), ("@type",)),
    "source/seclabel": (("@model",),),
    "capabilities/feature": (("@name",),),
    "commandline/env": (("@name",),),
    "idmap/uid": (("@start",),),
    "idmap/gid": (("@start",),),
    # devices
    "devices/disk": (("target/@dev",),),
    "devices/controller": (("@type", "@index"),),
    "devices/interface": (("mac/@address",), ("alias/@name",)),
    "devices/filesystem": (("target/@dir",),),
    "devices/hostdev": (
        ("source/address/@uuid",),
        ("@type", *_PCI_SOURCE),
        ("@type", "source/address/@bus", "source/address/@device"),
        ("@type", "source/vendor/@id", "source/product/@id"),
        ("@type", "source/@wwpn"),
        ("@type", "source/adapter/@name"),
    ),
    "devices/lease": (("lockspace", "key"),),
    "devices/graphics": (("@type",),),
    "devices/channel": (("target/@name",),),
    "devices/shmem": (("@name",),),
    "devices/audio": (("@id",),),
    "devices/panic": (("@model",),),
    "source/host": (("@name", "@port"), ("@name",), ("@socket",)),
    "source/cookie": (("@name",),),
    "cookies/cookie": (("@name",),),
    "slices/slice": (("@type",),),
    "graphics/channel": (("@name",),),
    "filterref/parameter": (("@name",),),
    "interface/ip": (("@address",),),
    "interface/route": (("@family", "@address"),),
    "source/ip": (("@address",),),
    "source/route": (("@family", "@address"),),
    "vlan/tag": (("@id",),),
    "sound/codec": (("@type",),),
    # network
    "forward/interface": (("@dev",),),
    "nat/address": (("@start",),),
    "network/portgroup": (("@name",),),
    "network/route": (("@family", "@address", "@prefix"), ("@address",)),
    "network/ip": (("@address",),),
    "dhcp/range": (("@start",),),
    "dhcp/host": (("@mac",), ("@id",), ("@name",), ("@ip",)),
    "dns/forwarder": (("@addr", "@domain"), ("@addr",), ("@domain",)),
    "dns/txt": (("@name",),),
    "dns/srv": (("@service", "@protocol", "@target"), ("@service", "@protocol")),
    "dns/host": (("@ip",),),
    # storage
    "source/device": (("@path",),),
    "device/freeExtent": (("@start",),),
    "mount_opts/option": (("@name",),),
    "config_opts/option": (("@name",),),
    # nwfilter
}  # fmt: skip
"""By `parent/element`, without namespaces."""


def local(tag: str) -> str:
    """Return an element's name without its namespace."""
    return tag.rpartition("}")[2]


def pairs(parent: Element, wishes: Sequence[Element]) -> list[tuple[Element, Element | None]]:
    """Return each wish with the child of the parent that it means, or None where there is none.

    A wish that says its key means the child with the same one; others mean the child at the same place among their
    like.
    """
    free: dict[str, list[Element | None]] = {}
    for each in parent:
        free.setdefault(each.tag, []).append(each)
    counts: dict[str, int] = {}
    found = []
    for wish in wishes:
        alike = free.get(wish.tag, [])
        at = _find(wish, alike, keys_of(parent, wish), counts)
        found.append((wish, None if at is None else alike[at]))
        if at is not None:
            alike[at] = None
    return found


def keys_of(parent: Element, element: Element) -> Alternatives:
    """Return the alternatives by which an element is found among its like; none where its place tells."""
    return KEYS.get(f"{local(parent.tag)}/{local(element.tag)}", ())


def _find(wish: Element, alike: Sequence[Element | None], keys: Alternatives, counts: dict[str, int]) -> int | None:
    """Return the position of the element that a wish means."""
    place = counts.get(wish.tag, 0)
    counts[wish.tag] = place + 1
    for key in keys:
        told = values(wish, key)
        if told is not None:
            hits = [at for at, each in enumerate(alike) if each is not None and values(each, key) == told]
            return hits[0] if hits else None
    return place if place < len(alike) and alike[place] is not None else None


def values(element: Element, key: Key) -> tuple[str, ...] | None:
    """Return the values of a key, or None where the element doesn't say them all."""
    found = tuple(_value(element, place) for place in key)
    return None if None in found else tuple(str(value) for value in found)


def _value(element: Element, place: str) -> str | None:
    path, attribute = split(place)
    found = descend(element, path)
    if found is None:
        return None
    return found.get(attribute) if attribute else (found.text or "").strip() or None
