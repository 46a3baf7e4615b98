"""A throwaway libvirtd with QEMU in namespaces of its own: a host to try manifests on and to test against.

    with Sandbox() as box:
        connection = libvirt.open(box.uri)                  # from outside
        box.run(["virsh", "list", "--all"])                 # inside, where qemu:///system is the sandbox

A sandbox starts as an empty host (no domain, network, pool or filter) within a fraction of a second. It has
its own processes, network, host name, host UUID and libvirt folders, so that several of them are several
hosts. The rest of the file system is the machine's: a command run inside sees the same working folder and the
same /tmp. There is no network to the outside, and no KVM unless asked for, so that it behaves alike on every
machine.

All of it is gone when the sandbox is closed, and also when the process that made it dies, whatever it dies
of. Needs root, util-linux, iproute2 and libvirtd; no systemd.
"""

from kvmctl.sandbox.command import run_in_sandbox
from kvmctl.sandbox.errors import SandboxError
from kvmctl.sandbox.host import Sandbox

__all__ = ["Sandbox", "SandboxError", "run_in_sandbox"]
