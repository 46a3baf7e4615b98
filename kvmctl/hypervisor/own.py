"""What kvmctl itself keeps on a host, each in the description of a secret: its record, and the lock on the host."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from xml.etree import ElementTree as ET

from kvmctl.errors import HypervisorError
from kvmctl.hypervisor.connection import Connection
from kvmctl.hypervisor.failures import Code
from kvmctl.hypervisor.library import libvirt
from kvmctl.names import LOCK, RECORD
from kvmctl.parsing import parse

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator

_NONE: Final = (Code.NO_SECRET, Code.NO_SUPPORT)


class Kept(NamedTuple):
    """What a secret of kvmctl's own holds, and the secret's UUID."""

    uuid: str
    text: str


class Own(Connection):
    """The calls about kvmctl's own secrets, which none of the calls about secrets shows.

    libvirt lets one secret of a type have a usage name, which makes defining one without a UUID an atomic test-and-set.
    """

    def read_record(self) -> str:
        """Return the record's text, or '' where this host has none."""
        found = self._kept("read kvmctl's record", RECORD)
        return "" if found is None else found.text

    def write_record(self, text: str) -> None:
        """Replace the record; '' removes it."""
        found = self._kept("read kvmctl's record", RECORD)
        if text:
            self._keep("write kvmctl's record", _xml(RECORD, text, found.uuid if found else "", ephemeral="no"))
        elif found is not None:
            self._drop("remove kvmctl's record", found.uuid)

    def read_lock(self) -> Kept | None:
        """Return what the lock on this host says, or None where nobody has it."""
        return self._kept("read the lock on this host", LOCK)

    def define_lock(self, text: str) -> str:
        """Lock this host and return the lock's UUID; Code.INTERNAL_ERROR is how libvirt says that somebody has it.

        An ephemeral secret is kept in memory alone: no lock outlives libvirt's daemon.
        """
        return self._keep("lock this host", _xml(LOCK, text, "", ephemeral="yes"))

    def redefine_lock(self, uuid: str, text: str) -> bool:
        """Let a lock say something else; return whether it is there still."""
        doing = "renew the lock on this host"
        try:
            self._ask(doing, self.raw.secretLookupByUUIDString, uuid)
        except HypervisorError as error:
            if error.code == Code.NO_SECRET:
                return False
            raise
        self._keep(doing, _xml(LOCK, text, uuid, ephemeral="yes"))
        return True

    def remove_lock(self, uuid: str) -> bool:
        """Remove this very lock; return whether it was there still."""
        try:
            self._drop("unlock this host", uuid)
        except HypervisorError as error:
            if error.code == Code.NO_SECRET:
                return False
            raise
        return True

    @contextmanager
    def hearing_of_secrets(self, news: threading.Event) -> Iterator[None]:
        """Raise a flag whenever a secret is defined or removed; without an event loop, or secrets, it never is."""
        if not self.events:
            yield
            return

        def heard(*_details: Any) -> None:
            news.set()

        event = libvirt.VIR_SECRET_EVENT_ID_LIFECYCLE
        try:
            number = self._ask("listen to events", self.raw.secretEventRegisterAny, None, event, heard, None)
        except HypervisorError as error:
            if error.code != Code.NO_SUPPORT:
                raise
            yield
            return
        try:
            yield
        finally:
            self._ask("stop listening to events", self.raw.secretEventDeregisterAny, number)

    def _kept(self, doing: str, name: str) -> Kept | None:
        try:
            secret = self._ask(doing, self.raw.secretLookupByUsage, libvirt.VIR_SECRET_USAGE_TYPE_TLS, name)
            found = parse(self._ask(doing, secret.XMLDesc))
        except HypervisorError as error:
            if error.code in _NONE:
                return None
            raise
        return Kept(found.findtext("uuid", ""), found.findtext("description", ""))

    def _keep(self, doing: str, xml: str) -> str:
        secret = self._ask(doing, self.raw.secretDefineXML, xml, libvirt.VIR_SECRET_DEFINE_VALIDATE)
        uuid: str = secret.UUIDString()
        return uuid

    def _drop(self, doing: str, uuid: str) -> None:
        self._ask(doing, self._ask(doing, self.raw.secretLookupByUUIDString, uuid).undefine)


def _xml(name: str, text: str, uuid: str, *, ephemeral: str) -> str:
    secret = ET.Element("secret", {"ephemeral": ephemeral, "private": "yes"})
    if uuid:
        ET.SubElement(secret, "uuid").text = uuid
    ET.SubElement(secret, "description").text = text
    usage = ET.SubElement(secret, "usage", {"type": "tls"})
    ET.SubElement(usage, "name").text = name
    return ET.tostring(secret, encoding="unicode")
