"""Whose an object is: the mark that kvmctl leaves on what it creates or adopts, and who it is that works now.

Domains and networks carry the mark in their `<metadata>`; what has no metadata has its mark in the host's record. The
mark is no part of a definition: it is cut out of what is read, so that neither a diff nor an import ever sees it.
"""

from __future__ import annotations

import posixpath
import re
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING, Final, NamedTuple

from kvmctl.document import encode
from kvmctl.names import NAMESPACE, PREFIX

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kvmctl.fields import Model

DEFAULT_PROJECT: Final = "default"
"""The project of those who name none; it is nobody in particular, and a named one may take over what it has."""
PROTECT: Final = "kvmctl/protect"
"""The annotation that forbids to remove an object; the mark remembers it when the manifest is gone."""
_METADATA: Final = "metadata"
_TAG: Final = f"{{{NAMESPACE}}}mark"
_DIGITS: Final = 16
_MOST_BYTES: Final = 1 << 24
"""More than any definition has: what was packed to burst is not unpacked further."""
# libvirt prints what libxml2 does: " around attributes, and < and > within them and in texts escaped. The namespace is
# declared by the mark itself or, once ElementTree has written the document anew, around it.
_BEGINNING: Final = f'<{PREFIX}:mark xmlns:{PREFIX}="{NAMESPACE}"'
_ENDING: Final = "/>"
_OPENED: Final = "\n  <metadata>"
_CLOSED: Final = "\n  </metadata>"
_ATTRIBUTE: Final = re.compile(r' (\w+)="([^"]*)"')
_DECLARED: Final = re.compile(rf'<[^<>]* xmlns:([\w.-]+)="{re.escape(NAMESPACE)}"')
_EMPTY_METADATA: Final = re.compile(r"\n  <metadata>\s*</metadata>|\n  <metadata/>")


class Mark(NamedTuple):
    """Who made or adopted an object, and from what.

    `manifest` is the path of its manifest below the project's folder; `digest` tells what was applied; `commit` is the
    git commit of the manifests, '' outside of git; `protect` is true where the manifest forbids to remove the object.
    `baseline` is the definition that the last apply left, packed. Two marks say the same if only the commit or the
    baseline is another.
    """

    project: str
    manifest: str = ""
    digest: str = ""
    commit: str = ""
    protect: str = ""
    baseline: str = ""

    def says(self, other: Mark | None) -> bool:
        """Say whether another mark says the same, whatever commit it is from."""
        return other is not None and self._replace(commit="", baseline="") == other._replace(commit="", baseline="")

    def attributes(self) -> dict[str, str]:
        """Return what the mark says, by the names that it has in XML and in the record."""
        return {name: value for name, value in self._asdict().items() if value}

    def remembering(self, xml: str) -> Mark:
        """Return the mark with a definition, in libvirt's XML, that drift will be told by; see `remembered`."""
        import base64
        import zlib

        packed = zlib.compress(split(xml)[0].encode(), zlib.Z_BEST_COMPRESSION)
        return self._replace(baseline=base64.b64encode(packed).decode())


def remembered(mark: Mark) -> str:
    """Return the definition that a mark remembers; '' where it remembers none, or somebody made it unreadable."""
    import base64
    import zlib

    try:
        return zlib.decompressobj().decompress(base64.b64decode(mark.baseline), _MOST_BYTES).decode()
    except (ValueError, zlib.error):
        return ""


def mark_of(attributes: dict[str, str]) -> Mark | None:
    """Return the mark that attributes say; None where they name no project, and are none of kvmctl's."""
    said = {name: value for name, value in attributes.items() if name in Mark._fields}
    return Mark(**said) if said.get("project") else None


