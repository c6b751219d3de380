#!/usr/bin/env python3
"""Writes the seeds of fuzz_vhost_user.c into test/fuzz/corpus/vhost_user/; run it after changing it."""
import os
import struct

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "corpus", "vhost_user")
MEMFD, KICK0, KICK1, PIPE, SMALL = range(5)
USER, GUEST, SIZE = 0x7F0000000000, 0x40000000, 0x10000
FEATURES = 0x130009983  # without the protocol's bit 30
PROTOCOL = 1 << 30
NUM = 8
# Two queues: descriptors, available, used.
RINGS = [(0x0, 0x100, 0x200), (0x400, 0x500, 0x600)]
BUFFERS = 0x1000


def message(request, payload=b"", need_reply=0, nfds=0, kind=0):
    return bytes([0, request, need_reply | (nfds | kind << 2) << 1, len(payload)]) + payload


def u64(request, value, **kw):
    return message(request, struct.pack("<Q", value), **kw)


def state(request, index, num, **kw):
    return message(request, struct.pack("<II", index, num), **kw)


def region(guest=GUEST, size=SIZE, user=USER, offset=0):
    return struct.pack("<QQQQ", guest, size, user, offset)


def table(*regions, nfds=None, kind=MEMFD):
    return message(5, struct.pack("<II", len(regions), 0) + b"".join(regions),
                   nfds=len(regions) if nfds is None else nfds, kind=kind)


def addr(index, flags=0):
    desc, avail, used = (USER + at for at in RINGS[index])
    return message(9, struct.pack("<IIQQQQ", index, flags, desc, used, avail, 0))


def write(at, data):
    return bytes([2, at >> 16]) + struct.pack(">H", at & 0xFFFF) + bytes([len(data)]) + data


def desc(queue, i, gpa, length, flags=0, nxt=0):
    return write(RINGS[queue][0] + 16 * i, struct.pack("<QIHH", gpa, length, flags, nxt))


def available(queue, heads, index=None):
    data = struct.pack("<HH", 0, len(heads) if index is None else index)
    return write(RINGS[queue][1], data + struct.pack("<%dH" % len(heads), *heads))


def kick(queue):
    return bytes([3, queue])


def send(length):
    return bytes([4, length])


HANG_UP = bytes([5])


def negotiate(features=FEATURES | PROTOCOL, protocol=0xA21C):
    return message(1) + message(15) + u64(16, protocol) + message(17) + message(3) + u64(2, features)


def queue(index, enable=True):
    return state(8, index, NUM) + state(10, index, 0) + addr(index) + u64(12, index, nfds=1, kind=KICK0 + index) + u64(
        13, index, nfds=1, kind=KICK0 + index) + u64(14, index, nfds=1, kind=KICK1) + (
            state(18, index, 1, need_reply=1) if enable else b"")


RX = b"".join(desc(0, i, GUEST + BUFFERS + 0x800 * i, 0x800, 2) for i in range(NUM)) + available(0, range(NUM))
TX = desc(1, 0, GUEST + BUFFERS, 12 + 60) + available(1, [0])
START = negotiate() + table(region()) + queue(0) + queue(1)

SEEDS = {
    "life": RX + START + send(0) + TX + kick(1) + send(4) + state(11, 0, 0) + state(11, 1, 0),
    "reconnect": START + RX + kick(0) + HANG_UP + START + TX + kick(1) + send(1),
    "no-protocol-features": message(3) + u64(2, FEATURES) + table(region()) + queue(0, False) + queue(1, False) + TX + kick(1),
    "legacy": negotiate(FEATURES & ~(1 << 32) | PROTOCOL) + table(region()) + queue(0) + queue(1),
    "regions": negotiate() + message(36) + b"".join(
        message(37, b"\0" * 8 + region(GUEST + SIZE * i, 0x1000, USER + SIZE * i, 0x1000 * i), nfds=1) for i in range(4)) +
               message(38, b"\0" * 8 + region(GUEST, 0x1000, USER)) + queue(0),
    "region-from-small-file": negotiate() + table(region(size=0x1000), kind=SMALL) + table(region(), kind=SMALL),
    "overlap": negotiate() + table(region(), region(GUEST + 0x1000, 0x1000, USER + SIZE)),
    "table-while-running": START + RX + table(region()) + TX + kick(1) + table(region(GUEST + 0x100000)) + kick(1),
    "memory-goes": START + RX + message(38, b"\0" * 8 + region()) + send(2) + kick(1) + state(11, 1, 0),
    "reset-device": START + message(34, need_reply=1) + START + RX + send(1),
    "other-features": START + state(11, 0, 0) + state(11, 1, 0) + u64(2, FEATURES & ~2 | PROTOCOL) + queue(0) + queue(1),
    "enable-disable": START + state(18, 1, 0) + TX + kick(1) + state(18, 1, 1) + state(18, 0, 0) + send(1),
    "config": message(24, struct.pack("<III", 0, 12, 0) + b"\0" * 12) + message(
        25, struct.pack("<III", 0, 6, 1) + b"\2" * 6, need_reply=1) + u64(20, 9000) + u64(20, 68) + u64(19, 0),
    "loop": START + desc(1, 0, GUEST, 4, 1, 1) + desc(1, 1, GUEST, 4, 1, 0) + available(1, [0]) + kick(1),
    "indirect": START + write(0x800, struct.pack("<QIHH", GUEST + BUFFERS, 100, 0, 0)) + desc(
        1, 0, GUEST + 0x800, 16, 4) + available(1, [0]) + kick(1),
    "index-jumps": START + available(1, [0], 0x8000) + kick(1),
    "strange-kick": negotiate() + table(region()) + state(8, 1, NUM) + addr(1) + state(18, 1, 1) + u64(
        12, 1, nfds=1, kind=MEMFD),
    "call-without-reader": START + u64(13, 1, nfds=1, kind=PIPE) + TX + kick(1),
    "polling": negotiate() + u64(12, 0x101),
    "pieces": b"".join(bytes([1, 1 if i == 0 else 0, 1, b]) for i, b in enumerate(
        struct.pack("<IIIQ", 13, 1, 8, 0))),
    "descriptors-everywhere": b"".join(bytes([1, 3, 1, b]) for b in struct.pack("<III", 5, 1, 2056)),
    "wrong-version": bytes([1, 0, 12]) + struct.pack("<III", 1, 2, 0),
    "log": negotiate() + message(6, struct.pack("<QQ", 0x1000, 0), nfds=1),
}

os.makedirs(HERE, exist_ok=True)
for name, data in SEEDS.items():
    with open(os.path.join(HERE, name), "wb") as f:
        f.write(data)
