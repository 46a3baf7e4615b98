"""Rules of virtual machines (libvirt: docs/formatdomain)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from kvmctl.codec import format_size
from kvmctl.fields import known
from kvmctl.rules import storage_devices
from kvmctl.rules.finding import Finding, about, items, repeated, stated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kvmctl.models.interface import Interface
    from kvmctl.models.vm import VirtualMachine

_OF_OFFSETS: Final[tuple[tuple[str, Callable[[Any], tuple[str, ...]]], ...]] = (
    ("timezone", lambda _: ("timezone",)),
    ("basis", lambda _: ("variable",)),
    ("adjustment", lambda value: ("utc", "localtime") if value == "reset" else ("variable",)),
    ("start", lambda _: ("absolute",)),
)
"""The fields of the clock, and the offsets that they belong to."""


@about("vcpus")
def vcpus(spec: VirtualMachine) -> Iterator[Finding]:
    """Refuse more current CPUs than possible ones."""
    held = known(spec.vcpus)
    now, most = (known(held.current), known(held.max)) if held else (None, None)
    if now is not None and most is not None and now > most:
        yield Finding(
            ("spec", "vcpus", "current"),
            f"{now} is more than max, which is {most}",
            f"write at most {most}, or raise max",
        )


@about("memory")
def memory(spec: VirtualMachine) -> Iterator[Finding]:
    """Refuse more current memory than the maximum."""
    held = known(spec.memory)
    now, most = (known(held.current), known(held.max)) if held else (None, None)
    if now is not None and most is not None and now > most:
        limit = format_size(most, exact=True)
        message = f"{format_size(now, exact=True)} is more than max, which is {limit}"
        yield Finding(("spec", "memory", "current"), message, f"write at most {limit}, or raise max")


@about("os")
def boot(spec: VirtualMachine) -> Iterator[Finding]:
    """Refuse arguments without a kernel, Secure Boot without UEFI, a timeout without a menu."""
    held = known(spec.os)
    if held is None:
        return
    for name in stated(held, "initrd", "cmdline"):
        if not stated(held, "kernel"):
            yield Finding(
                ("spec", "os", name), f"{name} has no meaning without kernel", "write kernel: too, or take it away"
            )
    if held.secure_boot and held.firmware != "uefi":
        yield Finding(("spec", "os", "secureBoot"), "Secure Boot needs UEFI", "write firmware: uefi beside it")
    if stated(held, "boot_menu_timeout") and held.boot_menu is not True:
        yield Finding(
            ("spec", "os", "bootMenuTimeout"), "there is no boot menu to wait for", "write bootMenu: true beside it"
        )
    for index, first, value in repeated(enumerate(items(held.boot))):
        yield Finding(
            ("spec", "os", "boot", index), f"{value} is there already, at boot[{first}]", "take one of them away"
        )


@about("disks", "filesystems", "interfaces", "hostdevs", "redirdevs")
def boot_order(spec: VirtualMachine) -> Iterator[Finding]:
    """Refuse a place in the boot order that is taken, and a mixture with `os.boot`."""
    devices = [
        ((name, index), item.boot_order)
        for name, held in _bootable(spec)
        for index, item in enumerate(items(held))
        if known(item.boot_order) is not None
    ]
    if not devices:
        return
    if spec.os and items(spec.os.boot):
        path = ("spec", *devices[0][0], "bootOrder")
        yield Finding(
            path, "bootOrder and os.boot can't be mixed", "state the order in one of them, and take the other away"
        )
    for index, first, value in repeated((index, order) for index, (_, order) in enumerate(devices)):
        name, position = devices[first][0]
        path = ("spec", *devices[index][0], "bootOrder")
        yield Finding(path, f"{value} is taken by {name}[{position}]", "write another number")


def _bootable(spec: VirtualMachine) -> Iterator[tuple[str, Any]]:
    """Yield the lists of devices that may have a place in the boot order."""
    yield from (
        ("disks", spec.disks), ("filesystems", spec.filesystems), ("interfaces", spec.interfaces),
        ("hostdevs", spec.hostdevs), ("redirdevs", spec.redirdevs),
    )  # fmt: skip


@about("clock")
def clock(spec: VirtualMachine) -> Iterator[Finding]:
    """Refuse what belongs to another offset, which libvirt would drop, and an offset without what belongs to it."""
    held = known(spec.clock)
    if held is None:
        return
    offset = known(held.offset, "utc")
    for name, offsets in _OF_OFFSETS:
        value = known(getattr(held, name))
        if value is not None and offset not in offsets(value):
            wanted = " or ".join(offsets(value))
            yield Finding(("spec", "clock", name), f'"{value}" has no effect', f"write offset: {wanted} beside it")
    if known(held.timezone) is None and offset == "timezone":
        yield Finding(
            ("spec", "clock", "offset"), "the time zone is missing", "write timezone: beside it, such as Europe/Paris"
        )
    if known(held.start) is None and offset == "absolute":
        hint = "write start: beside it, in seconds since 1970"
        yield Finding(("spec", "clock", "offset"), "the time to start at is missing", hint)


@about("cpu")
def cpu(spec: VirtualMachine) -> Iterator[Finding]:
    """Refuse a CPU's model with another mode than custom, which is libvirt's own choice, and custom without a model."""
    held = known(spec.cpu)
    if held is None:
        return
    name = known(held.model)
    if name is not None and known(held.mode, "custom") != "custom":
        yield Finding(("spec", "cpu", "model"), f'"{name}" has no effect', "write mode: custom, or take model away")
    if name is None and held.mode == "custom":
        yield Finding(
            ("spec", "cpu", "mode"), "a custom CPU needs a model", "write model: beside it, or mode: host-model"
        )


@about("interfaces")
def interfaces(spec: VirtualMachine) -> Iterator[Finding]:
    """Refuse interfaces that don't say what they are on, or can't be told from each other."""
    held = items(spec.interfaces)
    for name in ("mac", "name"):
        for index, first, value in repeated((index, getattr(nic, name)) for index, nic in enumerate(held)):
            message = f"{value} is the {name} of interfaces[{first}] already"
            yield Finding(("spec", "interfaces", index, name), message, f"write another {name}")
    for index, nic in enumerate(held):
        yield from _connection(("spec", "interfaces", index), nic)
    nameless = [(index, _place(nic)) for index, nic in enumerate(held) if not stated(nic, "mac", "name")]
    for index, first, (kind, value) in repeated(nameless):
        message = f"can't be told from interfaces[{first}]: both are on {kind} {value}"
        yield Finding(("spec", "interfaces", index), message, "give each a name: or a mac:")


def _place(nic: Interface) -> tuple[str, object] | None:
    names = stated(nic, "network", "bridge", "type")
    return (names[0], getattr(nic, names[0])) if names else None


def _connection(path: tuple[str | int, ...], nic: Interface) -> Iterator[Finding]:
    given = stated(nic, "network", "bridge")
    kind = known(nic.type)
    if len(given) > 1:
        yield Finding((*path, "bridge"), "an interface is on a network or on a bridge", "keep one of them")
    elif given and kind not in (None, given[0]):
        message = f'type "{kind}" contradicts {given[0]}: {getattr(nic, given[0])}'
        yield Finding((*path, "type"), message, "take type away; it follows")
    elif not given and kind in ("network", "bridge"):
        yield Finding((*path, "type"), f"the {kind} is missing", f"write {kind}: and its name")
    elif not given and kind is None:
        yield Finding(
            path, "doesn't say what it is connected to", "write network: and a Network's name, or bridge: and a bridge"
        )


RULES = (vcpus, memory, boot, boot_order, clock, cpu, *storage_devices.RULES, interfaces)