class Owner(NamedTuple):
    """Who works now: the project, and the git commit of its manifests ('' outside of git).

    `root` is the folder that manifests are named from ('': none), `here` the one that their paths start from. `named`
    is false where nobody said which project it is.
    """

    project: str = DEFAULT_PROJECT
    root: str = ""
    here: str = "/"
    commit: str = ""
    named: bool = False

    def mark(self, spec: Model, file: str, annotations: Mapping[str, str]) -> Mark:
        """Return the mark for an object of this spec, whose manifest is `file`."""
        protect = "true" if protects(annotations) else ""
        return Mark(self.project, self.place(file), digest(spec), self.commit, protect)

    def place(self, file: str) -> str:
        """Return a manifest's path below the project's folder; the whole path where it isn't in there."""
        if file.startswith("<"):
            return file  # no file, but standard input
        path = posixpath.normpath(posixpath.join(self.here, file))
        return posixpath.relpath(path, self.root) if self.root and f"{path}/".startswith(f"{self.root}/") else path

    def may_take(self, mark: Mark | None) -> bool:
        """Say whether an object with this mark is this project's, or nobody's."""
        return mark is None or mark.project in (self.project, DEFAULT_PROJECT)


def protects(annotations: Mapping[str, str]) -> bool:
    """Say whether a manifest's annotations forbid to remove its object."""
    return annotations.get(PROTECT) == "true"


def digest(spec: Model) -> str:
    """Return what tells one spec from another, however it is written: some digits of a checksum."""
    import hashlib
    import json

    text = json.dumps(encode(spec), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]


def split(xml: str) -> tuple[str, Mark | None]:
    """Return libvirt's XML without kvmctl's mark, and the mark."""
    if NAMESPACE not in xml:
        return xml, None
    at = xml.find(_BEGINNING)
    if at < 0 or xml.count(NAMESPACE) > 1:
        return _split_carefully(xml)
    end = xml.index(_ENDING, at)
    before, after = xml[:at].rstrip(" ").removesuffix("\n"), xml[end + len(_ENDING) :]
    if before.endswith(_OPENED) and after.startswith(_CLOSED):
        before, after = before.removesuffix(_OPENED), after.removeprefix(_CLOSED)
    return before + after, _read(xml[at + len(_BEGINNING) : end])


def _split_carefully(xml: str) -> tuple[str, Mark | None]:
    """Do the same where the namespace is declared elsewhere, or also elsewhere, or is only spoken of."""
    declared = _DECLARED.search(xml)
    prefix = re.escape(declared[1] if declared else PREFIX)
    found = re.search(rf"(?:\n *)?<{prefix}:mark\b([^<>]*)/>", xml)
    if declared is None or found is None:
        return xml, None
    rest = xml[: found.start()] + xml[found.end() :]
    rest = re.sub(rf'(<[^<>]*) xmlns:{prefix}="{re.escape(NAMESPACE)}"', r"\1", rest, count=1)
    return _EMPTY_METADATA.sub("", rest, count=1), _read(found[1])


def _read(attributes: str) -> Mark | None:
    plain = dict(_ATTRIBUTE.findall(attributes)) if "&" not in attributes else None
    return mark_of(ET.fromstring(f"<mark{attributes}/>").attrib if plain is None else plain)


def put(root: ET.Element, mark: Mark) -> None:
    """Write the mark into a domain's or a network's document, in place of the one that is there."""
    metadata = root.find(_METADATA)
    if metadata is None:
        metadata = ET.SubElement(root, _METADATA)
    for former in metadata.findall(_TAG):
        metadata.remove(former)
    ET.SubElement(metadata, _TAG, mark.attributes())


def declare(root: ET.Element) -> None:
    """Let the mark in a document declare its namespace itself, as where libvirt's own call sets it.

    ElementTree would declare it at the root and libvirt keep that somewhere between, where it takes longer to find.
    """
    for mark in root.iterfind(f"{_METADATA}/{_TAG}"):
        mark.tag = f"{PREFIX}:mark"
        mark.attrib = {f"xmlns:{PREFIX}": NAMESPACE, **mark.attrib}


def element(mark: Mark) -> str:
    """Return the mark as libvirt's metadata calls take it, which add the namespace by themselves."""
    return ET.tostring(ET.Element("mark", mark.attributes()), encoding="unicode")
