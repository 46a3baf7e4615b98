"""The one record that kvmctl keeps on a host: in the description of a libvirt secret that has no value."""

from __future__ import annotations

from typing import Final
from xml.etree import ElementTree as ET

from kvmctl.errors import HypervisorError
from kvmctl.hypervisor.connection import Connection
from kvmctl.hypervisor.failures import Code
from kvmctl.hypervisor.library import libvirt
from kvmctl.xmlio import parse

RECORD: Final = "kvmctl.record"
"""The usage name of the secret; libvirt lets one secret of a type have it."""


class Secrets(Connection):
    """The calls about kvmctl's record. A description can be read over a read-only connection, unlike a value."""

    def read_record(self) -> str:
        """Return the record's text, or '' where this host has none."""
        found = self._record()
        return "" if found is None else found.findtext("description", "")

    def write_record(self, text: str) -> None:
        """Replace the record; '' removes it."""
        found = self._record()
        if not text:
            self._remove(found)
            return
        secret = ET.Element("secret", {"ephemeral": "no", "private": "yes"})
        if found is not None:
            ET.SubElement(secret, "uuid").text = found.findtext("uuid")
        ET.SubElement(secret, "description").text = text
        usage = ET.SubElement(secret, "usage", {"type": "tls"})
        ET.SubElement(usage, "name").text = RECORD
        xml = ET.tostring(secret, encoding="unicode")
        self._ask("write kvmctl's record", self.raw.secretDefineXML, xml, libvirt.VIR_SECRET_DEFINE_VALIDATE)

    def _remove(self, found: ET.Element | None) -> None:
        if found is not None:
            doing = "remove kvmctl's record"
            self._ask(doing, self._ask(doing, self.raw.secretLookupByUUIDString, found.findtext("uuid")).undefine)

    def _record(self) -> ET.Element | None:
        doing = "read kvmctl's record"
        try:
            secret = self._ask(doing, self.raw.secretLookupByUsage, libvirt.VIR_SECRET_USAGE_TYPE_TLS, RECORD)
            return parse(self._ask(doing, secret.XMLDesc))
        except HypervisorError as error:
            if error.code in (Code.NO_SECRET, Code.NO_SUPPORT):
                return None
            raise
