#!/usr/bin/env python3
"""Writes the seeds of the wire parsers' fuzz targets into test/fuzz/corpus/; run it after changing it."""
import os
import struct

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "corpus")
MAC_GUEST, MAC_GATE, GUEST, GATE = b"\x02\0\0\0\0\x0f", b"\x02\0\0\0\0\x02", b"\x0a\0\2\x0f", b"\x0a\0\2\2"
PREFIX = bytes.fromhex("fd736c7569630065")
GUEST6, GATE6 = PREFIX + b"\0" * 7 + b"\x15", PREFIX + b"\0" * 7 + b"\2"
LLADDR = b"\2\0\0\0\0\x0f"


def csum(data):
    total = sum(struct.unpack(">%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ip4(options=b"", payload=b"", frag=0x4000, proto=6, ttl=64):
    hlen = 20 + len(options)
    head = struct.pack(">BBHHHBBH4s4s", 0x40 | hlen // 4, 0, hlen + len(payload), 7, frag, ttl, proto, 0, GUEST, GATE)
    head += options
    return head[:10] + struct.pack(">H", csum(head)) + head[12:] + payload


def ip6(nxt, payload=b"", hops=64, dst=GATE6):
    return struct.pack(">IHBB", 6 << 28, len(payload), nxt, hops) + GUEST6 + dst + payload


def ext(nxt, body):
    body += b"\0" * (-(len(body) + 2) % 8)
    return bytes([nxt, (len(body) + 2) // 8 - 1]) + body


def frag6(nxt, word, data):
    return struct.pack(">BBHI", nxt, 0, word, 42) + data


def tcp(options=b"", flags=2, payload=b""):
    options += b"\0" * (-len(options) % 4)
    return struct.pack(">HHIIBBHHH", 40000, 80, 1, 2, (20 + len(options)) // 4 << 4, flags, 65535, 0, 0) + options + payload


def arp(op, htype=1, ptype=0x0800, hlen=6, plen=4):
    return struct.pack(">HHBBH", htype, ptype, hlen, plen, op) + MAC_GUEST + GUEST + b"\0" * 6 + GATE


def option(kind, body):
    return bytes([kind, (len(body) + 2) // 8]) + body


def framed(length):
    return struct.pack(">I", length) + bytes(i & 0xFF for i in range(length))


RA = struct.pack(">BBHII", 64, 0x40, 1800, 0, 0) + option(1, LLADDR) + option(5, struct.pack(">HI", 0, 1500)) + option(
    3, struct.pack(">BBIII", 64, 0xC0, 86400, 14400, 0) + PREFIX + b"\0" * 8) + option(
    25, struct.pack(">HI", 0, 3600) + GATE6)



def dhcp(options, op=1, end=b"\xff"):
    head = struct.pack(">BBBBIHH4s4s4s4s", op, 1, 6, 0, 0xDEADBEEF, 0, 0x8000, *[bytes(4)] * 4) + MAC_GUEST
    return head + bytes(10 + 192) + b"\x63\x82\x53\x63" + b"".join(
        bytes([code, len(body)]) + body for code, body in options) + end


def dhcp6(kind, *options):
    return bytes([kind, 1, 2, 3]) + b"".join(options)


def option6(code, body):
    return struct.pack(">HH", code, len(body)) + body


DISCOVER, REQUEST = (53, b"\1"), (53, b"\3")
WANTED = (55, bytes([1, 3, 6, 12, 15, 26, 28, 119, 121]))
NAMES = b"\3lab\7example\0\4corp\4test\0"
ACK = [(53, b"\5"), (54, GATE), (51, bytes(4)), (58, b"\0\0\xa8\xc0"), (59, b"\0\1\x27\x50"), (1, b"\xff\xff\xff\0"),
       (121, b"\x20" + GATE + bytes(5) + GATE), (3, GATE), (6, GATE), (26, b"\5\xdc"), (28, b"\x0a\0\2\xff"),
       (12, b"box"), (15, b"lab.example"), (119, NAMES)]
DUID, SERVER = option6(1, b"\0\3\0\1" + MAC_GUEST), option6(2, b"\0\3\0\1" + MAC_GATE)
IAADDR = option6(5, GUEST6 + struct.pack(">II", 86400, 86400))
IA_NA = option6(3, struct.pack(">III", 7, 43200, 69120) + IAADDR)

SEEDS = {
    "eth_wire": {
        "ipv4": MAC_GATE + MAC_GUEST + b"\x08\0" + ip4(),
        "arp-padded": b"\xff" * 6 + MAC_GUEST + b"\x08\x06" + arp(1) + b"\0" * 18,
        "vlan-twice": MAC_GATE + MAC_GUEST + b"\x81\0\0\1\x81\0\0\2\x08\0",
        "802.3-length": MAC_GATE + MAC_GUEST + b"\0\x26\x42\x42\3",
        "cut-at-13": MAC_GATE + MAC_GUEST + b"\x08",
    },
    "arp_wire": {
        "request": arp(1),
        "reply": arp(2),
        "padded": arp(1) + b"\0" * 18,
        "op-9": arp(9),
        "hlen-255": arp(1, hlen=255),
        "token-ring": arp(1, htype=6),
        "cut-at-27": arp(1)[:27],
    },
    "ip4_wire": {
        "tcp": ip4(payload=tcp()),
        "padded": ip4(payload=tcp()) + b"\0" * 6,
        "nops": ip4(options=b"\1" * 40),
        "lsrr": ip4(options=b"\x83\7\4\xa9\xfe\xa9\xfe\0"),
        "ssrr": ip4(options=b"\1\x89\7\4\xa9\xfe\xa9\xfe"),
        "option-length-0": ip4(options=b"\7\0\0\0"),
        "option-past-end": ip4(options=b"\7\xff\4\0"),
        "record-route": ip4(options=b"\7\7\4\0\0\0\0\0"),
        "fragment-first": ip4(payload=b"x" * 16, frag=0x2000, proto=17),
        "fragment-last": ip4(payload=b"x" * 5, frag=0x0002, proto=17),
        "fragment-past-65535": ip4(payload=b"x" * 16, frag=0x1FFF, proto=17),
        "ttl-0": ip4(ttl=0),
        "cut-at-19": ip4()[:19],
    },
    "ip6_wire": {
        "tcp": ip6(6, tcp()),
        "hop-by-hop": ip6(0, ext(6, b"\5\2\0\0") + tcp()),
        "hop-by-hop-twice": ip6(0, ext(0, b"") + ext(6, b"") + tcp()),
        "every-extension": ip6(0, ext(60, b"\5\2\0\0") + ext(43, b"\4\0") + ext(44, b"\1\2\0\0\x1e\1\0") + frag6(17, 0, b"x" * 8)),
        "option-action-01": ip6(60, ext(6, b"\x42\2\0\0")),
        "option-action-10": ip6(60, ext(6, b"\x82\2\0\0")),
        "option-action-11-multicast": ip6(60, ext(6, b"\xc3\2\0\0"), dst=b"\xff\2" + b"\0" * 13 + b"\1"),
        "option-past-end": ip6(60, ext(6, b"\5\xff\0\0")),
        "padn": ip6(60, ext(6, b"\1\x0c" + b"\0" * 12)),
        "jumbo": ip6(0, ext(6, b"\xc2\4\0\1\0\0")),
        "routing-type-0": ip6(43, ext(6, b"\0\0")),
        "routing-segments-left": ip6(43, ext(6, b"\2\1")),
        "fragment-first": ip6(44, frag6(17, 1, b"x" * 16)),
        "fragment-last": ip6(44, frag6(17, 16, b"x" * 5)),
        "fragment-odd": ip6(44, frag6(17, 1, b"x" * 9)),
        "fragment-past-65535": ip6(44, frag6(17, 0xFFF8, b"x" * 16)),
        "fragment-nested": ip6(44, frag6(44, 0, frag6(17, 1, b"x" * 8))),
        "extensions-nine": ip6(60, ext(60, b"") * 8 + ext(6, b"")),
        "mapped-destination": ip6(6, dst=b"\0" * 10 + b"\xff\xff\x7f\0\0\1"),
        "cut-at-39": ip6(6)[:39],
    },
    "icmp_wire": {
        "echo": b"\x08\0\xf7\xff\0\0\0\0ping",
        "too-big": b"\2\0\0\0" + struct.pack(">I", 1280) + ip6(6, tcp()),
        "cut-at-7": b"\x08\0\xf7\xff\0\0\0",
    },
    "udp_wire": {
        "dns": struct.pack(">HHHH", 40000, 53, 12, 0) + b"data",
        "length-0": struct.pack(">HHHH", 40000, 53, 0, 0),
        "length-65535": struct.pack(">HHHH", 0, 0, 65535, 1),
        "cut-at-7": b"\0" * 7,
    },
    "tcp_wire": {
        "syn": tcp(b"\2\4\5\xb4\4\2\1\3\3\7"),
        "syn-timestamps": tcp(b"\2\4\5\xb4\4\2\x08\x0a\0\0\0\1\0\0\0\0\1\3\3\7"),
        "ack-data": tcp(flags=0x18, payload=b"GET / HTTP/1.0\r\n\r\n"),
        "sack-4": tcp(b"\1\1\5\x22" + bytes(range(32)), flags=0x10),
        "sack-twice": tcp(b"\5\x12" + bytes(16) + b"\5\x12" + bytes(16), flags=0x10),
        "sack-odd": tcp(b"\5\x0b" + bytes(9), flags=0x10),
        "option-length-0": tcp(b"\2\4\5\xb4\x08\0"),
        "option-past-end": tcp(b"\x08\xff"),
        "mss-0": tcp(b"\2\4\0\0"),
        "mss-length-3": tcp(b"\2\3\5"),
        "window-scale-255": tcp(b"\3\3\xff"),
        "fast-open": tcp(b"\x22\x0a" + bytes(8)),
        "nops": tcp(b"\1" * 40),
        "offset-4": tcp()[:12] + b"\x40" + tcp()[13:],
        "offset-15-cut": tcp()[:12] + b"\xf0" + tcp()[13:],
    },
    "ndp_wire": {
        "ns": b"\0" + bytes(4) + GATE6 + option(1, LLADDR),
        "ns-dad": b"\0" + bytes(4) + GATE6,
        "ns-option-length-0": b"\0" + bytes(4) + GATE6 + b"\1\0" + LLADDR,
        "ns-option-past-end": b"\0" + bytes(4) + GATE6 + b"\1\xff" + LLADDR,
        "ns-multicast-target": b"\0" + bytes(4) + b"\xff\2" + bytes(14),
        "ns-mapped-target": b"\0" + bytes(4) + bytes(10) + b"\xff\xff" + GATE,
        "na": b"\1" + b"\x60\0\0\0" + GUEST6 + option(2, LLADDR),
        "rs": b"\2" + bytes(4) + option(1, LLADDR),
        "ra": b"\3" + RA,
        "ra-dnssl": b"\3" + RA + option(31, struct.pack(">HI", 0, 3600) + NAMES + bytes(1)),
        "ra-dnssl-past-end": b"\3" + RA[:12] + option(31, struct.pack(">HI", 0, 3600) + b"\x3f" + bytes(7)),
        "ra-two-rdnss": b"\3" + RA[:12] + option(25, struct.pack(">HI", 0, 3600) + GATE6 + GUEST6),
    },
    "dhcp_wire": {
        "discover": dhcp([DISCOVER, (61, b"\1" + MAC_GUEST), (57, b"\5\xdc"), WANTED, (80, b"")]),
        "request": dhcp([REQUEST, (54, GATE), (50, GUEST), (12, b"box"), WANTED]),
        "ack": dhcp(ACK, op=2),
        "nak": dhcp([(53, b"\6"), (54, GATE), (56, b"no")], op=2),
        "padded": dhcp([DISCOVER], end=b"\xff" + bytes(60)),
        "no-end": dhcp([DISCOVER], end=b""),
        "no-type": dhcp([]),
        "option-length-0": dhcp([DISCOVER, (50, b"")]),
        "option-past-end": dhcp([DISCOVER], end=b"\x3d\xff\1"),
        "twice": dhcp([DISCOVER, REQUEST, (61, b"\1\2"), (61, b"\3\4")]),
        "overload": dhcp([DISCOVER, (52, b"\3")]),
        "route-of-33": dhcp([DISCOVER, (121, b"\x21" + bytes(8))]),
        "cut-at-239": dhcp([])[:239],
    },
    "dhcp6_wire": {
        "solicit": dhcp6(1, DUID, option6(6, b"\0\x17\0\x18"), option6(8, bytes(2)), option6(14, b""),
                         option6(3, struct.pack(">III", 7, 0, 0))),
        "reply": dhcp6(7, DUID, SERVER, option6(7, b"\xff"), IA_NA, option6(23, GATE6), option6(24, NAMES), option6(32, bytes(4))),
        "refused": dhcp6(7, DUID, SERVER, option6(13, b"\0\5words"), option6(3, bytes(12) + option6(13, b"\0\2"))),
        "renew-all-kinds": dhcp6(5, DUID, SERVER, IA_NA, option6(4, bytes(4) + IAADDR), option6(25, bytes(12) + option6(26, bytes(25)))),
        "five-associations": dhcp6(1, DUID, *[IA_NA] * 5),
        "five-addresses": dhcp6(1, DUID, option6(3, bytes(12) + IAADDR * 5)),
        "address-past-association": dhcp6(1, DUID, option6(3, bytes(12) + IAADDR[:-1]), IA_NA),
        "mapped": dhcp6(1, DUID, option6(3, bytes(12) + option6(5, bytes(10) + b"\xff\xff" + GUEST + bytes(8)))),
        "duid-of-2": dhcp6(1, option6(1, bytes(2))),
        "duid-of-131": dhcp6(1, option6(1, bytes(131))),
        "option-past-end": dhcp6(11, option6(8, bytes(2)), b"\0\1\xff\xff\0"),
        "relay": dhcp6(12, bytes(34)),
    },
    # See fuzz_stream.c: how often it is said, the pieces in which it is read and written, what is said.
    "stream": {
        "frames": b"\0" + b"\xff" * 16 + framed(60) + framed(1514) + framed(14),
        "bytewise": b"\0" + b"\1" * 16 + framed(20) + framed(14),
        "stutter": b"\1" + bytes([0, 3, 0, 90, 250, 0, 1, 200] * 2) + framed(60) * 8,
        "buffer-end": b"\xff" + bytes([255, 220, 240, 255] * 4) + framed(9001) + framed(60),
        "blocked": b"\x20" + bytes([210, 0, 0, 0, 30, 0, 0, 255] * 2) + framed(600),
        "length-0": b"\0" + b"\xff" * 16 + framed(60) + bytes(4),
        "length-13": b"\0" + b"\xff" * 16 + framed(13),
        "length-65551": b"\0" + b"\xff" * 16 + framed(60) + struct.pack(">I", 65551) + bytes(60),
        "length-2^32-1": b"\0" + b"\xff" * 16 + b"\xff" * 40,
        "cut-frame": b"\0" + b"\xff" * 16 + framed(60)[:-1],
        "cut-length": b"\0" + b"\xff" * 16 + framed(60) + b"\0\0\0",
    },
}

for target, seeds in SEEDS.items():
    os.makedirs(os.path.join(HERE, target), exist_ok=True)
    for name, data in seeds.items():
        with open(os.path.join(HERE, target, name), "wb") as out:
            out.write(data)
