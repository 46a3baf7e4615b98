"""The values of secrets, fetched from where manifests say; nothing here is ever shown, written or kept."""

from __future__ import annotations

import base64
import binascii
import os
import subprocess
from enum import Enum
from typing import TYPE_CHECKING, Final, NamedTuple, NoReturn, cast

from kvmctl import xmlio
from kvmctl.errors import KvmctlError
from kvmctl.fields import is_set, known
from kvmctl.layering import folder_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path as FilePath

    from kvmctl.hypervisor import Hypervisor
    from kvmctl.inventory import Address, Inventory, Live, Resource
    from kvmctl.models.secret import Secret, SecretValue
    from kvmctl.models.vm import VirtualMachine

Path = tuple[str | int, ...]

_SECONDS: Final = 60
_MOST: Final = 65536  # VIR_SECRET_VALUE_MAX (libvirt 9.0, remote_protocol.x: REMOTE_SECRET_VALUE_MAX)
_MOST_OF_VNC: Final = 8  # libvirt refuses more (9.0), as RFB has no place for them


class Held(Enum):
    """The password that graphics have, against the wanted one."""

    RIGHT = "right"
    NONE = "none"
    ANOTHER = "another"


class Passwords(NamedTuple):
    """By their types the passwords of a machine's graphics: in its definition, and where it runs."""

    defined: Mapping[str, Held]
    running: Mapping[str, Held]


def differing(hypervisor: Hypervisor, want: Mapping[Address, Resource], have: Inventory) -> dict[Address, bool]:
    """Return the existing secrets whose value libvirt lacks (True), or has otherwise than their manifests say (False).

    None over a read-only connection, which is told no values; private secrets never.
    """
    found = {}
    for address, resource in want.items():
        if hypervisor.readonly or address.kind != "secret" or address not in have:
            continue
        if known(cast("Secret", resource.spec).value) is not None:
            live = cast("Live", have[address].live)
            held = hypervisor.secret_value(live.facts["uuid"])
            if held == b"":
                found[address] = True
            elif held is not None and held != value_of(resource):
                found[address] = False
    return found


def differing_passwords(
    hypervisor: Hypervisor, want: Mapping[Address, Resource], have: Inventory
) -> dict[Address, Passwords]:
    """Return how the passwords of existing machines' graphics are; none over a read-only connection."""
    found = {}
    for address, resource in want.items():
        if hypervisor.readonly or address.kind != "vm" or address not in have:
            continue
        if wanted := passwords_of(resource):
            live, name = cast("Live", have[address].live), address.name
            running = hypervisor.domain_xml(name, running=True, secure=True) if live.running_xml else None
            defined = hypervisor.domain_xml(name, secure=True)
            found[address] = Passwords(_held(defined, wanted), _held(running, wanted) if running else {})
    return found


def _held(xml: str, wanted: Mapping[str, str | None]) -> dict[str, Held]:
    """Return how the graphics of a definition are guarded, of those whose password is managed."""
    found = {}
    for element in xmlio.parse(xml).iterfind("devices/graphics"):
        kind, held = element.get("type", ""), element.get("passwd")
        if kind in wanted and held != wanted[kind]:
            found[kind] = Held.NONE if held is None else Held.ANOTHER
        elif kind in wanted:
            found[kind] = Held.RIGHT
    return found


def passwords_of(resource: Resource) -> dict[str, str | None]:
    """Return the wanted passwords of a machine's graphics by their types, None for none; errors as `value_of`."""
    found = {}
    for index, each in enumerate(known(cast("VirtualMachine", resource.spec).graphics) or ()):
        if is_set(each.password):
            path = ("spec", "graphics", index, "password")
            source = each.password
            found[str(each.type)] = (
                _password(resource, str(each.type), fetched(resource, source, path)) if source else None
            )
    return found


def _password(resource: Resource, kind: str, value: bytes) -> str:
    """Return a password as text, such as libvirt's XML can hold."""
    if kind == "vnc" and len(value) > _MOST_OF_VNC:
        _refuse(resource, f"is longer than {_MOST_OF_VNC} bytes, the most that VNC knows", "choose a shorter one")
    try:
        text = value.decode()
    except UnicodeDecodeError:
        text = ""
    if not text.isprintable() or not text:
        _refuse(resource, "is no text of one line", "look at what it is read from, and at its encoding")
    return text


def value_of(resource: Resource) -> bytes:
    """Return the value of a wanted secret; KvmctlError, which doesn't tell what was read, where it can't be had."""
    return fetched(resource, cast("SecretValue", cast("Secret", resource.spec).value), ("spec", "value"))


def fetched(resource: Resource, source: SecretValue, path: Path) -> bytes:
    """Return what a reference leads to; `path` is where it stands in the resource's document. Errors as `value_of`."""
    folder = folder_of(resource, (*path, "file" if known(source.file) else "command"))
    if known(source.env):
        raw = _from_environment(resource, str(source.env))
    elif known(source.file):
        raw = _from_file(resource, folder / str(source.file))
    else:
        raw = _from_command(resource, list(source.command or ()), folder)
    value = _decoded(resource, raw, known(source.encoding) or "text")
    if not value:
        _refuse(resource, "is empty", "libvirt keeps no empty values: look at what it is read from")
    if len(value) > _MOST:
        _refuse(resource, f"is longer than {_MOST} bytes, the most that libvirt keeps", "is it the right file?")
    return value


def _from_environment(resource: Resource, name: str) -> bytes:
    held = os.environb.get(name.encode())
    if held is None:
        _refuse(resource, f"is to come from {name}, which is not in the environment", f"export {name} and try again")
    return held


def _from_file(resource: Resource, path: FilePath) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(2 * _MOST)
    except OSError as error:
        _refuse(resource, f"is to come from {path}: {error.strerror}", "check the path and its rights")


def _from_command(resource: Resource, words: list[str], folder: FilePath) -> bytes:
    """Return what a program prints; what it says on stderr may hold the value, and is dropped."""
    told = f"is to come from {words[0]}, which"
    try:
        done = subprocess.run(  # noqa: S603 - the manifest's own command, without a shell
            words, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, timeout=_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        _refuse(resource, f"{told} gave no answer within {_SECONDS} s", "run it by hand to see what it waits for")
    except OSError as error:
        _refuse(resource, f"{told} can't be run: {error.strerror}", "check the program's name and its rights")
    if done.returncode:
        _refuse(resource, f"{told} failed with exit code {done.returncode}", "run it by hand to see why")
    return done.stdout


def _decoded(resource: Resource, raw: bytes, encoding: str) -> bytes:
    match encoding:
        case "text":
            return raw.removesuffix(b"\n").removesuffix(b"\r") if raw.endswith(b"\n") else raw
        case "base64":
            try:
                return base64.b64decode(b"".join(raw.split()), validate=True)
            except binascii.Error:
                _refuse(resource, "is not base64", "leave encoding out for text, or write encoding: binary")
        case _:
            return raw


def _refuse(resource: Resource, what: str, hint: str) -> NoReturn:
    noun = "its value" if resource.address.kind == "secret" else "a secret that it is given"
    raise KvmctlError(f"{resource.address}: {noun} {what}", hint) from None
