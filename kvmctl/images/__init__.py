"""Disk images: what they are, whether to trust them; making, converting, comparing and hashing them.

All of it goes through qemu-img, which is run under limits; a new image appears whole or not at all.
"""

from __future__ import annotations

from kvmctl.images.commands import ConvertOptions
from kvmctl.images.contents import Comparison, check_sound, checksum, verify_same
from kvmctl.images.conversion import convert, create, equivalent_convert, equivalent_create
from kvmctl.images.describe import ImageInfo, info, sniff
from kvmctl.images.error import ImageError
from kvmctl.images.formats import Format, formats
from kvmctl.images.inspection import inspect
from kvmctl.images.insync import PIECE, differences
from kvmctl.images.layers import copy_layer, put_on
from kvmctl.images.staging import clean_leftovers

__all__ = [
    "PIECE",
    "Comparison",
    "ConvertOptions",
    "Format",
    "ImageError",
    "ImageInfo",
    "check_sound",
    "checksum",
    "clean_leftovers",
    "convert",
    "copy_layer",
    "create",
    "differences",
    "equivalent_convert",
    "equivalent_create",
    "formats",
    "info",
    "inspect",
    "put_on",
    "sniff",
    "verify_same",
]
