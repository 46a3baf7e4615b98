"""A program of its own: runs a guest of one instruction on the KVM device it is given, or says why not.

Exit code 0 where the guest ran and halted, 1 with the reason on stderr where not. An open device proves
nothing, and neither do a machine and a CPU that were made: a host may refuse only when the CPU is to run.
The requests are those of linux/kvm.h (https://docs.kernel.org/virt/kvm/api.html, section 4); all of it is
gone when the program ends.
"""

from __future__ import annotations

import ctypes
import fcntl
import mmap
import os
import platform
import struct
import sys

KVM_IO = 0xAE  # the type byte of KVM's requests; _IO(type, number) is type << 8 | number (linux/ioctl.h)
KVM_GET_API_VERSION = KVM_IO << 8 | 0x00
KVM_CREATE_VM = KVM_IO << 8 | 0x01
KVM_GET_VCPU_MMAP_SIZE = KVM_IO << 8 | 0x04
KVM_CREATE_VCPU = KVM_IO << 8 | 0x41
KVM_SET_TSS_ADDR = KVM_IO << 8 | 0x47
KVM_RUN = KVM_IO << 8 | 0x80
REGION = struct.Struct("IIQQQ")  # kvm_userspace_memory_region: slot, flags, guest address, size, our address
IOC_WRITE = 1 << 30
KVM_SET_USER_MEMORY_REGION = IOC_WRITE | REGION.size << 16 | KVM_IO << 8 | 0x46
KVM_EXIT_HLT = 5
EXIT_REASON = struct.Struct("=8xI")  # where kvm_run keeps it

STABLE_API = 12  # the only version since Linux 2.6.22
HALT = b"\xf4"  # x86's HLT
RESET_PAGE = 0xFFFFF000  # an x86 CPU begins 16 bytes below 4 GiB
TSS = 0x7FFBD000  # three unused pages, anywhere, that old Intel CPUs need for real mode


def reason(device: str) -> str:
    """Return why the guest did not run, '' where it did."""
    step = "open"
    try:
        kvm = os.open(device, os.O_RDWR | os.O_CLOEXEC)
        step = "KVM_GET_API_VERSION"
        version = fcntl.ioctl(kvm, KVM_GET_API_VERSION, 0)
        if version != STABLE_API:
            return f"its API is version {version}, not {STABLE_API}"
        step = "KVM_CREATE_VM"
        machine = fcntl.ioctl(kvm, KVM_CREATE_VM, 0)
        step = "a guest of one instruction"
        return run(kvm, machine) if platform.machine() == "x86_64" else ""
    except OSError as error:
        return f"{step}: {error.strerror}"


def run(kvm: int, machine: int) -> str:
    """Return why an x86 CPU that begins with HLT did not halt, '' where it did."""
    page = mmap.mmap(-1, mmap.PAGESIZE)
    page.write(HALT * mmap.PAGESIZE)
    address = ctypes.addressof(ctypes.c_char.from_buffer(page))
    fcntl.ioctl(machine, KVM_SET_TSS_ADDR, TSS)
    fcntl.ioctl(machine, KVM_SET_USER_MEMORY_REGION, REGION.pack(0, 0, RESET_PAGE, mmap.PAGESIZE, address))
    cpu = fcntl.ioctl(machine, KVM_CREATE_VCPU, 0)
    state = mmap.mmap(cpu, fcntl.ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0))
    fcntl.ioctl(cpu, KVM_RUN, 0)
    (left,) = EXIT_REASON.unpack_from(state)
    return "" if left == KVM_EXIT_HLT else f"the guest's CPU stopped with exit reason {left}"


if __name__ == "__main__":
    wrong = reason(sys.argv[1])
    sys.stderr.write(wrong)
    sys.exit(1 if wrong else 0)
