"""The files of a seed, put together from a machine's fields; secrets stay references until they are written."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from kvmctl import manifest
from kvmctl.document import Mismatch, decode, encode
from kvmctl.errors import ManifestError
from kvmctl.fields import Model, known, rows, stated
from kvmctl.layering import folder_of
from kvmctl.manifest.writing import dump
from kvmctl.models.secret import SecretValue
from kvmctl.seeding import CLOUD_INIT, IGNITION

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from kvmctl.inventory import Resource
    from kvmctl.models.first_boot import CloudInit, CloudUser, Ignition
    from kvmctl.models.vm import VirtualMachine

Path = tuple[str | int, ...]
Fetch = Callable[[SecretValue, Path], str]
"""A function from a reference, and its path in the document, to the secret."""

CLOUD_CONFIG: Final = "#cloud-config\n"
_SOURCES: Final = {"env", "file", "command"}
_FILES: Final = {name: name.replace("_", "-") for name in ("user_data", "meta_data", "network_config", "vendor_data")}
_INSTANCE: Final = "instance-id"
_INSTANCE_DIGITS: Final = 8


class Part(NamedTuple):
    """One file of a seed: its text, or a mapping that is written below `head`; `path` leads to it in the document."""

    body: Any
    path: Path
    head: str = ""
    json: bool = False


Parts = dict[str, Part]


def parts_of(resource: Resource, field: str) -> Parts:
    """Return the files of a machine's seed by their names; ManifestError where a file can't be read."""
    spec = cast("VirtualMachine", resource.spec)
    if field == IGNITION:
        ignition = cast("Ignition", spec.ignition)
        path = ("spec", IGNITION, "config")
        return {"config": Part(_read(resource, ignition.config, path), path, json=True)}
    return _cloud_init(resource, cast("CloudInit", spec.cloud_init))


def _cloud_init(resource: Resource, spec: CloudInit) -> Parts:
    found: Parts = {}
    for attribute, name in _FILES.items():
        path = ("spec", _yaml(resource.spec, CLOUD_INIT), _yaml(spec, attribute))
        body = known(getattr(spec, attribute))
        head = CLOUD_CONFIG if attribute in ("user_data", "vendor_data") else ""
        if body is not None:
            found[name] = Part(_read(resource, body, path), path, head)
        elif attribute in ("user_data", "meta_data"):
            found[name] = Part({}, path, head)
    user = found["user-data"]
    if isinstance(user.body, dict):
        found["user-data"] = user._replace(body={**_shortcuts(spec), **user.body})
    return _with_identity(resource, spec, found)


def _with_identity(resource: Resource, spec: CloudInit, found: Parts) -> Parts:
    """Return the files with the meta-data complete: the name of the host, and by what cloud-init knows the instance."""
    meta = found["meta-data"]
    if not isinstance(meta.body, dict):
        return found
    instance = resource.address.name
    if known(spec.on_change) == "recreate":
        told = json.dumps(sorted(texts(found).items()), ensure_ascii=False)
        instance += "-" + hashlib.sha256(told.encode()).hexdigest()[:_INSTANCE_DIGITS]
    host = {"local-hostname": spec.hostname} if known(spec.hostname) else {}
    return found | {"meta-data": meta._replace(body={_INSTANCE: instance, **host, **meta.body})}


def _yaml(model: Model, name: str) -> str:
    return next(row.yaml for row in rows(type(model)).values() if row.name == name)


def _shortcuts(spec: CloudInit) -> dict[str, Any]:
    """Return what the typed fields come to in a cloud-config."""
    found: dict[str, Any] = {}
    if known(spec.users) is not None:
        found["users"] = ["default", *map(_user, spec.users or ())]
    if known(spec.ssh_keys) is not None:
        found["ssh_authorized_keys"] = list(spec.ssh_keys or ())
    for name in ("packages", "runcmd"):
        if known(getattr(spec, name)) is not None:
            found[name] = list(getattr(spec, name))
    return found


def _user(user: CloudUser) -> dict[str, Any]:
    given = {name: value for name, value in stated(user).items() if value is not None}
    found: dict[str, Any] = {name: given[name] for name in ("name", "gecos", "sudo", "shell") if name in given}
    if "groups" in given:
        found["groups"] = list(given["groups"])
    if "ssh_keys" in given:
        found["ssh_authorized_keys"] = list(given["ssh_keys"])
    if "password_hash" in given:
        found |= {"lock_passwd": False, "hashed_passwd": encode(given["password_hash"])}
    return found


def _read(resource: Resource, body: Any, path: Path) -> Any:
    """Return the text of the file that a body names, or the body."""
    if not (isinstance(body, dict) and body.keys() == {"file"} and isinstance(body["file"], str)):
        return body
    file = folder_of(resource, path) / body["file"]
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        problem = manifest.problem_at(resource, (*path, "file"), f"{file}: {reason}", "check the path and its rights")
        raise ManifestError((problem,)) from error


def is_file(body: Any) -> bool:
    """Say whether a field names a file that holds its text."""
    return isinstance(body, dict) and body.keys() == {"file"}


def references(parts: Parts) -> Iterator[tuple[Path, SecretValue]]:
    """Yield the references to secrets in the mappings of a seed, each with its path in the document."""
    for part in parts.values():
        if isinstance(part.body, dict):
            yield from _references(part.body, part.path)


def _references(value: Any, path: Path) -> Iterator[tuple[Path, SecretValue]]:
    reference = _reference(value)
    if reference is not None:
        yield path, reference
    elif isinstance(value, dict):
        for name, each in value.items():
            yield from _references(each, (*path, name))
    elif isinstance(value, list):
        for at, each in enumerate(value):
            yield from _references(each, (*path, at))


def _reference(value: Any) -> SecretValue | None:
    """Return the reference that a mapping is: one of env, file and command, with its encoding or without."""
    if not isinstance(value, dict) or len(value.keys() & _SOURCES) != 1 or value.keys() - {*_SOURCES, "encoding"}:
        return None
    try:
        return decode(SecretValue, value)
    except Mismatch:
        return None


def texts(parts: Parts, fetch: Fetch | None = None) -> dict[str, str]:
    """Return the text of each file, with references to secrets, or with what `fetch` gives for them."""
    return {name: _text(part, fetch) for name, part in parts.items()}


def _text(part: Part, fetch: Fetch | None) -> str:
    if not isinstance(part.body, dict):
        return str(part.body)
    body = _with_secrets(part.body, part.path, fetch) if fetch else part.body
    if part.json:
        return json.dumps(body, ensure_ascii=False, indent=2) + "\n"
    return part.head + (dump([body]) if body else "{}\n")


def _with_secrets(value: Any, path: Path, fetch: Fetch) -> Any:
    reference = _reference(value)
    if reference is not None:
        return fetch(reference, path)
    if isinstance(value, dict):
        return {name: _with_secrets(each, (*path, name), fetch) for name, each in value.items()}
    if isinstance(value, list):
        return [_with_secrets(each, (*path, at), fetch) for at, each in enumerate(value)]
    return value


def without_secrets(parts: Parts) -> Mapping[str, Any]:
    """Return the mappings of a seed with a word in the place of each secret, as a schema may judge them."""
    return {
        name: _with_secrets(part.body, part.path, lambda _reference, _path: "secret") for name, part in parts.items()
    }
