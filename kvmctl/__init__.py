"""kvmctl: virtual machines, disks and networks of KVM/libvirt, declared in YAML and kept true."""

__version__ = "0.1.0"
