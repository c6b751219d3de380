#!/usr/bin/env python3
"""Writes the seeds of fuzz_image into test/fuzz/corpus/image/; run it after changing it."""
import os
import struct

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "corpus", "image")


def bzimage(place, init_size=0x100000, version=0x20F):
    """A header as Documentation/x86/boot.rst has it, and 1 KiB of kernel."""
    head = bytearray(1024)
    head[0x1F1] = 1  # setup_sects
    head[0x200:0x202] = b"\xeb\x66"
    head[0x202:0x206] = b"HdrS"
    struct.pack_into("<H", head, 0x206, version)
    head[0x211] = 1  # loadflags
    struct.pack_into("<I", head, 0x22C, 0x7FFFFFFF)  # initrd_addr_max
    head[0x236] = 1  # xloadflags
    struct.pack_into("<I", head, 0x238, 2047)  # cmdline_size
    struct.pack_into("<QI", head, 0x258, place, init_size)
    return bytes(head) + b"\xf4" * 1024


def elf(place, size=64, memory=4096, note_type=18, entry_size=4):
    head = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\2\1\1", 2, 62, 1, 0, 64, 0, 0, 64, 56, 2, 0, 0, 0)
    note = struct.pack("<III4s", 4, entry_size, note_type, b"Xen\0") + struct.pack("<Q", place)[:entry_size]
    note = struct.pack("<III4s", 4, 0, 1, b"Xen\0") + note

    def segment(kind, offset, n, in_memory):
        return struct.pack("<IIQQQQQQ", kind, 7, offset, place, place, n, in_memory, 4)

    return head + segment(1, 176 + len(note), size, memory) + segment(4, 176, len(note), len(note)) + note + b"\xf4" * size


SEEDS = {
    "bzimage": b"\1" + bzimage(0x1000000),
    "bzimage-small": b"\0" + bzimage(0x100000, 4096),
    "bzimage-old": b"\1" + bzimage(0x1000000, version=0x20B),
    "elf": b"\1" + elf(0x1000000),
    "elf-small": b"\0" + elf(0x100000, entry_size=8),
    "elf-no-note": b"\0" + elf(0x100000, note_type=17),
}

os.makedirs(HERE, exist_ok=True)
for name, data in SEEDS.items():
    with open(os.path.join(HERE, name), "wb") as f:
        f.write(data)
