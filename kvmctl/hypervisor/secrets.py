"""Secrets: listed, read, defined and given a value."""

from __future__ import annotations

from typing import Any, Final

from kvmctl.errors import HypervisorError
from kvmctl.hypervisor.connection import Connection, Job
from kvmctl.hypervisor.entries import SecretEntry
from kvmctl.hypervisor.failures import Code
from kvmctl.hypervisor.library import libvirt
from kvmctl.names import OWN

_TYPES: Final = {
    libvirt.VIR_SECRET_USAGE_TYPE_NONE: "",
    libvirt.VIR_SECRET_USAGE_TYPE_VOLUME: "volume",
    libvirt.VIR_SECRET_USAGE_TYPE_CEPH: "ceph",
    libvirt.VIR_SECRET_USAGE_TYPE_ISCSI: "iscsi",
    libvirt.VIR_SECRET_USAGE_TYPE_TLS: "tls",
    libvirt.VIR_SECRET_USAGE_TYPE_VTPM: "vtpm",
}
_UNSEEN: Final = (Code.OPERATION_DENIED, Code.ACCESS_DENIED, Code.INVALID_SECRET)


class Secrets(Connection):
    """The calls about secrets; a read-only connection is never told a value.

    What kvmctl itself keeps in secrets is none of them: `own` has the calls for that.
    """

    def secrets(self) -> list[SecretEntry]:
        """Return all secrets but kvmctl's own, by UUID, in one call; none where the driver knows no secrets."""
        found = [
            SecretEntry(secret.UUIDString(), _TYPES.get(secret.usageType(), ""), secret.usageID() or "", secret)
            for secret in self._listed()
        ]
        return sorted((each for each in found if not _is_own(each)), key=lambda each: each.uuid)

    def _listed(self) -> list[Any]:
        try:
            return list(self._ask("list the secrets", self.raw.listAllSecrets, 0))
        except HypervisorError as error:
            if error.code == Code.NO_SUPPORT:
                return []
            raise

    def secret_xml(self, uuid: str) -> str:
        """Return a secret's definition, which doesn't hold its value."""
        xml: str = self._ask(f"read secret/{uuid}", self._secret(uuid).XMLDesc)
        return xml

    def secret_xml_job(self, secret: SecretEntry) -> Job:
        """Return the question behind `secret_xml`, for asking many side by side."""
        return Job(f"read secret/{secret.usage_id or secret.uuid}", secret.handle.XMLDesc, (0,))

    def define_secret(self, xml: str, *, validate: bool = True) -> str:
        """Define a secret, or change the definition of the one with that UUID; return its UUID."""
        doing = "define a secret"
        flags = libvirt.VIR_SECRET_DEFINE_VALIDATE if validate else 0
        secret = self._ask(doing, self.raw.secretDefineXML, xml, flags)
        uuid: str = secret.UUIDString()
        return uuid

    def secret_value(self, uuid: str) -> bytes | None:
        """Return the value of a secret, b'' where it has none, None where libvirt doesn't show it."""
        secret = self._secret(uuid)
        try:
            value: bytes = self._ask(f"read the value of secret/{uuid}", secret.value)
        except HypervisorError as error:
            if error.code == Code.NO_SECRET:
                return b""
            if error.code in _UNSEEN:
                return None
            raise
        return value

    def set_secret_value(self, uuid: str, value: bytes) -> None:
        """Give a secret its value."""
        self._ask(f"set the value of secret/{uuid}", self._secret(uuid).setValue, value)

    def undefine_secret(self, uuid: str) -> None:
        """Remove a secret and its value."""
        self._ask(f"undefine secret/{uuid}", self._secret(uuid).undefine)

    def _secret(self, uuid: str) -> Any:
        return self._ask(f"find secret/{uuid}", self.raw.secretLookupByUUIDString, uuid)


def _is_own(secret: SecretEntry) -> bool:
    return secret.usage == "tls" and secret.usage_id in OWN
