"""Builds hello.raw: the smallest guest that boots, says so on its serial port, and powers off when it is asked to.

The image is one boot sector for BIOS machines (q35, pc) and nothing else. It prints a line on COM1, enables the ACPI
power button, sleeps until that is pressed, and switches the machine off.

    python3 build_hello.py hello.raw
"""

from __future__ import annotations

import sys
from pathlib import Path

ORIGIN = 0x7C00  # where a BIOS loads the boot sector
SECTOR = 512
SIZE = 64 * 1024
GREETING = b"kvmctl: hello from a guest that booted from its own disk\r\n"

# fmt: off
CODE = bytes([
    0xFA,                    # cli
    0x31, 0xC0,              # xor ax, ax
    0x8E, 0xD8,              # mov ds, ax
    0xBE, 0x00, 0x00,        # mov si, greeting      (the address is filled in below)
    0xBA, 0xF8, 0x03,        # mov dx, 0x3f8         COM1
    0xAC,                    # next: lodsb
    0x84, 0xC0,              # test al, al
    0x74, 0x03,              # jz done
    0xEE,                    # out dx, al
    0xEB, 0xF8,              # jmp next
    0xBA, 0x02, 0x06,        # done: mov dx, 0x602   PM1 enable: QEMU's firmware puts the ACPI block at 0x600
    0xB8, 0x00, 0x01,        # mov ax, 0x100         PWRBTN_EN
    0xEF,                    # out dx, ax
    0xBA, 0x00, 0x06,        # mov dx, 0x600         PM1 status
    0xFB,                    # wait: sti
    0xF4,                    # hlt                   the timer wakes it 18 times a second
    0xED,                    # in ax, dx
    0xF6, 0xC4, 0x01,        # test ah, 1            PWRBTN_STS
    0x74, 0xF8,              # jz wait
    0xBA, 0x04, 0x06,        # mov dx, 0x604         PM1 control
    0xB8, 0x00, 0x20,        # mov ax, 0x2000        SLP_EN, type S5
    0xEF,                    # out dx, ax
    0xF4,                    # off: hlt
    0xEB, 0xFD,              # jmp off
])
# fmt: on


def image() -> bytes:
    """Return the whole image: the boot sector with its signature, and zeros."""
    code = bytearray(CODE)
    code[6:8] = (ORIGIN + len(CODE)).to_bytes(2, "little")
    sector = bytes(code) + GREETING + b"\0"
    return (sector.ljust(SECTOR - 2, b"\0") + b"\x55\xaa").ljust(SIZE, b"\0")


if __name__ == "__main__":
    Path(sys.argv[1]).write_bytes(image())
