#!/usr/bin/env python3
"""Writes the seeds of fuzz_virtq and fuzz_virtio into test/fuzz/corpus/; run it after changing it."""
import os
import struct

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "corpus")
NEXT, WRITE, INDIRECT = 1, 2, 4
AVAIL, USED = 128, 152


def desc(addr, length, flags=0, nxt=0):
    return struct.pack("<QIHH", addr, length, flags, nxt)


def queue(descs, heads, start=0, flags=0, event=0):
    """Rings of 8 entries: descriptors, available, used."""
    table = b"".join(descs).ljust(AVAIL, b"\0")
    entries = [0] * 8
    for i, head in enumerate(heads):
        entries[(start + i) % 8] = head
    avail = struct.pack("<HH8HH", flags, (start + len(heads)) & 0xFFFF, *entries, event)
    used = struct.pack("<HH64xH", 0, start, 0)
    return table + avail.ljust(USED - AVAIL, b"\0") + used


def save(name, seeds):
    folder = os.path.join(HERE, name)
    os.makedirs(folder, exist_ok=True)
    for seed, data in seeds.items():
        with open(os.path.join(folder, seed), "wb") as f:
            f.write(data)


# --- fuzz_virtq: flags, next, memory, operations ------------------------------------------------------

TAKE, USE, SHOW, ASK, HUSH, UNTAKE, WRITES, OFFER, MEM = range(9)


def ops(*names):
    return bytes(names)


def virtq(memory, operations, flags=2, start=0):
    return struct.pack(">BH", flags, start) + memory.ljust(768, b"\0") + operations


ROUND = ops(ASK, HUSH, TAKE, TAKE, TAKE, USE, USE, USE, SHOW, ASK)
TABLE = desc(500, 9, NEXT, 1) + desc(510, 20, NEXT, 2) + desc(530, 40, WRITE)
virtq_seeds = {
    "direct": virtq(queue([desc(400, 10, NEXT, 1), desc(420, 30), desc(500, 60, WRITE)], [0, 2]), ROUND),
    "event": virtq(queue([desc(400, 10), desc(500, 60, WRITE)], [0, 1], 65535), ROUND * 3, 3, 65535),
    "indirect": virtq(queue([desc(300, 48, INDIRECT)], [0]).ljust(300, b"\0") + TABLE, ROUND),
    "direct_then_indirect": virtq(queue([desc(400, 12, NEXT, 1), desc(300, 48, INDIRECT)], [0]).ljust(300, b"\0") + TABLE,
                                  ROUND),
    "across_blocks": virtq(queue([desc(700, 200)], [0]), ROUND),
    "far": virtq(queue([desc(0xFFFF0000, 64), desc(0xFFFF0001, 64)], [0, 1]), ROUND),
    "loop": virtq(queue([desc(400, 0, NEXT, 1), desc(400, 1, NEXT, 0)], [0]), ROUND),
    "nested": virtq(queue([desc(300, 16, INDIRECT)], [0]).ljust(300, b"\0") + desc(300, 16, INDIRECT), ROUND),
    "order": virtq(queue([desc(400, 1, WRITE | NEXT, 1), desc(400, 1)], [0]), ROUND),
    "jump": virtq(queue([], [0] * 8)[:AVAIL + 2] + b"\xff\x7f", ROUND),
    "one": virtq(queue([desc(400, 10)], [0]), ROUND, 4),
    "memory": virtq(queue([desc(400, 10)] * 8, range(8)), ops(TAKE, MEM + 2 * 9, TAKE, UNTAKE, TAKE, MEM, TAKE)),
    "writes": virtq(queue([desc(400, 10)] * 8, [0]),
                    ops(TAKE, WRITES) + struct.pack(">HB", 0, 16) + desc(410, 5, WRITE) + ops(OFFER, TAKE, USE, SHOW)),
}

# --- fuzz_virtio: features, memory, operations --------------------------------------------------------

(RECEIVE, RELEASE, ROOM, SEND, FLUSH, SLEEP, GWRITES, GOFFER, START, STOP, RESET, MEMORY, FEATURES) = range(13)
EVENT_IDX, IND, MRG, CSUM, TSO, OFF = 1, 2, 4, 8, 16, 32


def device(rx, tx, operations, features=EVENT_IDX | IND | MRG | CSUM | TSO, more=b""):
    return bytes([features]) + (rx.ljust(256, b"\0") + tx.ljust(256, b"\0") + more).ljust(2048, b"\0") + operations


TURN = bytes([RECEIVE, ROOM, SEND, 10, SEND, 200, FLUSH, RELEASE, SLEEP])
RX = queue([desc(1024 + 64 * i, 64, WRITE) for i in range(8)], range(8))
RX_BIG = queue([desc(1024, 1400, WRITE), desc(600, 300, WRITE | NEXT, 2), desc(900, 1500, WRITE)], [0, 1])
TX = queue([desc(600, 12, NEXT, 1), desc(700, 60), desc(600, 72), desc(512, 48, INDIRECT)], [0, 2, 3])
TX_TABLE = desc(600, 5, NEXT, 1) + desc(605, 30, NEXT, 2) + desc(700, 300)
virtio_seeds = {
    "both_ways": device(RX, TX, TURN * 3, more=TX_TABLE),
    "big_buffers": device(RX_BIG, TX, TURN * 2, more=TX_TABLE),
    "not_mergeable": device(RX_BIG, TX, TURN * 2, IND | CSUM, TX_TABLE),
    "by_flags": device(RX, TX, TURN + bytes([GOFFER, 1, GOFFER, 0]) + TURN, IND | MRG, TX_TABLE),
    "stop_start": device(RX, TX, TURN + bytes([STOP, 0, STOP, 1, START, 3, START, 4]) + TURN, more=TX_TABLE),
    "reset": device(RX, TX, TURN + bytes([RESET, 0, RECEIVE, RELEASE, FEATURES, 7, START, 3, START, 4]) + TURN,
                    more=TX_TABLE),
    "memory_moves": device(RX, TX, bytes([ROOM, MEMORY, 2]) + TURN + bytes([MEMORY, 1]) + TURN + bytes([MEMORY, 0]) + TURN,
                           more=TX_TABLE),
    "off": device(RX, TX, TURN + bytes([START, 3, START, 4]) + TURN, OFF | MRG),
    "tx_breaks": device(RX, queue([desc(4000, 12)], [0]), TURN * 2),
    "rx_breaks": device(queue([desc(600, 12)], [0]), TX, TURN * 2, more=TX_TABLE),
    "many_pieces": device(RX, queue([desc(512, 1072, INDIRECT)], [0]),
                          TURN, more=b"".join(desc(i, 9, NEXT if i < 66 else 0, i + 1) for i in range(67))),
    "thirty_pieces": device(RX, queue([desc(512, 480, INDIRECT)], [0]),
                            TURN, more=b"".join(desc(i, 9, NEXT if i < 29 else 0, i + 1) for i in range(30))),
}

save("virtq", virtq_seeds)
save("virtio", virtio_seeds)
