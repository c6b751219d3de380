#!/usr/bin/env python3
"""Writes the seeds of fuzz_stack into test/fuzz/corpus/stack/; run it after changing it or the target's notation."""
import os
import struct

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "corpus", "stack")
TCP, OPEN, ACK, RAW, TIME, HOST, UDP, DGRAM, PIECES, FAIL, CLIENT, ROOM, ECHO, ICMP, ANSWER, LOSE = range(16)
MORE = 0x80
FIN, SYN, RST, PSH, AK = 1, 2, 4, 8, 16
# slots: where a flow goes
WEB4, WEB6, SELF4, SELF6, DNS4, DNS6, REFUSED, LATE, SILENT, SELF84, WEB4B, NOPORTS, IN0, IN1 = range(14)
# misc of a segment
WND, SPOIL, OFFLOAD, PLAIN, SACKS, STAY = 4, 8, 16, 32, 64, 128
# what a host does
SEND, RECV, RECV_ALL, END, RESET, SETTLE, BUFFERS = range(7)
MS1, MS10, MS45, MS250, S1, S3, S10, S35, S65, S130, S200, S1000 = range(12)
# patches of a raw frame
MAC, ADDR, PORT, SEQ, LENGTH, CSUM, WITH_OFFLOAD = 1, 2, 4, 8, 16, 32, 64
ALL = MAC | ADDR | PORT | SEQ | LENGTH | CSUM


def setting(link=0, limits=0, host=16, seed=1):
    return bytes([link, limits, host, seed])


def tcp(slot, flags=AK, seq=0, ack=0, length=0, wnd=255, misc=0, more=0):
    return bytes([TCP | more, slot, flags, seq & 255, ack & 255, length, wnd, misc])


def open_(slot, misc=0):
    return bytes([OPEN, slot, misc])


def ack(slot, wnd=255):
    return bytes([ACK, slot, wnd])


def raw(frame, patch=ALL, slot=WEB4, offload=b""):
    return bytes([RAW, patch, slot]) + offload + struct.pack(">H", len(frame)) + frame


def time(step):
    return bytes([TIME, step])


def host(what, slot, n=0, many=0):
    return bytes([HOST, slot << 4 | many << 3 | what, n])


def udp(slot, port=20, length=100, misc=0, more=0):
    return bytes([UDP | more, slot, port, misc, length])


def dgram(sock, n=50, error=0, many=0, read=0, ping=0):
    return bytes([DGRAM, sock << 4 | ping << 3 | read << 2 | many << 1 | error, n])


def pieces(order, cut=100):
    return bytes([PIECES, order, cut])


def fail(call, error, nth=0):
    calls = ["socket", "connect", "connect_result", "accept", "readv", "writev", "recvmmsg", "sendmmsg", "sockerr",
             "nodelay", "shutdown_write", "pending_error", "arm", "set_ttl", "keepalive", "events"]
    return bytes([FAIL, calls.index(call), nth, error])


def client(n):
    return bytes([CLIENT, n])


def lose(n):
    return bytes([LOSE, n])


def change(n):
    return bytes([100, n])


def room(n):
    return bytes([ROOM, n])


def echo(slot, ident=7, ttl=0, length=56):
    return bytes([ECHO, slot, ident, ttl, length])


def icmp(slot, kind, mtu, at=0):
    return bytes([ICMP, slot, kind]) + struct.pack(">H", mtu) + bytes([at & 255])


# --- frames as they are ---------------------------------------------------------------------------------------

GUEST, GATE = bytes.fromhex("525400123456"), bytes.fromhex("52550a000202")
PREFIX = bytes.fromhex("fd736c7569630065")
GUEST6, GATE6 = PREFIX + b"\0" * 7 + b"\x15", PREFIX + b"\0" * 7 + b"\2"
LINK6 = bytes.fromhex("fe80000000000000505400fffe123456")


def arp(op, target, sender=b"\x0a\0\2\x0f"):
    return b"\xff" * 6 + GUEST + b"\x08\x06" + struct.pack(">HHBBH", 1, 0x800, 6, 4, op) + GUEST + sender + b"\0" * 6 + target


