"""What a guest is told at its first start: cloud-init's NoCloud seed and Ignition's configuration, made and read."""

from kvmctl.cloudinit.check import check
from kvmctl.cloudinit.looking import contents, prepare

__all__ = ["check", "contents", "prepare"]
