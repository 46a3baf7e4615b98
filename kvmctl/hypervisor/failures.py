"""What libvirt says when it says no, as kvmctl's error: told by its code, never by its message."""

from __future__ import annotations

import errno
from enum import IntEnum
from typing import Any, Final

from kvmctl.errors import HypervisorError
from kvmctl.hypervisor.library import libvirt


class Code(IntEnum):
    """The error codes that are told apart (https://libvirt.org/html/libvirt-virterror.html)."""

    INTERNAL_ERROR = libvirt.VIR_ERR_INTERNAL_ERROR
    NO_SUPPORT = libvirt.VIR_ERR_NO_SUPPORT
    NO_CONNECT = libvirt.VIR_ERR_NO_CONNECT
    INVALID_ARG = libvirt.VIR_ERR_INVALID_ARG
    OPERATION_FAILED = libvirt.VIR_ERR_OPERATION_FAILED
    XML_ERROR = libvirt.VIR_ERR_XML_ERROR
    OPERATION_DENIED = libvirt.VIR_ERR_OPERATION_DENIED
    XML_DETAIL = libvirt.VIR_ERR_XML_DETAIL
    SYSTEM_ERROR = libvirt.VIR_ERR_SYSTEM_ERROR
    RPC = libvirt.VIR_ERR_RPC
    NO_DOMAIN = libvirt.VIR_ERR_NO_DOMAIN
    NO_NETWORK = libvirt.VIR_ERR_NO_NETWORK
    AUTH_FAILED = libvirt.VIR_ERR_AUTH_FAILED
    NO_STORAGE_POOL = libvirt.VIR_ERR_NO_STORAGE_POOL
    NO_STORAGE_VOL = libvirt.VIR_ERR_NO_STORAGE_VOL
    INVALID_SECRET = libvirt.VIR_ERR_INVALID_SECRET
    NO_SECRET = libvirt.VIR_ERR_NO_SECRET
    NO_NWFILTER = libvirt.VIR_ERR_NO_NWFILTER
    OPERATION_INVALID = libvirt.VIR_ERR_OPERATION_INVALID
    CONFIG_UNSUPPORTED = libvirt.VIR_ERR_CONFIG_UNSUPPORTED
    OPERATION_TIMEOUT = libvirt.VIR_ERR_OPERATION_TIMEOUT
    OPERATION_UNSUPPORTED = libvirt.VIR_ERR_OPERATION_UNSUPPORTED
    ARGUMENT_UNSUPPORTED = libvirt.VIR_ERR_ARGUMENT_UNSUPPORTED
    AUTH_CANCELLED = libvirt.VIR_ERR_AUTH_CANCELLED
    AUTH_UNAVAILABLE = libvirt.VIR_ERR_AUTH_UNAVAILABLE
    AGENT_UNRESPONSIVE = libvirt.VIR_ERR_AGENT_UNRESPONSIVE
    AGENT_UNSYNCED = libvirt.VIR_ERR_AGENT_UNSYNCED
    RESOURCE_BUSY = libvirt.VIR_ERR_RESOURCE_BUSY
    ACCESS_DENIED = libvirt.VIR_ERR_ACCESS_DENIED
    STORAGE_VOL_EXIST = libvirt.VIR_ERR_STORAGE_VOL_EXIST
    STORAGE_POOL_BUILT = libvirt.VIR_ERR_STORAGE_POOL_BUILT
    XML_INVALID_SCHEMA = libvirt.VIR_ERR_XML_INVALID_SCHEMA
    NO_DOMAIN_SNAPSHOT = libvirt.VIR_ERR_NO_DOMAIN_SNAPSHOT
    NO_DOMAIN_CHECKPOINT = libvirt.VIR_ERR_NO_DOMAIN_CHECKPOINT
    NO_DOMAIN_BACKUP = libvirt.VIR_ERR_NO_DOMAIN_BACKUP
    CHECKPOINT_INCONSISTENT = libvirt.VIR_ERR_CHECKPOINT_INCONSISTENT
    DEVICE_MISSING = libvirt.VIR_ERR_DEVICE_MISSING


GONE: Final = frozenset(
    (
        Code.NO_DOMAIN,
        Code.NO_NETWORK,
        Code.NO_STORAGE_POOL,
        Code.NO_STORAGE_VOL,
        Code.NO_SECRET,
        Code.NO_NWFILTER,
        Code.NO_DOMAIN_SNAPSHOT,
    )
)
"""The codes that mean that an object doesn't exist (any more)."""

SILENT: Final = frozenset(
    (
        Code.AGENT_UNRESPONSIVE,
        Code.AGENT_UNSYNCED,
        Code.ARGUMENT_UNSUPPORTED,  # there is no channel for it
        Code.OPERATION_INVALID,
        Code.NO_SUPPORT,
    )
)
"""The codes that mean that no agent of a guest answers."""

