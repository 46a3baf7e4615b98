"""What exists: libvirt's objects as an inventory, with as few calls as it takes; reads only, never writes."""

from kvmctl.observe.look import observe
from kvmctl.observe.moves import users_of
from kvmctl.observe.seen import HostFacts, Observation

__all__ = ["HostFacts", "Observation", "observe", "users_of"]
