"""Names on a host: of what is kvmctl's own, and of the channel to a guest's agent."""

from __future__ import annotations

from typing import Final

NAMESPACE: Final = "urn:kvmctl:mark"
"""The XML namespace of the mark that says whose an object is."""
PREFIX: Final = "kvmctl"
"""The prefix that stands for the namespace in libvirt's XML."""
RECORD: Final = "kvmctl.record"
"""The usage name, of type tls, of the secret that holds the record; libvirt lets one secret of a type have it."""
LOCK: Final = "kvmctl.lock"
"""The usage name, of type tls, of the secret that is the lock on the host."""
OWN: Final = {RECORD: "record", LOCK: "lock"}
"""What the secrets are that kvmctl keeps for itself."""
GUEST_AGENT: Final = "org.qemu.guest_agent.0"
"""The name of the channel by which a guest's agent is asked (docs/formatdomain, "Channel")."""