_AUTH = "check the user's rights: root, a member of the group libvirt, or a polkit rule"
_GONE = "somebody removed it meanwhile; plan again"
_XML = "this is a value that libvirt doesn't accept; change it in the manifest"

_HINTS: Final[dict[int, str]] = {
    Code.NO_SUPPORT: "this hypervisor driver can't do that; another connection URI may",
    Code.OPERATION_UNSUPPORTED: "this host's libvirt or QEMU can't do that",
    Code.CONFIG_UNSUPPORTED: "this host's libvirt or QEMU doesn't offer it; `kvmctl doctor` says what it has",
    Code.ARGUMENT_UNSUPPORTED: "the machine's definition lacks what that needs, or this host's libvirt can't",
    Code.OPERATION_DENIED: "the connection is read-only; plan and drift need no more, apply needs a full one",
    Code.ACCESS_DENIED: _AUTH,
    Code.AUTH_FAILED: _AUTH,
    Code.AUTH_CANCELLED: _AUTH,
    Code.AUTH_UNAVAILABLE: "no polkit agent answers here; run as root, or add a polkit rule for this user",
    Code.OPERATION_INVALID: "its state doesn't allow that; it may have been changed meanwhile: plan again",
    Code.OPERATION_TIMEOUT: "another operation holds it, or QEMU hangs; look at its log and try again",
    Code.AGENT_UNRESPONSIVE: "the guest agent doesn't answer; start qemu-guest-agent in the guest",
    Code.RESOURCE_BUSY: "something else uses it; try again later",
    Code.NO_DOMAIN: _GONE,
    Code.NO_NETWORK: _GONE,
    Code.NO_STORAGE_POOL: _GONE,
    Code.NO_STORAGE_VOL: _GONE,
    Code.NO_SECRET: _GONE,
    Code.NO_NWFILTER: _GONE,
    Code.NO_DOMAIN_SNAPSHOT: _GONE,
    Code.CHECKPOINT_INCONSISTENT: "QEMU was killed, or the disk replaced: take a full backup",
    Code.STORAGE_VOL_EXIST: "somebody created it meanwhile; plan again",
    Code.STORAGE_POOL_BUILT: "something is there and is never overwritten; use it with `build: false`",
    Code.XML_ERROR: _XML,
    Code.XML_DETAIL: _XML,
    Code.XML_INVALID_SCHEMA: _XML,
    Code.INVALID_ARG: _XML,
    Code.OPERATION_FAILED: "libvirt's log on the host says more",
    Code.INTERNAL_ERROR: "libvirt's log on the host says more",
    Code.SYSTEM_ERROR: "the host's operating system refused it; check paths and permissions there",
    Code.RPC: "the connection to libvirt broke; check that its daemon still runs, and try again",
}

_START_DAEMON = "start libvirt's daemon (`systemctl start libvirtd`, or virtqemud.socket), or name another with -c URI"
_OPEN_HINTS: Final[dict[int, str]] = {
    errno.ENOENT: _START_DAEMON,
    errno.ECONNREFUSED: _START_DAEMON,
    errno.EACCES: "run as root, or add this user to the group libvirt (and log in anew)",
    errno.EPERM: "run as root, or add this user to the group libvirt (and log in anew)",
}
_URI_FORMS = "a connection URI looks like qemu:///system, qemu:///session or qemu+ssh://host/system"


def explained(error: libvirt.libvirtError, doing: str) -> HypervisorError:
    """Return kvmctl's error for libvirt's; `doing` says what was asked, such as `start vm/web1`."""
    code = error.get_error_code() or 0
    return HypervisorError(f"can't {doing}: {_said(error)}", _HINTS.get(code, ""), code)


def unreachable(error: libvirt.libvirtError, uri: str | None) -> HypervisorError:
    """Return the error for a connection that couldn't be opened.

    libvirt reports the operating system's reason (errno) in the error's first number.
    """
    code = error.get_error_code() or 0
    where = uri or "libvirt's default URI"
    if code == Code.SYSTEM_ERROR:
        hint = _OPEN_HINTS.get(error.get_int1(), f"check the host's name, its daemon and its firewall; {_URI_FORMS}")
    elif code in (Code.INTERNAL_ERROR, Code.INVALID_ARG, Code.NO_CONNECT, Code.CONFIG_UNSUPPORTED):
        hint = _URI_FORMS
    else:
        hint = _HINTS.get(code, _URI_FORMS)
    return HypervisorError(f"can't connect to {where}: {_said(error)}", hint, code)


def hanging(doing: str, seconds: float) -> HypervisorError:
    """Return the error for a call that hasn't answered within its time limit; it may still be carried out."""
    return HypervisorError(
        f"can't {doing}: libvirt has not answered within {seconds:g} s",
        "libvirt or QEMU hangs; it may still be done: look at the host's libvirt log, then plan again",
        Code.OPERATION_TIMEOUT,
    )


def _said(error: Any) -> str:
    """Return libvirt's own message, without the line breaks that some drivers put into it."""
    return " ".join((error.get_error_message() or str(error)).split())