def sum16(data):
    total = sum(struct.unpack(">%dH" % (len(data) // 2), data + b"\0" * (len(data) % 2)))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def nd(kind, body, src=LINK6, dst=bytes.fromhex("ff0200000000000000000000000000") + b"\2", mac=b"\x33\x33\0\0\0\2"):
    message = bytes([kind, 0, 0, 0]) + body
    check = sum16(src + dst + struct.pack(">II", len(message), 58) + message)
    message = message[:2] + struct.pack(">H", check) + message[4:]
    return mac + GUEST + b"\x86\xdd" + struct.pack(">IHBB", 6 << 28, len(message), 58, 255) + src + dst + message


def ip4(proto, payload, options=b"", frag=0):
    head = struct.pack(">BBHHHBBH", 0x40 | (20 + len(options)) // 4, 0, 0, 1, frag, 64, proto, 0) + b"\0" * 8 + options
    return GATE + GUEST + b"\x08\0" + head + payload


def ip6(nxt, payload):
    return GATE + GUEST + b"\x86\xdd" + struct.pack(">IHBB", 6 << 28, 0, nxt, 64) + b"\0" * 32 + payload


def segment(flags, seq=0, ack_=0, options=b"", data=b""):
    return struct.pack(">HHIIBBHHH", 0, 0, seq, ack_, (20 + len(options)) // 4 << 4, flags, 4096, 0, 0) + options + data


NS = nd(135, b"\0" * 4 + GATE6 + b"\1\1" + GUEST, dst=bytes.fromhex("ff0200000000000000000001ff000002"),
        mac=b"\x33\x33\xff\0\0\2")
NA = nd(136, b"\x60\0\0\0" + GUEST6 + b"\2\1" + GUEST, src=GUEST6)
RS = nd(133, b"\0" * 4 + b"\1\1" + GUEST)
DAD = nd(135, b"\0" * 4 + GUEST6, src=b"\0" * 16, dst=bytes.fromhex("ff0200000000000000000001ff000015"),
         mac=b"\x33\x33\xff\0\0\x15")

def csum(data):
    total = sum(struct.unpack(">%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def dhcp(kind, options=b"", src=b"\0" * 4, dst=b"\xff" * 4, ciaddr=b"\0" * 4):
    """A query with all its addresses, and without a checksum."""
    body = struct.pack(">BBBBIHH", 1, 1, 6, 0, 7, 0, 0) + ciaddr + bytes(12) + b"\x52\x54\0\x12\x34\x56" + bytes(202)
    body += b"\x63\x82\x53\x63\x35\1" + bytes([kind]) + options + b"\xff"
    udp_ = struct.pack(">HHHH", 68, 67, 8 + len(body), 0) + body
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(udp_), 1, 0, 64, 17, 0) + src + dst
    return b"\xff" * 6 + GUEST + b"\x08\0" + head[:10] + struct.pack(">H", csum(head)) + head[12:] + udp_


def dhcp6(kind, options):
    """A query whose checksum the link has verified."""
    body = bytes([kind, 1, 2, 3]) + b"\0\1\0\x0a\0\3\0\1" + b"\x52\x54\0\x12\x34\x56" + options
    udp_ = struct.pack(">HHHH", 546, 547, 8 + len(body), 1) + body
    head = struct.pack(">IHBB", 6 << 28, len(udp_), 17, 1) + bytes.fromhex("fe800000000000005054 00fffe123456")
    frame = b"\x33\x33\0\1\0\2" + GUEST + b"\x86\xdd" + head + bytes.fromhex("ff020000000000000000000000010002") + udp_
    return raw(frame, MAC | WITH_OFFLOAD, WEB6, b"\2" + bytes(5))


# --- exchanges ------------------------------------------------------------------------------------------------


def exchange(slot):
    """A request, an answer of many segments, both FINs."""
    return (open_(slot) + tcp(slot, AK | PSH, length=120) + host(RECV_ALL, slot) + host(SEND, slot, 210) + ack(slot) +
            time(MS45) + ack(slot) + ack(slot) + ack(slot) + host(END, slot) + ack(slot) + tcp(slot, AK | FIN) + time(S1))


def upload(slot, misc=0):
    data = b"".join(tcp(slot, length=200, misc=misc, more=MORE) for _ in range(6))
    return open_(slot) + data + tcp(slot, AK | PSH, length=30) + host(RECV_ALL, slot) + tcp(slot, AK | FIN) + \
        host(RECV_ALL, slot) + host(END, slot) + ack(slot)


GAPS = (open_(WEB4, SACKS) + tcp(WEB4, seq=100, length=50, misc=STAY) + tcp(WEB4, seq=200 - 256, length=50, misc=STAY) +
        tcp(WEB4, seq=50, length=60, misc=STAY | 1) + tcp(WEB4, seq=0, length=199, misc=2) + host(RECV_ALL, WEB4) + time(S3))
BIG = 4 | 8 | 16 | 2

SEEDS = {
    "exchange-v4": setting() + exchange(WEB4),
    "exchange-v6": setting(1, 64) + exchange(WEB6),
    "exchange-gateway": setting(0, 128) + exchange(SELF4) + exchange(SELF6),
    "exchange-dns": setting() + exchange(DNS4) + exchange(DNS6),
    "exchange-offload": setting(BIG) + exchange(WEB4) + upload(WEB6, OFFLOAD),
    "upload-shared": setting(64, 1) + upload(WEB4),
    "upload-split": setting(0, 3 | 128) + upload(WEB6),
    "upload-small-rings": setting(0, 32 | 16) + host(BUFFERS, WEB4, 1) + upload(WEB4),
    "gaps": setting(0, 128) + GAPS,
    "refused": setting() + open_(REFUSED) + time(S1) + open_(REFUSED),
    "unreachable": setting() + open_(SELF84) + udp(SELF84) + setting()[:0] + open_(NOPORTS) + udp(NOPORTS),
    "late": setting() + open_(LATE) + open_(LATE) + host(SETTLE, LATE) + ack(LATE) + tcp(LATE, length=9),
    "late-refused": setting() + open_(LATE) + host(SETTLE, LATE, 1) + time(S1),
    "silent": setting() + open_(SILENT) + time(S130) + tcp(SILENT, RST, seq=0),
    "resets": setting() + open_(WEB4) + host(SEND, WEB4, 90) + host(RESET, WEB4) + open_(WEB6) +
              tcp(WEB6, AK, length=44) + tcp(WEB6, RST | AK) + time(S1),
    "zero-window": setting() + open_(WEB4) + tcp(WEB4, wnd=0) + host(SEND, WEB4, 205) + time(S1) + time(S10) +
                   ack(WEB4, 0) + time(S35) + ack(WEB4) + time(S1) + ack(WEB4) + ack(WEB4),
    "zero-window-ours": setting(0, 32) + open_(WEB4) + host(BUFFERS, WEB4, 0) +
                        b"".join(tcp(WEB4, length=202) for _ in range(4)) + time(S1) + host(RECV_ALL, WEB4) +
                        host(BUFFERS, WEB4, 255) + time(S1) + host(RECV_ALL, WEB4) + tcp(WEB4, length=20),
    "loss": setting() + open_(WEB4) + host(SEND, WEB4, 215) + tcp(WEB4, ack=0, misc=SACKS) * 4 + time(S1) +
            ack(WEB4) + time(S3) + ack(WEB4) + time(S130),
    "sack-recovery": setting() + open_(WEB4) + host(SEND, WEB4, 120) + ack(WEB4) + lose(3) + host(SEND, WEB4, 230) +
                     tcp(WEB4, misc=SACKS) * 5 + time(MS10) + tcp(WEB4, misc=SACKS) * 3 + time(S3) + ack(WEB4),
    "dupacks": setting() + open_(WEB6, PLAIN) + lose(1) + host(SEND, WEB6, 230) + tcp(WEB6) * 6 + time(MS10) + tcp(WEB6) * 3 +
               lose(2) + time(S3) + ack(WEB6) + time(S10) + ack(WEB6),
    "give-up": setting(0, 0, 24) + open_(WEB4) + host(SEND, WEB4, 210) + time(S200),
    "half-close-guest": setting() + open_(WEB4) + tcp(WEB4, AK | FIN, length=10) + host(RECV_ALL, WEB4) +
                        host(SEND, WEB4, 100) + ack(WEB4) + time(S65) + host(END, WEB4) + ack(WEB4),
    "half-close-host": setting() + open_(WEB4) + host(END, WEB4) + ack(WEB4) + tcp(WEB4, length=100) +
                       time(S65) + tcp(WEB4, AK | FIN) + time(S1) + tcp(WEB4, SYN) + time(S65),
    "reopen": setting() + open_(WEB4) + host(END, WEB4) + ack(WEB4) + tcp(WEB4, AK | FIN) + open_(WEB4) +
              tcp(WEB4, length=10) + host(RECV_ALL, WEB4),
    "published": setting() + raw(arp(1, b"\x0a\0\2\2"), MAC) + client(0) + tcp(IN0, SYN | AK) + host(SEND, IN0, 60) +
                 ack(IN0) + tcp(IN0, length=70) + host(RECV_ALL, IN0) + tcp(IN0, AK | FIN) + host(END, IN0) + ack(IN0),
    "published-v6": setting() + raw(NA, MAC) + client(1) + client(5) + tcp(IN0, SYN | AK) + tcp(IN1, RST | AK) +
                    host(SEND, IN0, 60) + time(S200),
    "published-silent": setting() + client(0) + client(1) + time(S200),
    "published-no-files": setting(0, 8) + client(0) + client(4) + client(8) + client(12) + client(16) + client(20) +
                          fail("accept", 6) + client(24) + time(S1),
    "tables-full": setting(0, 4 | 8) + b"".join(open_(s) + udp(s) + echo(s) for s in range(12)) + time(S200),
    "udp": setting() + udp(WEB4) + dgram(1, 60) + udp(WEB6, 21, 0) + dgram(2, 0) + udp(DNS4, 22) + udp(REFUSED) +
           dgram(0, 5, error=1) + time(S65) + udp(WEB4) + time(S200),
    "udp-runs": setting(BIG) + b"".join(udp(WEB4, 20, 100, 0, MORE) for _ in range(9)) + udp(WEB4, 20, 40) +
                dgram(1, 100, many=1) + udp(WEB6, 9, 230, 0xFF) + dgram(2, 250),
    "udp-mapped": setting(128) + udp(WEB4, 30) + udp(WEB4B, 30) + udp(SELF4, 30) + dgram(1, 80) + dgram(1, 80, error=1),
    "udp-errors": setting() + udp(WEB4) + dgram(1, 0, 1) + dgram(1, 3 | 64, 1) + dgram(1, 128 | 64, 1) +
                  dgram(1, 63, 1) + udp(WEB6) + dgram(2, 63, 1) + dgram(2, 4, 1),
    "udp-pieces": setting(1) + udp(WEB4) + dgram(1, 240) + udp(WEB6) + dgram(2, 240),
    "ping": setting() + echo(SELF4) + echo(SELF6) + echo(WEB4) + dgram(0, 70, ping=1) + echo(WEB6, 9, 1) +
            echo(WEB6, 9, 3) + dgram(1, 129, 1, ping=1) + echo(WEB4, 8, 0, 230) + dgram(0, 230, ping=1) + time(S65),
    "pieces": setting() + open_(WEB4) + pieces(1) + tcp(WEB4, length=199) + host(RECV_ALL, WEB4) + pieces(2) +
              udp(WEB6, length=230) + pieces(3, 7) + echo(SELF4, 1, 0, 220) + raw(ip4(17, b"\0" * 24, frag=0x2000)) +
              time(S35),
    "pieces-bad": setting(0, 2) + b"".join(pieces(bits | n) + udp(WEB4, length=230) + pieces(bits | n) + echo(WEB6, length=225)
                                           for bits in (8, 16, 32, 48) for n in range(4)) + time(S35),
    "pieces-many": setting() + b"".join(pieces(8, n) + udp(WEB4, length=250) for n in range(1, 80)) + time(S65),
    "neighbours": setting() + raw(arp(1, b"\x0a\0\2\2"), MAC) + raw(arp(1, b"\x0a\0\2\3"), MAC) +
                  raw(arp(1, b"\x0a\0\2\x0f"), MAC) + raw(NS, MAC) + raw(RS, MAC) + raw(DAD, MAC) + raw(NA, MAC) + time(S1000),
    "dhcp": setting() + raw(dhcp(1, b"\x37\4\x77\x79\x0c\x0f"), MAC) + raw(dhcp(3, b"\x36\4\x0a\0\2\2\x32\4\x0a\0\2\x0f"), MAC) +
            raw(dhcp(1, b"\x50\0\x3d\3\1\2\3"), MAC) + raw(dhcp(3, b"\x32\4\x0a\0\2\x10"), MAC) +
            raw(dhcp(3, src=b"\x0a\0\2\x0f", ciaddr=b"\x0a\0\2\x0f"), MAC) + raw(dhcp(8, src=b"\x0a\0\2\x0f",
            ciaddr=b"\x0a\0\2\x0f"), MAC) + raw(dhcp(7), MAC) + time(S1000),
    "dhcp6": setting() + dhcp6(1, b"\0\3\0\x0c\0\0\0\7" + bytes(8)) + dhcp6(1, b"\0\x0e\0\0\0\3\0\x0c" + bytes(12)) +
             dhcp6(6, b"\0\3\0\x28" + bytes(12) + b"\0\5\0\x18" + bytes(24)) + dhcp6(11, b"\0\6\0\2\0\x17") + time(S1000),
    "raw-tcp": setting() + raw(ip4(6, segment(SYN, options=b"\2\4\5\xb4\1\3\3\7\4\2\0\0"))) + ack(WEB4) +
               raw(ip4(6, segment(AK, data=b"abc"))) + raw(ip4(6, segment(AK, 0xFFFFFFFF, data=b"xabc"))) +
               raw(ip4(6, segment(AK, options=b"\5\x0a" + struct.pack(">II", 9, 20) + b"\0\0"))) + host(RECV_ALL, WEB4),
    "raw-tcp6": setting() + open_(WEB6) + raw(ip6(6, segment(AK | FIN, data=b"abcdef")), slot=WEB6) +
                raw(ip6(0, bytes([6, 0, 5, 2, 0, 0, 1, 0]) + segment(AK, data=b"zz")), MAC | ADDR | LENGTH, WEB6),
    "raw-offload": setting(BIG | 32) + open_(WEB4) +
                   raw(ip4(6, segment(AK, data=bytes(900))), ALL | WITH_OFFLOAD, WEB4, bytes([0x11, 34, 16, 1, 0, 54])) +
                   raw(ip4(17, bytes(8) + bytes(600)), ALL | WITH_OFFLOAD, WEB4, bytes([0x51, 34, 6, 0, 100, 42])),
    "icmp": setting() + open_(WEB4) + host(SEND, WEB4, 210) + icmp(WEB4, 0, 600) + time(S1) + icmp(WEB4, 1, 0) +
            ack(WEB4) + open_(WEB6) + host(SEND, WEB6, 210) + icmp(WEB6, 0, 1300, -10) + ack(WEB6) + icmp(WEB6, 3, 0),
    "no-room": setting() + open_(WEB4) + room(0) + host(SEND, WEB4, 210) + tcp(WEB4, length=50) + time(S10) + room(1) +
               time(S1) + room(255) + ack(WEB4) + time(S1),
    "failures": setting() + fail("socket", 6) + open_(WEB4) + fail("arm", 7) + open_(WEB4) + fail("connect", 9) +
                open_(WEB4) + open_(WEB4) + fail("writev", 128) + tcp(WEB4, length=90) + fail("readv", 128) +
                host(SEND, WEB4, 9) + fail("writev", 5) + tcp(WEB4, length=90) + fail("sendmmsg", 128) + udp(WEB4) +
                fail("recvmmsg", 1) + dgram(1, 9) + fail("shutdown_write", 7) + open_(WEB6) + tcp(WEB6, AK | FIN) + time(S65),
    "pool-full": setting(0, 16) + b"".join(open_(s) + host(SEND, s, 255, 1) + tcp(s, length=215, seq=1) for s in range(6)) +
                 time(S10) + b"".join(ack(s) for s in range(6)) + time(S65),
    "reload": setting() + b"".join(open_(WEB4) + udp(WEB4) + echo(WEB4) + udp(WEB6) + client(0) + open_(SELF4) + change(n) +
              tcp(WEB4, length=50) + time(S1) + change(0) for n in range(8)) + time(S65),
    "reload-kept": setting() + open_(WEB4) + udp(WEB6) + change(65) + tcp(WEB4, length=99) + host(RECV_ALL, WEB4) + udp(WEB6) +
                   change(1) + time(S65),
    "reload-mapped": setting(128) + udp(WEB4, 30) + udp(WEB4B, 30) + udp(SELF4, 30) + change(3) + dgram(1, 80) + change(2) +
                     udp(SELF4, 30) + change(1) + udp(WEB4, 30),
    "reload-names": setting() + open_(WEB4) + change(6) + tcp(WEB4, length=90) + host(SEND, WEB4, 20) + change(7) +
                    open_(WEB6) + tcp(WEB6, length=90) + time(S10) + change(0) + time(S65),
    "own-addresses": setting() + open_(WEB4) + open_(WEB6) + udp(WEB4) + change(2) + change(128) + change(129) +
                     open_(WEB6) + change(130) + open_(WEB4) + change(128) + time(S65),
}

os.makedirs(HERE, exist_ok=True)
for name, data in SEEDS.items():
    with open(os.path.join(HERE, name), "wb") as out:
        out.write(data)
