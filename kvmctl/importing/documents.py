"""One live object as a manifest document, proved to load and to rebuild the object."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from kvmctl import manifest, xmlio
from kvmctl.document import encode
from kvmctl.errors import ManifestError
from kvmctl.fields import Model, rows
from kvmctl.importing.faithful import faithful
from kvmctl.importing.minimal import spare, told
from kvmctl.importing.naming import named
from kvmctl.inventory import meant, must_exist, references
from kvmctl.manifest.documents import API_VERSION
from kvmctl.manifest.writing import dump
from kvmctl.models import BY_SHORT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from xml.etree.ElementTree import Element

    from kvmctl.inventory import Address, Inventory, Live, Reference, Resource
    from kvmctl.usage import Disks


_OF_PASSWORD: Final = ("passwdValidTo", "connected")


class Imported(NamedTuple):
    """The manifest of an object: its text, with what the user has to know of it as comments above."""

    address: Address
    text: str


def manifest_of(resource: Resource, have: Inventory, disks: Disks) -> Imported:
    """Return the manifest of a live object; `disks` are the Disks that will be manifests too.

    Raises ManifestError where no manifest of it can be loaded again, which would be a mistake of kvmctl's.
    """
    dangling = {
        reference for reference in references(resource.spec)
        if meant(reference.target, have) not in have and must_exist(resource, reference)
    }  # fmt: skip
    text = _loadable(resource, disks, {_attribute(resource.spec, str(reference.path[1])) for reference in dangling})
    return Imported(resource.address, "".join(f"# {note}\n" for note in _notes(resource, dangling)) + text)


def _attribute(spec: Model, name: str) -> str:
    return rows(type(spec))[name].name


def _loadable(resource: Resource, disks: Disks, without: set[str]) -> str:
    """Return the manifest of an object, with what the rules refuse in fields told by the partial document.

    `without` are those that have to be told there anyway, because they refer to what doesn't exist.
    """
    while True:
        spec = _spec(resource, without)
        text = dump([_document(resource, named(spare(spec), disks))])
        try:
            manifest.load(["-"], text)
        except ManifestError as error:
            blamed = _blamed(error, type(spec)) - without
            if not blamed:
                raise
            without |= blamed
        else:
            return text


def _spec(resource: Resource, without: set[str]) -> Model:
    if resource.address.kind == "disk":
        return told(resource.spec)
    root = xmlio.parse(cast("Live", resource.live).xml)
    for graphics in _with_password(root):
        for name in _OF_PASSWORD:
            graphics.attrib.pop(name, None)
    return faithful(resource.spec, root, without)


def _with_password(root: Element) -> list[Element]:
    """Return the graphics with a password: it isn't told, and what libvirt says of it has no meaning without it."""
    return [each for each in root.iterfind("devices/graphics") if each.get(_OF_PASSWORD[0]) is not None]


def _blamed(error: ManifestError, model: type[Model]) -> set[str]:
    """Return the attributes that the problems blame, by the first step below spec."""
    found = set()
    for problem in error.problems:
        name = problem.field.removeprefix("spec.").partition(".")[0].partition("[")[0]
        row = rows(model).get(name)
        if row is not None and not row.required and name != "xml":
            found.add(row.name)
    return found


def _document(resource: Resource, spec: Model) -> dict[str, Any]:
    address = resource.address
    return {
        "apiVersion": API_VERSION,
        "kind": BY_SHORT[address.kind].name,
        "metadata": {"name": address.name},
        "spec": encode(spec),
    }


def _notes(resource: Resource, dangling: Iterable[Reference]) -> Iterator[str]:
    """Yield what the user has to know of an object beyond its fields."""
    for target in sorted({reference.target for reference in dangling}):
        yield f"It refers to {target}, which does not exist: what does is in spec.xml, where names are not checked."
    live = cast("Live", resource.live)
    if resource.address.kind == "secret":
        yield "Its value is not imported. To have it set where it is missing, write value: {env: NAME}, {file: PATH}"
        yield "or {command: [WORD, …]} in the spec."
    for graphics in _with_password(xmlio.parse(live.xml)):
        kind = graphics.get("type")
        yield f"Its {kind} graphics have a password, which is not imported: what is there stays as it is. To have it"
        yield "set, write password: {env: NAME}, {file: PATH} or {command: [WORD, …]} there."
    if not live.persistent:
        yield "This object is transient and would vanish when it stops; apply makes it persistent."
